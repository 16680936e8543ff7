"""How soon a question begins to be answered when nothing else is going on: `python -m benchmarks.start`."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, cast

from redis.asyncio import Redis

from benchmarks.report import Figure, Panel, Plot, Section, distribution, percentile, run
from benchmarks.store import LANE, fresh_store, question
from conversation.control import Control
from conversation.model import Claim, Ending, Settlement, StopReason
from conversation.worker import Worker
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.records import dump_message

SAMPLES = 400
LONGEST_PAUSE_SECONDS = 0.02
WAIT_SECONDS = 10.0
CONCURRENCY = 64
BAR_MILLISECONDS = 20.0


class Stopwatch:
    """An Answerer that says when it was called, and is done."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[float] = asyncio.Queue()

    async def answer(self, claim: Claim, control: Control) -> Settlement | StopReason:
        """See Answerer."""
        self.begun.put_nowait(time.perf_counter())
        return Settlement(Ending.COMPLETE)

    async def apologise(self, claim: Claim) -> None:
        """See Answerer; no job here crashes."""
        raise AssertionError(f"job {claim.job.id} was given up")

    async def free_slots(self) -> int:
        """See Answerer: this model is always free."""
        return CONCURRENCY


async def corral(redis: Redis, fast: Redis) -> list[float]:
    """Milliseconds from the call of `accept` to the call of the answerer, in the real worker."""
    keys, stopwatch, stopping = Keys(), Stopwatch(), asyncio.Event()
    inbox = RedisInbox(redis, fast, keys)
    queue = RedisJobs(redis, keys, lanes=[LANE])
    worker = Worker(queue, stopwatch, concurrency=CONCURRENCY, max_attempts=queue.max_attempts, drain_seconds=5)
    working = asyncio.create_task(worker.run(stopping))
    found = []
    for number in range(SAMPLES):
        started = time.perf_counter()
        await inbox.accept(question(number, thread=str(number)))
        found.append(1000 * (await asyncio.wait_for(stopwatch.begun.get(), WAIT_SECONDS) - started))
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
    stopping.set()
    await working
    return found


async def bare(redis: Redis) -> list[float]:
    """Milliseconds from XADD to the return of an XREADGROUP that waits for it."""
    await redis.xgroup_create("bare", "workers", "0", mkstream=True)
    begun: asyncio.Queue[float] = asyncio.Queue()

    async def read() -> None:
        while True:
            reply = await redis.xreadgroup("workers", "one", {"bare": ">"}, count=1, block=500)
            for _, entries in cast("list[tuple[bytes, list[tuple[bytes, Any]]]]", reply):
                begun.put_nowait(time.perf_counter())
                await redis.xack("bare", "workers", *(entry for entry, _ in entries))

    reading = asyncio.create_task(read())
    found = []
    for number in range(SAMPLES):
        started = time.perf_counter()
        await redis.xadd("bare", {"message": dump_message(question(number, thread=str(number)))})
        found.append(1000 * (await asyncio.wait_for(begun.get(), WAIT_SECONDS) - started))
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    return found


async def measure() -> Section:
    """Both ways on one server, one after the other."""
    async with fresh_store() as url, open_redis(url) as redis, open_redis(url, fast=True) as fast:
        theirs = await bare(redis)
        ours = await corral(redis, fast)
    p99 = percentile(ours, 0.99)
    return Section(
        "From accept to start",
        "python -m benchmarks.start",
        "Ours: from the call of `accept` to the moment when the real `Worker` calls its answerer. Bare: from XADD to "
        f"the return of an XREADGROUP that was waiting. {SAMPLES} questions one after the other, each in a thread of "
        "its own, after pauses of up to 20 ms, on the same durable server.",
        (
            Figure("p50", f"{percentile(ours, 0.5):.1f} ms", f"bare stream: {percentile(theirs, 0.5):.1f} ms"),
            Figure(
                "p99",
                f"{p99:.1f} ms",
                f"bare stream: {percentile(theirs, 0.99):.1f} ms",
                f"under {BAR_MILLISECONDS:g} ms",
                p99 < BAR_MILLISECONDS,
            ),
        ),
        plots=(
            Plot(
                "accept-to-start",
                (
                    Panel(
                        "From accept to start, idle",
                        "milliseconds, logarithmic",
                        "% of questions",
                        (distribution("Corral", ours), distribution("bare stream", theirs)),
                        log_x=True,
                    ),
                ),
            ),
        ),
    )


if __name__ == "__main__":
    run(measure)
