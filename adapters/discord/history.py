"""What people wrote before a question that points to it. Entries of `InboundMessage.above`:

- `thread`: what stands in the question's thread before it, and the message that the thread was opened from.
- `channel`: the last messages before it in its channel.
- `message:CHANNEL:ID`: one message, which it replies to or is about.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from adapters.discord import pages
from adapters.discord.api import DiscordApi
from adapters.discord.events import name_of
from adapters.discord.payloads import milliseconds_of
from adapters.discord.places import asked_in, question_id
from adapters.discord.reading import plain
from adapters.discord.refusals import Refusal
from conversation.earlier import Unread, read_earlier
from conversation.errors import Unwritable
from conversation.model import InboundMessage, Job, Role, Turn
from conversation.ports import Earlier, History

MAX_MESSAGES = 200  # of a longer thread the newest, and the one that it was opened from
ABOVE_MESSAGES, ABOVE_SECONDS = 10, 3600.0
# Reads of a channel that are left to answers which look for their own messages. No entry needs more than the others.
SPARE = 1

# What people and bots write; the rest is what Discord itself tells (docs: resources/message, message types).
SAID = frozenset({0, 19, 20, 23})
_STARTER = 21
_NOT_ALLOWED = "I may not read the message that this is about."


class DiscordHistory:
    """A History. Names are display names."""

    def __init__(self, api: DiscordApi) -> None:
        self._api = api

    async def earlier(self, job: Job, known: Collection[str]) -> Earlier:
        """See History.earlier. Our own messages are left out, unless the question is about one of them."""

        async def read(message: InboundMessage, entry: str) -> list[Turn]:
            try:
                return await self._read(job, message, entry)
            except (Refusal, Unwritable) as error:
                if entry.startswith("message:"):
                    raise Unread(str(error), _NOT_ALLOWED) from error
                raise

        return await read_earlier(job, known, read)

    async def _read(self, job: Job, message: InboundMessage, entry: str) -> list[Turn]:
        me = await self._api.me()
        match entry.split(":"):
            case ["thread"]:
                found = await self._thread(job, message)
            case ["channel"]:
                since = question_id(job) - (int(ABOVE_SECONDS * 1000) << 22)
                # Twice as many: our own are among them.
                last = await pages.before(self._api, asked_in(job), question_id(job), 2 * ABOVE_MESSAGES, spare=SPARE)
                said = [one for one in last if _is_said(one) and not _is_by(one, me) and int(one["id"]) > since]
                return [_turn(one, me) for one in said[-ABOVE_MESSAGES:]]
            case ["message", channel, message_id]:
                # What we may read elsewhere is not for everybody who asks here.
                if channel not in {message.address.channel, message.address.thread, asked_in(job)}:
                    raise Unread("the message is in another channel", _NOT_ALLOWED)
                single = await pages.one(self._api, channel, message_id, spare=SPARE)
                return [_turn(single, me)] if _is_said(single) else []
            case _:
                raise Unread(f"not an entry: {entry}")
        return [_turn(one, me) for one in found if _is_said(one) and not _is_by(one, me)]

    async def _thread(self, job: Job, message: InboundMessage) -> list[dict[str, Any]]:
        thread = message.address.thread
        found = await pages.before(self._api, thread, question_id(job), MAX_MESSAGES, spare=SPARE)
        starter = next((one for one in found if one.get("type") == _STARTER), None)
        if starter is not None:
            referenced = starter.get("referenced_message")
            return [*([referenced] if referenced else []), *found]
        if len(found) == MAX_MESSAGES:
            return [*await self._beginning(message.address.channel, thread), *found[1:]]
        return found

    async def _beginning(self, parent: str, thread: str) -> list[dict[str, Any]]:
        """The message that a long thread was opened from: it has the thread's id, and is in the channel above or, in a
        forum, in the thread itself."""
        for channel in parent, thread:
            try:
                return [await pages.one(self._api, channel, thread, spare=SPARE, goes_on=True)]
            except (Refusal, Unwritable):
                continue  # it is gone, or in the other place
        return []


def _is_said(message: Mapping[str, Any]) -> bool:
    return message.get("type") in SAID and bool(_text(message).strip())


def _is_by(message: Mapping[str, Any], user: str) -> bool:
    return str((message.get("author") or {}).get("id")) == user


def _turn(message: Mapping[str, Any], me: str) -> Turn:
    author, message_id = message.get("author") or {}, str(message["id"])
    names = {str(one.get("id")): name_of(one, {}) for one in message.get("mentions") or ()}
    return Turn(
        id=message_id,
        exchange="",
        role=Role.USER,
        text=plain(_text(message), names, frozenset({me})),
        at=milliseconds_of(message_id) / 1000,
        author_id=str(author.get("id") or ""),
        author_name=name_of(author, message.get("member") or {}),
        message_ids=(message_id,),
    )


def _text(message: Mapping[str, Any]) -> str:
    """As it was typed. Many bots write embeds only, and what is forwarded stands in a snapshot."""
    parts = [message.get("content")]
    parts += [(one.get("message") or {}).get("content") for one in message.get("message_snapshots") or ()]
    if not any(parts):
        parts += [text for one in message.get("embeds") or () for text in (one.get("title"), one.get("description"))]
    return "\n".join(str(part) for part in parts if part)


_: type[History] = DiscordHistory
