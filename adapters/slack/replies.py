"""Writes answers in Slack: as streams while there are some, else as messages that are updated.

Works with the bot's token alone, so that any worker can go on with any answer.
"""

from __future__ import annotations

from dataclasses import replace

from adapters.slack import files, finding, private
from adapters.slack.api import Refusal, SlackApi
from adapters.slack.destination import destination_of, is_private, is_shared, needs_root
from adapters.slack.finding import MESSAGE, STREAM
from adapters.slack.messages import Messages
from adapters.slack.people import People
from adapters.slack.private import PrivateAnswers
from adapters.slack.root import asked_by, open_root, tell
from adapters.slack.status import Status
from adapters.slack.streams import Streams
from conversation.access import Person
from conversation.errors import Unwritable
from conversation.model import Job, Segment, ThreadId
from conversation.ports import (
    Attachment,
    Content,
    FillsUp,
    KnowsPeople,
    OpensPlaces,
    ReplySink,
    ShowsWhole,
    TakesFiles,
    TellsPrivately,
    Written,
)


class SlackReplies:
    """A ReplySink whose message ids are Slack's ts, and `file:F...` for files."""

    # A stream dies at 11 to 12 KB, and what is streamed can be longer than the text it shows.
    message_limit = 9_000
    limit_in_bytes = True
    has_buttons = True

    def __init__(self, api: SlackApi, people: People | None = None) -> None:
        self._api, self._people = api, people or People(api)
        self._status = Status(api)
        self._streams = Streams(api, self._status.closed_by_stream)
        self._messages = Messages(api)
        self._private = PrivateAnswers(api)

    @property
    def edit_interval_seconds(self) -> float:
        """See ReplySink.edit_interval_seconds. Of streams and messages the shorter one: who comes too early is told."""
        streams, messages = self._streams.pace, self._messages.pace
        if streams.is_idle and not messages.is_idle:
            return messages.pause_seconds
        return streams.pause_seconds if messages.is_idle else min(streams.pause_seconds, messages.pause_seconds)

    def is_full(self, segment: Segment) -> bool:
        """See FillsUp.is_full."""
        return self._streams.is_full(segment.key)

    async def find(self, job: Job, segment: Segment) -> Written | None:
        """See ReplySink.find."""
        return await finding.find(self._api, job, segment)

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post. The whole answer at once is one call as a message, and two as a stream."""
        if is_private(job):
            return await self._private.post(job, segment.key, content)
        at = destination_of(job)
        if is_shared(job, segment.key):
            await self._messages.update(at, segment.key, at.thread_ts, _with_question(job, content))
            return Written(at.thread_ts, MESSAGE)
        if not content.final and (ts := await self._streams.start(at, segment.key, content)) is not None:
            self._status.opened_by_stream(job, at)
            return Written(ts, STREAM)
        return Written(await self._messages.post(at, segment.key, content), MESSAGE)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """See ReplySink.edit."""
        at, key, ts = destination_of(job), segment.key, segment.message_id
        assert ts is not None
        if is_private(job):
            await self._private.edit(job, segment, content)
            return
        if is_shared(job, key):
            content = _with_question(job, content)
        if (
            segment.mode == STREAM
            and not self._streams.is_over(key)
            and await self._streams.write(at, key, ts, content)
        ):
            return
        try:
            await self._messages.update(at, key, ts, content)
        except Refusal as error:
            if error.code != "streaming_state_conflict":
                raise
            # An old answer's stream that nobody ended, in whose message a new one is shown.
            await self._streams.end(at, key, ts)
            await self._messages.update(at, key, ts, content)

    async def delete(self, job: Job, message_id: str) -> None:
        """See ReplySink.delete."""
        at = destination_of(job)
        if is_private(job) or private.is_private_id(message_id):
            return  # what one person saw alone goes by itself
        if files.is_file(message_id):
            await files.delete(self._api, at.team, message_id)
        else:
            await self._messages.delete(at, message_id)
            await self._streams.deleted(at, message_id)

    def is_shown_whole(self, job: Job) -> bool:
        """See ShowsWhole.is_shown_whole."""
        return is_private(job)

    def takes_files(self, job: Job) -> bool:
        """See TakesFiles.takes_files: what one person sees alone has none."""
        return not is_private(job)

    async def attach(self, job: Job, segment: Segment, attachment: Attachment) -> Written:
        """See TakesFiles.attach."""
        if is_private(job):
            raise Unwritable("a file is for everybody", user_notice="")
        return await files.attach(self._api, destination_of(job), segment.key, attachment)

    def is_file(self, message_id: str) -> bool:
        """See TakesFiles.is_file."""
        return files.is_file(message_id)

    async def status(self, job: Job, text: str) -> None:
        """See ReplySink.status."""
        await self._status.show(job, text)

    def needs_place(self, job: Job) -> bool:
        """See OpensPlaces.needs_place."""
        return needs_root(job)

    async def open(self, job: Job, *, look: bool) -> tuple[str, ThreadId]:
        """See OpensPlaces.open."""
        return await open_root(self._api, job, look=look)

    async def tell(self, job: Job, text: str) -> None:
        """See TellsPrivately.tell."""
        await tell(self._api, job, text)

    async def standing(self, person: Person) -> Person | None:
        """See KnowsPeople.standing."""
        return await self._people.standing_now(person)


def _with_question(job: Job, content: Content) -> Content:
    return replace(content, text=f"{asked_by(job)}\n\n{content.text}")


_sink: type[ReplySink] = SlackReplies
_shows_whole: type[ShowsWhole] = SlackReplies
_fills_up: type[FillsUp] = SlackReplies
_opens_places: type[OpensPlaces] = SlackReplies
_tells_privately: type[TellsPrivately] = SlackReplies
_takes_files: type[TakesFiles] = SlackReplies
_knows_people: type[KnowsPeople] = SlackReplies
