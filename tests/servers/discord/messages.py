"""One message, and everything that it has ever shown."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.discord.components import Component, Pressable, embed_text, pressables, text_of
from tests.servers.discord.pings import Pings

# discord.com/developers/docs/resources/message#message-object-message-types and -message-flags
DEFAULT, THREAD_CREATED, REPLY, COMMAND_REPLY, THREAD_STARTER = 0, 18, 19, 20, 21
HAS_THREAD, EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 5, 1 << 6, 1 << 7, 1 << 15


@dataclass(frozen=True, slots=True)
class State:
    """What a message showed from `at` (Unix seconds) on, and whom it called then."""

    at: float
    text: str
    pings: Pings


@dataclass(slots=True)
class Message:
    """A message of a person or of a bot.

    `created_at` is Unix seconds; tests may set it back. `ephemeral_for` names the only person who sees it; such a
    message is in no history, and no event tells of it. `interaction` is the id of the one that it answers.
    """

    id: str
    channel: str
    author: str
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    type: int = DEFAULT
    flags: int = 0
    nonce: str | None = None
    reply_to: str | None = None
    reference: dict[str, Any] | None = None  # message_reference, as it is shown
    interaction: str | None = None
    ephemeral_for: str | None = None
    mentions: Pings = field(default_factory=Pings)  # of what is shown now
    reactions: dict[str, list[str]] = field(default_factory=dict)
    created_at: float = field(default_factory=time.time)
    edited_at: float | None = None
    deleted: bool = False
    history: list[State] = field(default_factory=list)

    @property
    def shown(self) -> str:
        """What a person reads now: text, embeds and text displays."""
        parts = [self.content, *(embed_text(embed) for embed in self.embeds), text_of(self.components)]
        return "\n".join(part for part in parts if part)

    @property
    def body(self) -> str:
        """What is shown without the small print: the answer itself."""
        return "\n".join(line for line, small in _lines(self.shown) if not small)

    @property
    def notice(self) -> str:
        """The small print, that is lines that begin with `-# ` outside of code, without this sign."""
        return "\n".join(line.removeprefix("-# ") for line, small in _lines(self.shown) if small)

    @property
    def buttons(self) -> list[Pressable]:
        return pressables(self.components)

    @property
    def loading(self) -> bool:
        """Whether it says only that the bot is thinking."""
        return bool(self.flags & LOADING)

    @property
    def edited(self) -> bool:
        return self.edited_at is not None

    @property
    def pings(self) -> list[Pings]:
        """Every time that it called people, with its first text or with an edit."""
        return [state.pings for state in self.history if state.pings]

    def keep(self) -> None:
        """Add what is shown now to the history."""
        self.history.append(State(time.time(), self.shown, self.mentions))


def _lines(text: str) -> list[tuple[str, bool]]:
    lines: list[tuple[str, bool]] = []
    code = False
    for line in text.split("\n"):
        code ^= line.lstrip().startswith("```")
        lines.append((line, line.startswith("-# ") and not code))
    return lines
