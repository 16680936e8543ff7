"""A worker as a process of its own: claims, and needs a slot of the model for each answer.

Arguments: the store's address, the lease in seconds, the model's slots, how long an answer takes (seconds). It counts
what it has running in the key `test:running`, which is there before, and in `test:exceeded` how often that was more
than the slots.
"""

from __future__ import annotations

import asyncio
import sys

from conversation.model import Claim
from storage.client import open_redis
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.slots import RedisSlots
from tests.storage.questions import answer

AT_ONCE = 8


async def work(url: str, lease_seconds: float, slots: int, answer_seconds: float) -> None:
    """Claim, renew and answer until killed."""
    async with open_redis(url) as redis:
        jobs = RedisJobs(redis, Keys(), lanes=["slack"], lease_seconds=lease_seconds)
        shared = RedisSlots(redis, Keys(), lease_seconds=lease_seconds)
        running: dict[str, Claim] = {}

        async def carry(claim: Claim) -> None:
            async with shared.hold(claim, "server", slots, on_place=lambda place: None, keep=lambda: False):
                if await redis.incr("test:running") > slots:
                    await redis.set("test:exceeded", 1, ex=600)
                await asyncio.sleep(answer_seconds)
                await redis.decr("test:running")
            await jobs.finish(claim, answer(claim))
            del running[claim.job.id]

        async def renew() -> None:
            while True:
                await asyncio.sleep(lease_seconds / 4)
                await jobs.renew(list(running.values()))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(renew())
            while True:
                if len(running) < AT_ONCE:
                    for claim in await jobs.claim(AT_ONCE - len(running)):
                        running[claim.job.id] = claim
                        tasks.create_task(carry(claim))
                else:
                    await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
