"""One interaction: what a person pressed or called up, and what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

# discord.com/developers/docs/interactions/receiving-and-responding, interaction types and callback types
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
REPLY_NOW, DEFER_REPLY, DEFER_UPDATE, UPDATE, CHOICES, SHOW_MODAL = 4, 5, 6, 7, 8, 9


@dataclass(slots=True, eq=False)
class Interaction:
    """An interaction; times are Unix seconds. `name` is the command's name, or the custom_id.

    `message` is the id of the message that it belongs to (the button's), `original` that of the answer, `followups`
    those of what came after. `failed`: the person was told that the application did not respond in time.
    """

    id: str
    token: str
    type: int
    name: str
    user: str
    channel: str
    guild: str | None
    message: str | None = None
    at: float = field(default_factory=time.time)
    acked: float | None = None
    response_type: int | None = None
    original: str | None = None
    followups: list[str] = field(default_factory=list)
    modal: dict[str, Any] | None = None
    choices: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def told(self) -> dict[str, Any]:
        """What is known of it, as JSON."""
        names = ("id", "type", "name", "user", "channel", "message", "at", "acked", "response_type", "original")
        return {name: getattr(self, name) for name in (*names, "followups", "modal", "choices", "failed")}
