"""How far the gateway's events have been seen to: which number may be resumed from, and what was last seen where."""

from __future__ import annotations

from adapters.discord.channels import Place


class Progress:
    """Numbers of events. An event that is begun and not done yet must come again if this process dies."""

    def __init__(self) -> None:
        self.latest = 0  # the number of the last event that came
        self._begun: dict[object, int] = {}

    def reset(self, latest: int) -> None:
        """A session begins or goes on after this number."""
        self.latest = latest
        self._begun.clear()

    def saw(self, number: int) -> None:
        """An event came."""
        self.latest = max(self.latest, number)

    def begin(self, number: int) -> object:
        """It takes some time to be seen to; gives what `done` takes. In another session the same number is another
        event."""
        self.saw(number)
        begun = object()
        self._begun[begun] = number
        return begun

    def done(self, begun: object) -> None:
        """It is stored, or nothing to us."""
        self._begun.pop(begun, None)

    @property
    def safe(self) -> int:
        """All events up to this number are done."""
        return min(self._begun.values(), default=self.latest + 1) - 1


class Marks:
    """When the last message was written that was seen to, for each place, until that is stored."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._known: dict[str, int] = {}

    def note(self, place: Place, milliseconds: int, *, is_ours: bool) -> None:
        """A message of this place was seen to. `is_ours`: from now on we take part there, and catch up in it."""
        marks = self._new if is_ours else self._known
        # Of messages elsewhere there may be many, and none of them begins a mark.
        if is_ours or place.mark() in marks or len(marks) < 10_000:
            marks[place.mark()] = max(milliseconds, marks.get(place.mark(), 0))

    def take(self) -> tuple[dict[str, int], dict[str, int]]:
        """What is to be stored now: marks, and those that count only where there is one already."""
        taken = self._new, self._known
        self._new, self._known = {}, {}
        return taken

    def give_back(self, new: dict[str, int], known: dict[str, int]) -> None:
        """They could not be stored."""
        self._new = {**new, **{place: max(at, new.get(place, 0)) for place, at in self._new.items()}}
        self._known = {**known, **{place: max(at, known.get(place, 0)) for place, at in self._known.items()}}
