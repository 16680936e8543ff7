"""What a process remembers for a while, without growing for ever."""

from __future__ import annotations

# More answers than a process makes while one of them is still written.
MAX_REMEMBERED = 2000


class Recent:
    """A set of names that forgets the oldest of more than two thousand."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        """Remember it as the newest."""
        self._names.pop(name, None)
        self._names[name] = None
        if len(self._names) > MAX_REMEMBERED:
            del self._names[next(iter(self._names))]

    def discard(self, name: str) -> None:
        """Forget it, if it is there."""
        self._names.pop(name, None)
