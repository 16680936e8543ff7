"""The first step of every message, whatever the platform: stop, refuse, or accept."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from conversation import notices
from conversation.errors import MessageTooLong
from conversation.model import Command, InboundMessage
from conversation.ports import Accepted, Inbox

# Half a character: Python reads it from a broken input, and no encoding can write it.
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
STOP_WORDS = frozenset({"stop", "stop!", "stop."})


def storable(text: str) -> str:
    """The text with what cannot be written as UTF-8 replaced by the sign for that, U+FFFD."""
    return _LONE_SURROGATES.sub("\ufffd", text)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The message was the word stop, and an answer was running."""

    conversation_id: str


class Intake:
    """Decides what becomes a job."""

    def __init__(self, inbox: Inbox, max_input_chars: int) -> None:
        self._inbox = inbox
        self.max_input_chars = max_input_chars

    async def receive(self, message: InboundMessage) -> Accepted | Stopped:
        """Store the message durably or act on it; only when this returns may the platform be acknowledged.

        Raises MessageTooLong and QueueFull (tell the person `user_notice`), StoreUnavailable (acknowledge nothing).
        """
        message = self.check(message)
        if message.command is Command.ASK and message.text.strip().lower() in STOP_WORDS:
            conversation_id = await self._inbox.conversation(message.address)
            if conversation_id is not None and await self._inbox.cancel(conversation_id):
                return Stopped(conversation_id)
        return await self._inbox.accept(message)

    def check(self, message: InboundMessage) -> InboundMessage:
        """The message as it can be stored. Raises MessageTooLong."""
        self.check_length(max(len(message.text), len(message.code)))
        return replace(
            message,
            text=storable(message.text),
            author_name=storable(message.author_name),
            code=storable(message.code),
            file_name=storable(message.file_name),
            remarks=storable(message.remarks),
        )

    def check_length(self, characters: int) -> None:
        """Counted before anything tokenises it, or looks for code in it: a paste of megabytes costs no time here.
        Raises MessageTooLong."""
        if characters > self.max_input_chars:
            raise MessageTooLong(user_notice=notices.too_long(characters, self.max_input_chars))
