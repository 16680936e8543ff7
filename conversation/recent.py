"""What a process remembers for a while, without growing for ever."""

from __future__ import annotations

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
