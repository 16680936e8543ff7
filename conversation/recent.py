"""What a process remembers for a while, without growing for ever."""

from __future__ import annotations

import time
from typing import TypeVar

# More answers than a process makes while one of them is still written.
MAX_REMEMBERED = 2000

V = TypeVar("V")


class Recent(dict[str, V]):
    """Values by name, oldest first. To assign makes a name the newest, and forgets the oldest of more than `size`."""

    def __init__(self, size: int = MAX_REMEMBERED) -> None:
        super().__init__()
        self._size = size

    def __setitem__(self, name: str, value: V) -> None:
        self.pop(name, None)
        super().__setitem__(name, value)
        if len(self) > self._size:
            del self[next(iter(self))]


class Lately:
    """A set of names, each for `seconds` after it was added; of more than two thousand the newest."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = Recent[float]()  # on the monotonic clock

    def __contains__(self, name: str) -> bool:
        return time.monotonic() < self._until.get(name, 0.0)

    def add(self, name: str) -> None:
        """From now on, again."""
        self._until[name] = time.monotonic() + self._seconds
