"""What a dialog must look like before any template can write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversation.errors import InvalidDialog
from conversation.model import Message, Role


def check_dialog(messages: Sequence[Message]) -> tuple[str | None, tuple[Message, ...]]:
    """The system text, None without one, and the turns: user, assistant, ..., user.

    Raises InvalidDialog that names the first wrong turn, counted from 1 with the system's, and what is wrong. These
    are the rules that Meta's generation.py asserts (llama, `chat_completion`).
    """
    has_system = bool(messages) and messages[0].role is Role.SYSTEM
    turns = tuple(messages[1:] if has_system else messages)
    if not turns:
        raise InvalidDialog("the dialog has only a system turn" if has_system else "the dialog is empty")
    for index, message in enumerate(turns):
        expected = Role.ASSISTANT if index % 2 else Role.USER
        if message.role is not expected:
            place = index + 1 + has_system
            raise InvalidDialog(f"turn {place} is the {message.role.value}'s where the {expected.value}'s must stand")
    if turns[-1].role is not Role.USER:
        raise InvalidDialog(f"turn {len(messages)}, the last, is the assistant's: there is nothing to answer")
    return (messages[0].content if has_system else None), turns


def read_dialog(turns: Sequence[Mapping[str, object]]) -> tuple[Message, ...]:
    """Messages from `[{"role": ..., "content": ...}]`, as most chat interfaces write them.

    Raises InvalidDialog for a role that does not exist and for content that is no text; `check_dialog` judges the
    order.
    """
    messages = []
    for place, turn in enumerate(turns, start=1):
        role, content = turn.get("role"), turn.get("content")
        if not isinstance(role, str) or role not in set(Role):
            raise InvalidDialog(f"turn {place} has the role {role!r}; there are system, user and assistant")
        if not isinstance(content, str):
            raise InvalidDialog(f"turn {place} has no text as its content")
        messages.append(Message(Role(str(role)), content))
    return tuple(messages)
