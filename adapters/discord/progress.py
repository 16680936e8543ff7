"""How far the gateway's events have been seen to: each in a task, and no more of them than memory holds; which number
may be resumed from; and what was last seen where."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from adapters.discord.channels import Place

log = logging.getLogger(__name__)

# Of more events none is taken in before some are stored: memory is bounded, and Discord waits.
MAX_BEGUN = 1000

Work = Coroutine[Any, Any, None]


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


class Seeing:
    """Sees to events, and tells `progress` which are done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: set[asyncio.Task[None]] = set()
        self._has_room = asyncio.Event()
        self._has_room.set()

    @property
    def is_idle(self) -> bool:
        """Whether all are done."""
        return not self._tasks

    async def room(self) -> None:
        """Waits until one more may be begun."""
        await self._has_room.wait()

    def begin(self, work: Work, number: int, event: str) -> None:
        """See to the event of this number. What that raises is logged; cancelled, the event comes again."""
        begun = self._progress.begin(number)
        task = asyncio.create_task(work, name=event)
        self._tasks.add(task)
        if len(self._tasks) >= MAX_BEGUN:
            self._has_room.clear()

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if len(self._tasks) < MAX_BEGUN:
                self._has_room.set()
            if task.cancelled():
                return
            self._progress.done(begun)
            if (error := task.exception()) is not None:
                log.error("an event of Discord's could not be seen to: %s", event, exc_info=error)

        task.add_done_callback(ended)

    async def aclose(self, patience_seconds: float) -> None:
        """Wait so long, then cancel what is left."""
        if self._tasks and patience_seconds:
            await asyncio.wait(set(self._tasks), timeout=patience_seconds)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Marks:
    """When the last message was written that was seen to, for each place, until that is stored."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._held: dict[str, int] = {}

    def note(self, place: Place, milliseconds: int, *, is_ours: bool) -> None:
        """A message of this place was seen to. `is_ours`: from now on we take part there, and catch up in it."""
        marks, milliseconds = self._new if is_ours else self._known, self._held_at(place.mark(), milliseconds)
        # Of messages elsewhere there may be many, and none of them begins a mark.
        if is_ours or place.mark() in marks or len(marks) < 10_000:
            marks[place.mark()] = max(milliseconds, marks.get(place.mark(), 0))

    def hold(self, place: Place, milliseconds: int | None) -> None:
        """What was written there later than this is not seen to, whatever is noted of it: the next process is to find
        it. None when all is."""
        if milliseconds is None:
            self._held.pop(place.mark(), None)
            return
        self._held[place.mark()] = milliseconds
        for marks in (self._new, self._known):
            if place.mark() in marks:
                marks[place.mark()] = min(marks[place.mark()], milliseconds)

    def take(self) -> tuple[dict[str, int], dict[str, int]]:
        """What is to be stored now: marks, and those that count only where there is one already."""
        taken = self._new, self._known
        self._new, self._known = {}, {}
        return taken

    def give_back(self, new: dict[str, int], known: dict[str, int]) -> None:
        """They could not be stored."""
        self._new, self._known = self._merged(new, self._new), self._merged(known, self._known)

    def _merged(self, old: dict[str, int], new: dict[str, int]) -> dict[str, int]:
        places = {**old, **new}
        return {place: self._held_at(place, max(old.get(place, 0), new.get(place, 0))) for place in places}

    def _held_at(self, mark: str, milliseconds: int) -> int:
        return min(milliseconds, self._held.get(mark, milliseconds))
