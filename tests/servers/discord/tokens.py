"""The bot's token, and how often it may open a session: 1000 IDENTIFYs in 24 hours, and then Discord takes it away."""

from __future__ import annotations

import uuid

BOT_TOKEN = "corral-test.discord.token"


class Token:
    """What the bot shows. `identify_limit` sessions may be opened; the one after that resets the token."""

    def __init__(self, identify_limit: int = 1000) -> None:
        self.value = BOT_TOKEN
        self.identify_limit = identify_limit
        self.identified = 0
        self.resets = 0
        self.reset_after_seconds = 0.0  # until all IDENTIFYs come back

    @property
    def remaining(self) -> int:
        """How many sessions may still be opened, as GET /gateway/bot tells."""
        return max(0, self.identify_limit - self.identified)

    def counted(self) -> bool:
        """Count an IDENTIFY; False when it was one too many."""
        self.identified += 1
        return self.identified <= self.identify_limit

    def reset(self) -> None:
        """Make it worthless; only its owner learns of the new one, by e-mail."""
        self.value = f"reset.{uuid.uuid4().hex}"
        self.resets += 1
        self.identified = 0
