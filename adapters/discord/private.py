"""Answers that one person sees alone, to their end: never in public, whatever happens to the interaction's token.

While it lives, they are shown where they were asked for. A minute before it expires, what is still written moves to the
person's direct messages as a whole, and the place where it stood says so. Who takes none is told that it ends here.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from adapters.discord import finding
from adapters.discord.api import DiscordApi
from adapters.discord.direct import Direct
from adapters.discord.ephemeral import ORIGINAL, Ephemeral, is_expired, is_first
from adapters.discord.finding import FILE
from adapters.discord.messages import Messages
from adapters.discord.places import Interaction, asked_privately_in, destination_of, question_id
from adapters.discord.refusals import NO_DM, NO_MUTUAL_GUILD, UNKNOWN_MESSAGE, Barred, Refusal
from adapters.discord.shown import as_private
from conversation.errors import CorralError
from conversation.model import Job, Segment, SegmentState
from conversation.ports import Attachment, Content, Written
from conversation.recent import Recent

log = logging.getLogger(__name__)

# Segment modes: shown by the interaction, and in the person's direct messages.
PRIVATE, DIRECT = "private", "direct"

# What is left of a token when an answer moves: time to say so here.
LAST_SECONDS = 60.0
GOES_ON = "I can write here no longer. The answer goes on in our direct messages."
ENDS_HERE = "I can write here no longer, and you take no direct messages from me: the answer ends here."


class PrivateAnswers:
    """The private answers that this process writes. Every method raises DeliveryError."""

    def __init__(self, api: DiscordApi, messages: Messages, direct: Direct) -> None:
        self._api, self._messages, self._direct = api, messages, direct
        self._ephemeral = Ephemeral(api)
        self._moved = Recent[Written]()  # by the message's id: what shows its text in its place

    async def find(self, job: Job, key: str) -> Written | None:
        """The message that shows this segment in the direct messages; those elsewhere cannot be looked for."""
        if _is_alive(_interaction(job)):
            return None
        found = await finding.find(self._api, await self._channel(job), question_id(job), key)
        return found if found is None or found.mode == FILE else Written(found.message_id, DIRECT)

    async def post(self, job: Job, key: str, content: Content) -> Written:
        """Send it where it can be sent."""
        by = _interaction(job)
        if _is_alive(by):
            try:
                shown = as_private(job, content, direct=False)
                return Written(await self._ephemeral.post(by, job, key, shown), PRIVATE)
            except Refusal as error:
                if not is_expired(error):
                    raise
        thinking = ORIGINAL if is_first(job, key) else ""
        return await self._move(job, key, thinking, replace(content, text=""), content)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """Put `content` in its place. Refusal with UNKNOWN_MESSAGE when the message is gone."""
        by, key, message_id = _interaction(job), segment.key, segment.message_id
        assert message_id is not None
        at = self._moved.get(message_id) or Written(message_id, segment.mode)
        if at.mode == DIRECT:
            shown = as_private(job, content, direct=True)
            await self._messages.edit(await self._channel(job), key, at.message_id, shown, asked_privately_in(job))
            return
        if _is_alive(by):
            shown = as_private(job, content, direct=False)
            try:
                await self._ephemeral.edit(by, key, at.message_id, shown)
            except Refusal as error:
                if error.code == UNKNOWN_MESSAGE and not at.mode:
                    # A message of the old answer that another token wrote: the new one cannot reach it.
                    self._moved[message_id] = Written(await self._ephemeral.post(by, job, key, shown), PRIVATE)
                    return
                if not is_expired(error):
                    raise
            else:
                return
        if segment.state is SegmentState.CLOSED and at.mode != DIRECT and message_id not in self._moved:
            return  # a full part, as whoever wrote it before us left it: it is not to be read a second time elsewhere
        self._moved[message_id] = await self._move(job, key, at.message_id, content, content)

    async def delete(self, job: Job, message_id: str) -> None:
        """Take it away, if it can still be reached. Safe to repeat."""
        by, at = _interaction(job), self._moved.get(message_id)
        if _is_alive(by) and (at is None or at.mode == PRIVATE):
            await self._ephemeral.delete(by, at.message_id if at is not None else message_id)
        else:
            await self._messages.delete(await self._channel(job), at.message_id if at is not None else message_id)

    async def attach(self, job: Job, key: str, attachment: Attachment) -> Written:
        """Send a file where it can be sent."""
        by = _interaction(job)
        if _is_alive(by):
            return Written(await self._ephemeral.attach(by, key, attachment), FILE)
        return Written(await self._messages.attach(await self._channel(job), key, job.revision, attachment), FILE)

    async def _move(self, job: Job, key: str, old_id: str, last: Content, content: Content) -> Written:
        """Show `content` in the direct messages, and `last` with a sentence about that in the old place."""
        content = as_private(job, content, direct=True)
        try:
            channel = await self._channel(job)
            found = await finding.find(self._api, channel, question_id(job), key)
            if found is None:
                message_id = await self._messages.post(channel, key, job.revision, content, asked_privately_in(job))
            else:
                message_id = found.message_id
                await self._messages.edit(channel, key, message_id, content, asked_privately_in(job))
        except Barred as error:
            if error.code in {NO_DM, NO_MUTUAL_GUILD}:
                await self._end_here(_interaction(job), key, old_id, last, ENDS_HERE)
            raise
        await self._end_here(_interaction(job), key, old_id, last, GOES_ON)
        return Written(message_id, DIRECT)

    async def _end_here(self, by: Interaction, key: str, message_id: str, last: Content, sentence: str) -> None:
        """The old place's last words, while there is time for them."""
        if not message_id or time.time() > by.expires:
            return
        ended = Content(last.text, notice=sentence, final=True)
        try:
            await self._ephemeral.edit(by, key, message_id, ended)
        except CorralError as error:
            log.warning("a private answer ends without a word: %s", error)

    async def _channel(self, job: Job) -> str:
        return await self._direct.channel(destination_of(job).person)


def _interaction(job: Job) -> Interaction:
    by = destination_of(job).private
    assert by is not None
    return by


def _is_alive(by: Interaction) -> bool:
    """Whether an answer may go on where it was asked for."""
    return time.time() < by.expires - LAST_SECONDS
