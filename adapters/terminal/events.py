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


def with_file(question: str, name: str, content: str) -> str:
    """The question with a file below it, fenced so that nothing in the file ends the fence."""
    longest = max((len(run) for run in _backtick_runs(content)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{question}\n\n{name}:\n{fence}\n{content.rstrip()}\n{fence}"


def _backtick_runs(text: str) -> list[str]:
    runs, current = [], ""
    for character in text:
        if character == "`":
            current += character
        elif current:
            runs.append(current)
            current = ""
    return [*runs, current] if current else runs
