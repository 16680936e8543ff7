"""A worker as a process of its own: answers what it claims in small steps, until it is told to stop or killed.

Arguments: the store's address, the lease in seconds, the steps of an answer. SIGTERM hands everything over.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress

from conversation.errors import LeaseLost, StoreUnavailable
from conversation.model import Checkpoint, Claim, Ending, StopReason
from storage.client import open_redis
from storage.jobs import RedisJobs
from storage.keys import Keys
from tests.storage.questions import answer

STEP_SECONDS = 0.02
AT_ONCE = 4


async def answer_in_steps(jobs: RedisJobs, claim: Claim, steps: int) -> None:
    """Each step is a checkpoint; the end names process and fence, so that two endings would leave two turns."""
    for done in range(claim.checkpoint.tokens_used + 1, steps + 1):
        await asyncio.sleep(STEP_SECONDS)
        await jobs.checkpoint(claim, Checkpoint(text="." * done, tokens_used=done))
    await jobs.finish(claim, answer(claim, Ending.COMPLETE, tag=f":{os.getpid()}:{claim.fence}"))


async def work(url: str, lease_seconds: float, steps: int) -> None:
    """Claim, renew and answer until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    print("hears SIGTERM", flush=True)
    async with open_redis(url) as redis:
        jobs = RedisJobs(redis, Keys(), lanes=["slack"], lease_seconds=lease_seconds)
        running: dict[asyncio.Task[None], Claim] = {}

        async def renew() -> None:
            while True:
                await asyncio.sleep(lease_seconds / 4)
                with suppress(StoreUnavailable):
                    kept = dict(running)
                    for task, reason in zip(kept, await jobs.renew(list(kept.values())), strict=True):
                        if reason is StopReason.LOST:
                            task.cancel()

        renewing = asyncio.create_task(renew())
        while not stopping.is_set():
            if len(running) == AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in [task for task in running if task.done()]:
                del running[task]
                if not task.cancelled() and (failure := task.exception()) and not isinstance(failure, LeaseLost):
                    raise failure
            if len(running) < AT_ONCE:
                for claim in await jobs.claim(AT_ONCE - len(running)):
                    running[asyncio.create_task(answer_in_steps(jobs, claim, steps))] = claim
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for claim in running.values():
            await jobs.release(claim)
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
