"""The ready streams of a platform: one for its questions, and one for its errands, which do not wait for the model."""

from __future__ import annotations

from collections.abc import Iterable

from conversation.model import InboundMessage


def questions(platforms: Iterable[str]) -> tuple[str, ...]:
    """The lanes of these platforms' questions."""
    return tuple(platforms)


def errands(platforms: Iterable[str]) -> tuple[str, ...]:
    """The lanes of what needs no model."""
    return tuple(f"{platform}!" for platform in platforms)


def lane_of(message: InboundMessage) -> str:
    """Where a conversation waits whose first job this message is."""
    lanes = errands if message.command.is_errand else questions
    return lanes([message.address.platform])[0]


def place_of(message: InboundMessage) -> str:
    """The address whose jobs come before the message's. A sentence of ours belongs to no conversation: it is said while
    the thread's answer is still waited for."""
    return f"{message.address}!" if message.command.is_aside else str(message.address)
