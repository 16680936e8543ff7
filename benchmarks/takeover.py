"""How soon another worker goes on after `kill -9`: `python -m benchmarks.takeover`."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from redis.asyncio import Redis

from benchmarks import model_server
from benchmarks.report import Figure, Section, run
from benchmarks.store import fresh_store, question
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys

KILLS = 5
LEASE_SECONDS = 4.0  # the setting's default
WORKERS = 2
TOKENS, TOKENS_PER_SECOND = 900, 30.0  # the answer outlives the take-over
MARGIN_SECONDS = 1.0
WAIT_SECONDS = 30.0
POLL_SECONDS = 0.003
REPOSITORY = Path(__file__).parents[1]
KEYS = Keys()


async def start_worker(store: str, model: str, directory: Path) -> asyncio.subprocess.Process:
    """`python -m bot run --role worker`, as an operator starts it."""
    settings = {
        "REDIS_URL": store,
        "MODEL_API": "tgi",
        "MODEL_URL": model,
        "DATA_DIR": str(directory),
        "HTTP_PORT": "0",
        "METRICS_PORT": "0",
        "LEASE_SECONDS": str(LEASE_SECONDS),
        "LOG_LEVEL": "ERROR",
        "PYTHONPATH": str(REPOSITORY),
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", "--role", "worker"),
        cwd=directory,  # a .env of the repository's must not have its say
        env={**os.environ, **settings},
        stdout=asyncio.subprocess.DEVNULL,
    )


async def seconds_until(what: str, holds: Callable[[], Awaitable[bool]]) -> float:
    """How long it takes until `holds`; TimeoutError that says what never came."""
    started = time.monotonic()
    while not await holds():
        if time.monotonic() > started + WAIT_SECONDS:
            raise TimeoutError(f"{what}: not within {WAIT_SECONDS:g} s")
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - started


async def owner(redis: Redis, conversation: str) -> int:
    """The process that has the conversation's job; 0 when none has. A worker's name is `host-pid-random`."""
    name = cast("bytes | None", await redis.hget(KEYS.lease(conversation), "owner"))
    return int(name.decode().rsplit("-", 2)[1]) if name else 0


async def tokens(redis: Redis, job: str) -> int:
    """How many tokens of the answer are stored."""
    return int(cast("bytes | None", await redis.hget(KEYS.job(job), "progress")) or 0)


async def kill_one(
    redis: Redis, inbox: RedisInbox, number: int, workers: dict[int, asyncio.subprocess.Process]
) -> tuple[float, float]:
    """Seconds from the kill of the worker that is answering to the next claim, and to the first new token stored."""
    accepted = await inbox.accept(question(number, thread=str(number)))

    async def is_answering() -> bool:
        return await tokens(redis, accepted.job_id) > 0

    await seconds_until("an answer begins", is_answering)
    # The kill falls anywhere between two renewals.
    await asyncio.sleep(random.uniform(0, LEASE_SECONDS / 4))
    killed = await owner(redis, accepted.conversation_id)
    workers[killed].send_signal(signal.SIGKILL)
    await workers.pop(killed).wait()
    stored = await tokens(redis, accepted.job_id)

    async def is_claimed() -> bool:
        return await owner(redis, accepted.conversation_id) not in {0, killed}

    async def goes_on() -> bool:
        return await tokens(redis, accepted.job_id) > stored

    claimed = await seconds_until("another worker claims the job", is_claimed)
    going_on = claimed + await seconds_until("the answer goes on", goes_on)
    await inbox.cancel(accepted.conversation_id)
    return claimed, going_on


async def measure() -> Section:
    """Two workers; the one that answers is killed, and replaced before the next question."""
    claimed, going_on = [], []
    workers: dict[int, asyncio.subprocess.Process] = {}
    async with (
        model_server.running(TOKENS, TOKENS_PER_SECOND) as model,
        fresh_store() as store,
        open_redis(store) as redis,
    ):
        inbox = RedisInbox(redis, redis, KEYS)
        with tempfile.TemporaryDirectory() as directory:
            try:
                for number in range(KILLS):
                    while len(workers) < WORKERS:
                        process = await start_worker(store, model, Path(directory))
                        workers[process.pid] = process
                    seconds = await kill_one(redis, inbox, number, workers)
                    claimed.append(seconds[0])
                    going_on.append(seconds[1])
            finally:
                for process in workers.values():
                    process.kill()
                    await process.wait()
    worst = max(claimed)
    return Section(
        "Take-over after kill -9",
        "python -m benchmarks.takeover",
        f"Two `python -m bot run --role worker` processes with the default lease of {LEASE_SECONDS:g} s. The one that "
        f"is answering is killed at a random moment between two renewals, {KILLS} times; measured from the kill to "
        "the other one's claim, and to the first token that it adds to the stored answer. (The lease runs from the "
        "last renewal, so it ends up to a quarter sooner after the kill.)",
        (
            Figure(
                "seconds to the next claim, worst",
                f"{worst:.2f} (all: {', '.join(f'{one:.2f}' for one in sorted(claimed))})",
                f"lease: {LEASE_SECONDS:g}",
                f"at most {LEASE_SECONDS + MARGIN_SECONDS:g}",
                worst <= LEASE_SECONDS + MARGIN_SECONDS,
            ),
            Figure("seconds to the next token stored, worst", f"{max(going_on):.2f}", f"lease: {LEASE_SECONDS:g}"),
        ),
    )


if __name__ == "__main__":
    run(measure)
