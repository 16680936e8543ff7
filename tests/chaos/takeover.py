"""How long an answer stands still after `kill -9` of its worker: `python -m tests.chaos.takeover --lease 4`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from tests.chaos.processes import Store, model, worker
from tests.chaos.questions import question
from tests.waiting import until

MARGIN_SECONDS = 1.0  # above the lease
WORKERS = 3


async def measure(directory: Path, lease_seconds: float, kills: int) -> list[float]:
    """Seconds from each kill of the worker that has the answer to the claim of another one."""
    keys, store = Keys(), Store(directory)
    taken: list[float] = []
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.stop)
        await store.start()
        # So slow that every kill finds the answer in the making, and so long that the question is never poison.
        server, model_url = model(directory, token_delay=0.2, answer_tokens=int(kills * (lease_seconds + 30) * 5))
        stack.push_async_callback(server.kill)
        await server.start()
        await server.says("http://")
        settings = {"LEASE_SECONDS": str(lease_seconds), "MAX_NEW_TOKENS": "1536"}
        workers = [worker(f"worker-{number}", directory, store.url, model_url, **settings) for number in range(WORKERS)]
        for program in workers:
            stack.push_async_callback(program.kill)
            await program.start()
            await program.says("ready: ")
        fast = open_redis(store.url, fast=True)
        stack.push_async_callback(fast.aclose)
        accepted = await RedisInbox(store.redis, fast, keys).accept(question("takeover", 1))
        lease, job = keys.lease(accepted.conversation_id), keys.job(accepted.job_id)
        owner = b""

        async def has_new_owner() -> bool:
            return await store.redis.hget(lease, "owner") not in {None, b"", owner}

        async def has_progress() -> bool:
            return not await store.redis.hexists(job, "crashes") and bool(await store.redis.hget(job, "progress"))

        for _ in range(kills):
            await until("somebody has the question", has_new_owner, deadline_seconds=30)
            await until("its answer goes on", has_progress, deadline_seconds=30)
            found = await store.redis.hget(lease, "owner")
            assert isinstance(found, bytes)
            owner = found
            # The owner's name is host, process and a random part.
            program = next(one for one in workers if f"-{one.process_id}-" in owner.decode())
            killed_at = time.monotonic()
            await program.kill()
            await until("another worker has it", has_new_owner, deadline_seconds=lease_seconds + 30)
            taken.append(time.monotonic() - killed_at)
            await program.start()
            await program.says("ready: ")
    return taken


def main() -> int:
    """Measure and print; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lease", type=float, default=4.0, help="seconds")
    parser.add_argument("--kills", type=int, default=12)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="corral-takeover-") as directory:
        taken = asyncio.run(measure(Path(directory), asked.lease, asked.kills))
    bar = asked.lease + MARGIN_SECONDS
    print(
        f"{len(taken)} kills, lease {asked.lease:g} s: taken over after {median(taken):.2f} s (p50), "
        f"{max(taken):.2f} s (max), {min(taken):.2f} s (min); at most {bar:g} s is asked for"
    )
    return 0 if max(taken) <= bar else 1


if __name__ == "__main__":
    sys.exit(main())
