"""One message, and everything that it has ever shown."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.slack.blocks import Block, Pressable, body_of, notice_of, pressables
from tests.servers.slack.text import pings

TOMBSTONE = "This message was deleted."


@dataclass(frozen=True, slots=True)
class State:
    """What a message showed from `at` (Unix seconds) on."""

    at: float
    text: str
    streaming: bool


@dataclass(slots=True)
class Message:
    """A message of a person or of the bot.

    `text` is mrkdwn as Slack keeps it (the fallback when there are blocks), `markdown` is what came as markdown_text or
    through a stream. `ephemeral_for` names the only person who sees it; such a message is no part of any history.
    """

    ts: str
    channel: str
    user: str
    text: str = ""
    markdown: str = ""
    blocks: list[Block] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)  # what Slack shows of links
    metadata: dict[str, Any] | None = None
    thread_ts: str | None = None
    bot_id: str | None = None
    team: str = ""
    client_msg_id: str | None = None
    file_ids: list[str] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    edited_at: str | None = None
    ephemeral_for: str | None = None
    subtype: str | None = None
    deleted: bool = False
    stopped_by_user: bool = False
    streams_until: float | None = None  # the event loop's clock; None: it is not streaming, or no longer
    was_streamed: bool = False
    history: list[State] = field(default_factory=list)

    @property
    def streaming(self) -> bool:
        """Whether chat.appendStream would still be accepted."""
        return self.streams_until is not None and time.monotonic() < self.streams_until

    @property
    def edited(self) -> bool:
        return self.edited_at is not None

    @property
    def body(self) -> str:
        """What is shown without the context blocks: the answer itself."""
        if self.markdown:
            return "\n".join(part for part in (self.markdown, body_of(self.blocks)) if part)
        return body_of(self.blocks) if self.blocks else self.text

    @property
    def notice(self) -> str:
        """The lines of the context blocks."""
        return notice_of(self.blocks)

    @property
    def shown(self) -> str:
        """What a person reads now; from the blocks if there are any, else from the text."""
        return "\n".join(part for part in (self.body, self.notice) if part)

    @property
    def buttons(self) -> list[Pressable]:
        return pressables(self.blocks)

    @property
    def pings(self) -> bool:
        """Whether it ever showed, or notified with, a text that calls people."""
        return pings(self.text) or any(pings(state.text) for state in self.history)

    def keep(self) -> None:
        """Add what is shown now to the history."""
        self.history.append(State(time.time(), self.shown, self.streaming))
