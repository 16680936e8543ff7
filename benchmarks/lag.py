"""How late an event loop is: what a person's next token, and the renewal of a lease, wait for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from benchmarks.report import percentile

PERIOD_SECONDS = 0.005


@dataclass(slots=True)
class Load:
    """What a piece of work asked of its loop and its process."""

    lags: list[float] = field(default_factory=list)  # milliseconds that a timer came late
    processor_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """Of one processor core."""
        return self.processor_seconds / self.seconds

    def lag(self) -> str:
        """p50, p99 and the largest, in words."""
        return (
            f"p50 {percentile(self.lags, 0.5):.1f}, p99 {percentile(self.lags, 0.99):.1f}, max {max(self.lags):.0f} ms"
        )


@asynccontextmanager
async def watching() -> AsyncIterator[Load]:
    """Fills a Load while it is open."""
    load = Load()

    async def watch() -> None:
        while True:
            due = time.perf_counter() + PERIOD_SECONDS
            await asyncio.sleep(PERIOD_SECONDS)
            load.lags.append(max(0.0, 1000 * (time.perf_counter() - due)))

    started, before = time.perf_counter(), time.process_time()
    task = asyncio.create_task(watch(), name="watch the loop")
    try:
        yield load
    finally:
        load.seconds, load.processor_seconds = time.perf_counter() - started, time.process_time() - before
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
