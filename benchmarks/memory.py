"""Memory of a question that waits: `python -m benchmarks.memory`."""

from __future__ import annotations

import asyncio
import itertools

from redis.asyncio import Redis

from benchmarks.report import Figure, Section, run
from benchmarks.store import QUESTION, fresh_store, question
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.records import dump_message

JOBS = 10_000  # the queue's own bound
THREADS = 1_000
AT_ONCE = 16


async def _each(work: itertools.count[int], redis: Redis, inbox: RedisInbox | None) -> None:
    while (number := next(work)) < JOBS:
        message = question(number, thread=str(number % THREADS))
        if inbox is not None:
            await inbox.accept(message)
        else:
            await redis.xadd("bare", {"message": dump_message(message)})


async def bytes_per_job(redis: Redis, inbox: RedisInbox | None) -> float:
    """What Valkey's used_memory grows by, for each of JOBS waiting questions; without an inbox, in a bare stream."""
    await redis.flushall()
    before = int((await redis.info("memory"))["used_memory"])
    numbers = itertools.count()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(_each(numbers, redis, inbox))
    return (int((await redis.info("memory"))["used_memory"]) - before) / JOBS


async def _parts(redis: Redis) -> str:
    """Bytes per job of each kind of key, largest first, by MEMORY USAGE of one key in ten."""
    sums: dict[str, int] = {}
    async for key in redis.scan_iter(match=f"{Keys().base}:*", count=1000):
        kind = key.decode().removeprefix(f"{Keys().base}:").split(":")[0]
        if hash(key) % 10 == 0 or kind in {"backlog", "ready"}:
            size = await redis.memory_usage(key) or 0
            sums[kind] = sums.get(kind, 0) + size * (1 if kind in {"backlog", "ready"} else 10)
    ordered = sorted(sums.items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {size / JOBS:,.0f}" for kind, size in ordered)


async def measure() -> Section:
    """First the bare stream, then the queue, each from an empty server."""
    async with fresh_store() as url, open_redis(url) as redis, open_redis(url, fast=True) as fast:
        bare = await bytes_per_job(redis, None)
        ours = await bytes_per_job(redis, RedisInbox(redis, fast, Keys()))
        parts = await _parts(redis)
    return Section(
        "Memory of a waiting question",
        "python -m benchmarks.memory",
        f"Growth of Valkey's `used_memory` over {JOBS:,} waiting questions of {len(QUESTION)} characters in "
        f"{THREADS:,} threads, beside the same messages in a bare stream. Ours holds the job, its messages, its place, "
        "and for a day the keys that find it again when a platform delivers it twice.",
        (Figure("bytes per question", f"{ours:,.0f}", f"bare stream: {bare:,.0f}"),),
        (f"Bytes per question by kind of key: {parts}.",),
    )


if __name__ == "__main__":
    run(measure)
