"""What a dashboard wants to know of the store at a glance."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from storage.client import store_errors
from storage.keys import Keys


@dataclass(frozen=True, slots=True)
class Gauges:
    """How many jobs there are, for all processes of a store."""

    queued: int  # not settled: waiting, or being answered
    dead: int  # given up; the newest thousand or so


async def read_gauges(redis: Redis, keys: Keys) -> Gauges:
    """Both counts, in one call. Raises StoreUnavailable."""
    with store_errors():
        async with redis.pipeline(transaction=False) as pipeline:
            pipeline.zcard(keys.backlog())
            pipeline.xlen(keys.dead())
            queued, dead = await pipeline.execute()
    return Gauges(int(queued), int(dead))
