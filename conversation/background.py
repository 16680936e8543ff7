"""Small things that are done beside the work: kept until they are done, few at a time, ended with us."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Background:
    """Tasks that nobody waits for. asyncio keeps no reference to a task: one that nobody keeps may vanish half done."""

    def __init__(self, limit: int = 256) -> None:
        self._limit = limit
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, object], name: str) -> None:
        """Do it; or nothing, when too much is being done already. What it raises is logged."""
        if len(self._tasks) >= self._limit:
            work.close()
            log.warning("left out because %d things are being done: %s", len(self._tasks), name)
            return
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("failed: %s", task.get_name(), exc_info=error)

    async def aclose(self, patience_seconds: float = 0.0) -> None:
        """Wait so long for what is being done, then cancel the rest."""
        if self._tasks and patience_seconds:
            await asyncio.wait(set(self._tasks), timeout=patience_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
