"""Writes answers in Discord: in threads and direct messages with the bot's token, and to one person alone.

Needs no gateway, so that any worker can go on with any answer.
"""

from __future__ import annotations

from adapters.discord import finding
from adapters.discord.api import DiscordApi
from adapters.discord.direct import Direct
from adapters.discord.finding import FILE, MESSAGE
from adapters.discord.messages import Messages
from adapters.discord.people import People
from adapters.discord.places import (
    Destination,
    asked_privately_in,
    destination_of,
    needs_root,
    needs_thread,
    question_id,
    thread_address,
)
from adapters.discord.private import PrivateAnswers
from adapters.discord.refusals import UNKNOWN_MESSAGE, Refusal
from adapters.discord.rendering import MAX_TEXT
from adapters.discord.shown import Roots, as_public
from adapters.discord.status import Status
from adapters.discord.threads import Threads
from conversation.access import Person
from conversation.model import Job, Segment, ThreadId
from conversation.ports import (
    Attachment,
    ClosesPlaces,
    Content,
    KnowsPeople,
    OpensPlaces,
    ReplySink,
    TakesFiles,
    TellsPrivately,
    Written,
)
from conversation.recent import Recent


class DiscordReplies:
    """A ReplySink whose message ids are Discord's; a file is a message too."""

    message_limit = MAX_TEXT
    limit_in_bytes = False
    has_buttons = True

    def __init__(self, api: DiscordApi) -> None:
        self._api = api
        self._threads = Threads(api)
        self._roots = Roots(api, self._threads)
        self._status = Status(api, self._threads)
        self._messages, self._direct = Messages(api), Direct(api)
        self._private = PrivateAnswers(api, self._messages, self._direct)
        self._people = People(api)
        self._gone = Recent[None]()  # messages that somebody deleted
        self._instead = Recent[str]()  # by an old answer's message that is gone: what shows the new one

    async def aclose(self) -> None:
        """End what is still done beside the answers."""
        await self._status.aclose()
        await self._threads.aclose()

    @property
    def edit_interval_seconds(self) -> float:
        """See ReplySink.edit_interval_seconds. Who comes too early all the same is told."""
        return self._messages.pace.pause_seconds

    async def find(self, job: Job, segment: Segment) -> Written | None:
        """See ReplySink.find."""
        at = destination_of(job)
        if at.private is not None:
            return await self._private.find(job, segment.key)
        return await finding.find(self._api, at.channel, question_id(job), segment.key)

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post."""
        at = destination_of(job)
        self._status.end(job)
        if at.private is not None:
            return await self._private.post(job, segment.key, content)
        content = as_public(job, content)
        message_id = await self._messages.post(at.channel, segment.key, job.revision, content, asked_privately_in(job))
        return Written(message_id, MESSAGE)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """See ReplySink.edit. Nothing happens when somebody deleted the message."""
        at, message_id = destination_of(job), segment.message_id
        assert message_id is not None
        self._status.end(job)
        if message_id in self._gone:
            return
        try:
            if at.private is not None:
                await self._private.edit(job, segment, content)
            else:
                shown_in = self._instead.get(message_id, message_id)
                content = as_public(job, content)
                await self._messages.edit(at.channel, segment.key, shown_in, content, asked_privately_in(job))
        except Refusal as error:
            if error.code != UNKNOWN_MESSAGE:
                raise
            is_old_answers = not segment.mode and message_id not in self._instead
            if is_old_answers and at.private is None:
                await self._show_instead(job, at, segment, content)
            else:
                self._gone[message_id] = None

    async def delete(self, job: Job, message_id: str) -> None:
        """See ReplySink.delete."""
        at = destination_of(job)
        if at.private is not None:
            await self._private.delete(job, message_id)
        else:
            await self._messages.delete(at.channel, self._instead.get(message_id, message_id))

    def takes_files(self, job: Job) -> bool:
        """See TakesFiles.takes_files."""
        return True

    async def attach(self, job: Job, segment: Segment, attachment: Attachment) -> Written:
        """See TakesFiles.attach."""
        at = destination_of(job)
        if at.private is not None:
            return await self._private.attach(job, segment.key, attachment)
        return Written(await self._messages.attach(at.channel, segment.key, job.revision, attachment), FILE)

    def is_file(self, message_id: str) -> bool:
        """See TakesFiles.is_file: every message can show a text, a file's too, which loses its file then."""
        return False

    async def status(self, job: Job, text: str) -> None:
        """See ReplySink.status. There is no place for `text`: the open thread and the typing indicator say enough."""
        if text:
            self._status.show(job)
        else:
            self._status.end(job)

    def needs_place(self, job: Job) -> bool:
        """See OpensPlaces.needs_place."""
        return needs_thread(job) or needs_root(job)

    async def open(self, job: Job, *, look: bool) -> tuple[str, ThreadId]:
        """See OpensPlaces.open. A thread's id is known before, so it is not looked for."""
        if needs_root(job):
            return await self._roots.open(job, look=look)
        await self._threads.open(job)
        address = thread_address(job)
        return address.thread, address

    async def close_place(self, job: Job) -> None:
        """See ClosesPlaces.close_place."""
        await self._threads.close(job)

    async def tell(self, job: Job, text: str) -> None:
        """See TellsPrivately.tell."""
        await self._direct.tell(job, text)

    async def standing(self, person: Person) -> Person | None:
        """See KnowsPeople.standing."""
        return await self._people.standing(person)

    async def _show_instead(self, job: Job, at: Destination, segment: Segment, content: Content) -> None:
        """The new answer was to take the place of an old one that somebody deleted: it gets a message of its own."""
        assert segment.message_id is not None
        found = await finding.find(self._api, at.channel, question_id(job), segment.key)
        if found is not None:
            await self._messages.edit(at.channel, segment.key, found.message_id, content, asked_privately_in(job))
            message_id = found.message_id
        else:
            message_id = await self._messages.post(
                at.channel, segment.key, job.revision, content, asked_privately_in(job)
            )
        self._instead[segment.message_id] = message_id


_sink: type[ReplySink] = DiscordReplies
_opens_places: type[OpensPlaces] = DiscordReplies
_closes_places: type[ClosesPlaces] = DiscordReplies
_tells_privately: type[TellsPrivately] = DiscordReplies
_takes_files: type[TakesFiles] = DiscordReplies
_knows_people: type[KnowsPeople] = DiscordReplies
