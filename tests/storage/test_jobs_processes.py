"""The queue under real worker processes that are killed and put to sleep."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from storage.inbox import RedisInbox
from storage.keys import GROUP, Keys
from tests.storage.questions import eventually, message

KEYS = Keys()
REPOSITORY = Path(__file__).parents[2]
LEASE_SECONDS = 1.0


class Workers:
    """Starts worker processes and sees to it that none is left."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.steps = 12  # of an answer; each takes a 50th of a second
        self.alive: list[asyncio.subprocess.Process] = []
        self.failed: list[str] = []

    async def start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "tests.storage.worker_process", self._url, str(LEASE_SECONDS), str(self.steps)),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.alive.append(process)
        return process

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """As a machine that loses its power."""
        process.send_signal(signal.SIGKILL)
        await self._gone(process)

    async def end(self, process: asyncio.subprocess.Process) -> None:
        """Politely; it must end well."""
        process.send_signal(signal.SIGCONT)
        assert process.stdout is not None
        await asyncio.wait_for(process.stdout.readline(), 20)  # before that it cannot end politely
        process.send_signal(signal.SIGTERM)
        await self._gone(process)
        assert process.returncode == 0

    async def _gone(self, process: asyncio.subprocess.Process) -> None:
        self.alive.remove(process)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        if errors:
            self.failed.append(errors.decode())


@pytest.fixture
async def workers(valkey_url: str) -> AsyncIterator[Workers]:
    started = Workers(valkey_url)
    yield started
    for process in tuple(started.alive):
        await started.kill(process)


async def assert_once_and_in_order(redis: Any, asked: dict[str, list[str]]) -> None:
    """Every conversation's turns are its questions in order, each followed by exactly one answer."""
    for conversation, jobs in asked.items():
        order = [turn.decode() for turn in await redis.zrange(KEYS.order(conversation), 0, -1)]
        assert [turn.split(":")[0] for turn in order] == [job for job in jobs for _ in range(2)]
        assert [turn.split(":")[1].startswith("m") for turn in order] == [True, False] * len(jobs)


async def test_every_job_ends_once_and_in_order_whatever_happens_to_its_workers(
    redis_client: Any, workers: Workers
) -> None:
    """A hundred jobs in eight threads, while workers are killed, put to sleep past their leases, woken and replaced:
    each job leaves one answer, in its place."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    inbox = RedisInbox(redis_client, redis_client, KEYS)
    for _ in range(3):
        await workers.start()

    asked: dict[str, list[str]] = {}
    asleep: list[asyncio.subprocess.Process] = []
    kills = stops = 0
    next_harm = time.monotonic() + 1.0

    async def harm() -> None:
        nonlocal kills, stops, next_harm
        if time.monotonic() < next_harm or (kills >= 6 and stops >= 6):
            return
        next_harm = time.monotonic() + chance.uniform(0.2, 0.6)
        awake = [process for process in workers.alive if process not in asleep]
        victim = chance.choice(awake)
        if chance.random() < 0.5:
            await workers.kill(victim)
            await workers.start()
            kills += 1
        elif len(asleep) < 2 and len(awake) > 1:
            victim.send_signal(signal.SIGSTOP)
            asleep.append(victim)
            stops += 1
        if len(asleep) == 2 or (asleep and chance.random() < 0.3):
            asleep.pop(0).send_signal(signal.SIGCONT)

    for number in range(100):
        accepted = await inbox.accept(message(thread=str(number % 8)))
        asked.setdefault(accepted.conversation_id, []).append(accepted.job_id)
        await harm()

    async def all_ended() -> bool:
        await harm()
        return await inbox.depth() == 0

    await eventually(all_ended, f"the end of all jobs, seed {seed}", seconds=60)
    for process in tuple(workers.alive):
        await workers.end(process)
    print(f"{kills} kills, {stops} stops")
    assert kills + stops >= 3
    assert workers.failed == []
    await assert_once_and_in_order(redis_client, asked)
    assert await redis_client.xlen(KEYS.ready("slack")) == 0
    assert await redis_client.exists(KEYS.dead()) == 0


async def test_a_killed_worker_is_replaced_after_a_lease(redis_client: Any, workers: Workers) -> None:
    """The job goes on in another process, from its checkpoint."""
    inbox = RedisInbox(redis_client, redis_client, KEYS)
    workers.steps = 150
    first = await workers.start()
    accepted = await inbox.accept(message())

    async def begun() -> bool:
        return bool(await redis_client.hexists(KEYS.job(accepted.job_id), "checkpoint"))

    await eventually(begun, "a first checkpoint")
    await workers.kill(first)
    reached = int(await redis_client.hget(KEYS.job(accepted.job_id), "progress") or workers.steps)
    assert reached < workers.steps, "the worker was killed too late to show anything"
    await workers.start()

    async def ended() -> bool:
        return await inbox.depth() == 0

    await eventually(ended, "the end of the job", seconds=LEASE_SECONDS + 15)
    (_, (_, fence)) = [
        turn.decode().rpartition(":")[::2]
        for turn in await redis_client.zrange(KEYS.order(accepted.conversation_id), 0, -1)
    ]
    assert fence == "2"


async def test_a_terminated_worker_hands_over(redis_client: Any, workers: Workers) -> None:
    """SIGTERM gives the job back at once: another process goes on, and no crash is counted."""
    inbox = RedisInbox(redis_client, redis_client, KEYS)
    workers.steps = 150
    leaving = await workers.start()
    accepted = await inbox.accept(message())

    async def begun() -> bool:
        return bool(await redis_client.hexists(KEYS.job(accepted.job_id), "checkpoint"))

    await eventually(begun, "a first checkpoint")
    await workers.end(leaving)
    assert await redis_client.hget(KEYS.job(accepted.job_id), "crashes") is None
    assert (await redis_client.xpending(KEYS.ready("slack"), GROUP))["pending"] == 0
    await workers.start()

    async def ended() -> bool:
        return await inbox.depth() == 0

    await eventually(ended, "the end of the job")
