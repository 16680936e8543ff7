"""Ids that carry their time (discord.com/developers/docs/reference#snowflakes), and times as Discord writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_EPOCH_MILLISECONDS = 1_420_070_400_000  # the first second of 2015


class Snowflakes:
    """New ids, always growing: what comes later sorts later, also within a millisecond."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> str:
        now = (int(time.time() * 1000) - _EPOCH_MILLISECONDS) << 22
        self._last = max(now, self._last + 1)
        return str(self._last)


def iso(seconds: float) -> str:
    """ISO 8601, as in timestamps of messages; `seconds` are Unix seconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()
