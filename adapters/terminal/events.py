"""A typed line becomes an inbound message. Pure, but for the ids and the clock that are passed in."""

from __future__ import annotations

from conversation.model import Command, InboundMessage, ThreadId

PLATFORM = "terminal"


def thread_id(user: str, name: str) -> ThreadId:
    """The thread of this name that belongs to this user of this machine."""
    return ThreadId(PLATFORM, "local", user, name)


def inbound(
    address: ThreadId, message_id: str, text: str, sent_at: float, command: Command = Command.ASK
) -> InboundMessage:
    """What the person sent, in the conversation's words."""
    return InboundMessage(
        address=address,
        message_id=message_id,
        author_id=address.channel,
        author_name=address.channel,
        text=text,
        sent_at=sent_at,
        command=command,
    )
