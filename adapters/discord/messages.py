"""Messages in channels, threads and DMs: posted once, then edited as a whole.

Posts can be repeated: for some minutes the same nonce gives the same message. Every message that is not finished keeps
one edit free for its end. A message older than an hour has few edits (error 30046): it grows slowly, and its end waits
for its turn; it is never finished in a new message, for the old one would stay there half-written.
"""

from __future__ import annotations

import time
from typing import Any

from discord.http import MultipartParameters

from adapters.discord.api import DiscordApi
from adapters.discord.files import with_file
from adapters.discord.limits import EVERYWHERE, changes_to, deletes_in, edits_in, old_edits_in, sends_in
from adapters.discord.places import age_seconds
from adapters.discord.refusals import ARCHIVED, LOCKED, UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, Barred, Refusal
from adapters.discord.rendering import body, is_shown, nonce
from conversation.errors import DeliveryError, Paced
from conversation.model import ThreadId
from conversation.pacing import Allowance, Pace, Use, take_or_raise
from conversation.ports import Attachment, Content
from conversation.recent import Recent

# An answer waits longer only while it stands in line; then its next edit keeps its end free anew.
HOLD_SECONDS = 360.0
PAUSE_SECONDS = 1.2
# After the first edits of an answer, so that a channel's limit lets it grow evenly: three edits and an end in 5.5 s.
QUICK_EDITS, STEADY_PAUSE_SECONDS = 2, 1.9
# Calls of any kind that growing texts leave to first texts and ends.
SPARE_FOR_ENDS = 20
OLD_SECONDS = 3500.0


class Messages:
    """What this process writes with the bot's token. `key` is the segment's, `asked_in` as in `custom_id`."""

    def __init__(self, api: DiscordApi) -> None:
        self._api = api
        self._edits = Recent[int]()  # of the answers that are being written
        growing = Allowance(EVERYWHERE.name, EVERYWHERE.limit - SPARE_FOR_ENDS, EVERYWHERE.seconds)
        self.pace = Pace(growing, PAUSE_SECONDS)

    async def post(
        self, channel: str, key: str, revision: int, content: Content, asked_in: ThreadId | None = None
    ) -> str:
        """Send it; gives the message's id. Raises DeliveryError."""
        sends, edits = sends_in(channel), edits_in(channel)
        uses = [Use(EVERYWHERE), Use(sends)]
        if not content.final:
            uses.append(Use(edits, hold=key, hold_seconds=HOLD_SECONDS))
        await take_or_raise(self._api.budget, *uses)
        fields = body(content, key, asked_in)
        new = _parameters({**fields, "nonce": nonce(key, revision), "enforce_nonce": True})
        try:
            message = await self._api.call(sends, lambda http: http.send_message(channel, params=new))
        except DeliveryError as error:
            if error.certain and not content.final:
                await self._api.budget.release(edits, key)
            raise _locked(error) from error
        message_id = str(message["id"])
        if not is_shown(message, fields):
            # It was there already: the reply to an earlier post was lost, and what that said is older.
            await self.edit(channel, key, message_id, content, asked_in)
        elif not content.final:
            self._wrote(key)
        return message_id

    async def edit(
        self, channel: str, key: str, message_id: str, content: Content, asked_in: ThreadId | None = None
    ) -> None:
        """Put `content` in its place. Raises DeliveryError; Refusal with UNKNOWN_MESSAGE when somebody deleted it."""
        await self._may_edit(channel, key, message_id, content)
        fields = body(content, key, asked_in)
        try:
            await self._edit(channel, message_id, fields)
        except Refusal as error:
            if error.code == UNKNOWN_MESSAGE:
                await self.forget(channel, key)
            if error.code != ARCHIVED:
                raise
            await self._bring_back(channel)
            await self._edit(channel, message_id, fields)
        if content.final:
            self._end(key)
        else:
            self._wrote(key)

    async def attach(self, channel: str, key: str, revision: int, attachment: Attachment) -> str:
        """Send a file; gives the message's id. Raises DeliveryError."""
        file = with_file(attachment, key, nonce=nonce(key, revision))
        try:
            message = await self._api.ask(sends_in(channel), lambda http: http.send_message(channel, params=file))
        except Refusal as error:
            raise _locked(error) from error
        return str(message["id"])

    async def delete(self, channel: str, message_id: str) -> None:
        """Take it away. Safe to repeat. Raises DeliveryError."""
        try:
            await self._api.ask(deletes_in(channel), lambda http: http.delete_message(channel, message_id))
        except (Refusal, Barred) as error:
            if error.code not in {UNKNOWN_MESSAGE, UNKNOWN_CHANNEL}:
                raise

    async def forget(self, channel: str, key: str) -> None:
        """It is not written any more. Safe to repeat. Raises StoreUnavailable."""
        self._end(key)
        for allowance in edits_in(channel), old_edits_in(channel):
            await self._api.budget.release(allowance, key)

    async def _may_edit(self, channel: str, key: str, message_id: str, content: Content) -> None:
        allowance = _edits(channel, message_id)
        if content.final:
            await take_or_raise(self._api.budget, Use(EVERYWHERE), Use(allowance, hold=key))
            return
        self.pace.check(key)
        grant = await self._api.budget.take(
            Use(EVERYWHERE, spare=SPARE_FOR_ENDS),
            Use(allowance),
            Use(allowance, hold=key, hold_seconds=HOLD_SECONDS),
        )
        self.pace.note(grant)
        if grant.wait_seconds > 0:
            raise Paced("no edit is left", retry_after_seconds=grant.wait_seconds)

    async def _edit(self, channel: str, message_id: str, fields: dict[str, Any]) -> None:
        changed = _parameters(fields)
        await self._api.call(
            _edits(channel, message_id), lambda http: http.edit_message(channel, message_id, params=changed)
        )

    async def _bring_back(self, thread: str) -> None:
        """A post brings an archived thread back by itself, an edit does not. Raises Barred where it is locked."""
        try:
            await self._api.ask(changes_to(thread), lambda http: http.edit_channel(thread, archived=False))
        except (Refusal, Barred) as error:
            raise Barred("archived thread", ARCHIVED, user_notice=LOCKED) from error

    def _wrote(self, key: str) -> None:
        self._edits[key] = edits = self._edits.get(key, -1) + 1
        self.pace.wrote(key, STEADY_PAUSE_SECONDS if edits >= QUICK_EDITS else 0.0)

    def _end(self, key: str) -> None:
        self.pace.end(key)
        self._edits.pop(key, None)


def _edits(channel: str, message_id: str) -> Allowance:
    is_old = age_seconds(message_id, time.time()) > OLD_SECONDS
    return old_edits_in(channel) if is_old else edits_in(channel)


def _parameters(fields: dict[str, Any]) -> MultipartParameters:
    return MultipartParameters(payload=fields, multipart=None, files=None)


def _locked(error: DeliveryError) -> DeliveryError:
    """A thread that a post does not bring back is locked."""
    if isinstance(error, Refusal) and error.code == ARCHIVED:
        return Barred("locked thread", ARCHIVED, user_notice=LOCKED)
    return error
