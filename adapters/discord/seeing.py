"""The gateway's events that take some time to be seen to: each in a task, and no more of them than memory holds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from adapters.discord.progress import Progress

log = logging.getLogger(__name__)

# Of more events none is taken in before some are stored: memory is bounded, and Discord waits.
MAX_BEGUN = 1000

Work = Coroutine[Any, Any, None]


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
