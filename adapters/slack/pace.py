"""How often answers of one kind are written while they grow: each waits for its own turn, longer when many run."""

from __future__ import annotations

import time

from adapters.slack.recent import Recent
from conversation.errors import Paced
from conversation.pacing import Allowance, Grant, Meter

# Writes come a little early when a timer does; that is no reason to send them back.
TOLERANCE_SECONDS = 0.02


class Pace:
    """The pauses of the answers that are written under one allowance by this process."""

    def __init__(self, allowance: Allowance, base_seconds: float) -> None:
        self._meter = Meter(allowance, base_seconds)
        self._next = Recent[float]()  # when an answer may be written again, on the monotonic clock

    @property
    def pause_seconds(self) -> float:
        """Between two writes of one answer."""
        return self._meter.pause()

    @property
    def is_idle(self) -> bool:
        """Whether no answer of this kind is being written."""
        return not self._next

    def check(self, key: str) -> None:
        """Raises Paced when it is too early for another write of this answer."""
        left = self._next.get(key, 0.0) - time.monotonic()
        if left > TOLERANCE_SECONDS:
            raise Paced("other answers come first", retry_after_seconds=left)

    def note(self, grant: Grant) -> None:
        """See Meter.note."""
        self._meter.note(grant)

    def wrote(self, key: str) -> None:
        """The answer was written, and will be again."""
        self._meter.begin(key)
        self._next[key] = time.monotonic() + self._meter.pause()

    def end(self, key: str) -> None:
        """The answer is written no more. Safe to repeat."""
        self._meter.end(key)
        self._next.pop(key, None)
