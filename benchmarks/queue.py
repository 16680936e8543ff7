"""Jobs per second through the queue, beside a bare stream on the same server: `python -m benchmarks.queue`."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, cast

from redis.asyncio import Redis

from benchmarks.report import Figure, Section, run
from benchmarks.store import LANE, fresh_store, question
from conversation.model import Claim, Ending, Role, Settlement, Turn
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.records import dump_message

ROUNDS = 11
SECONDS = 1.5
IN_FLIGHT = 16
THREADS = 64
BAR = 0.7
ANSWER = "Because a directory has no order of its own: sort the list before you use it. " * 4

Taken = TypeVar("Taken")


class Queue(Protocol[Taken]):
    """What a job goes through."""

    async def put(self) -> None: ...

    async def take(self, limit: int) -> list[Taken]: ...

    async def end(self, taken: Taken) -> None: ...


class BareStream:
    """XADD, XREADGROUP, XACK, and nothing else."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._numbers = itertools.count()

    async def prepare(self) -> None:
        await self._redis.xgroup_create("bare", "workers", "0", mkstream=True)

    async def put(self) -> None:
        number = next(self._numbers)
        await self._redis.xadd("bare", {"message": dump_message(question(number, thread=str(number % THREADS)))})

    async def take(self, limit: int) -> list[bytes]:
        reply = await self._redis.xreadgroup("workers", "one", {"bare": ">"}, count=limit, block=500)
        return [
            entry
            for _, entries in cast("list[tuple[bytes, list[tuple[bytes, object]]]]", reply)
            for entry, _ in entries
        ]

    async def end(self, taken: bytes) -> None:
        await self._redis.xack("bare", "workers", taken)


class Corral:
    """accept, claim, finish: the life of a job whose answer takes no time."""

    def __init__(self, redis: Redis, fast: Redis) -> None:
        keys = Keys()
        self._inbox = RedisInbox(redis, fast, keys)
        self._jobs = RedisJobs(redis, keys, lanes=[LANE])
        self._numbers = itertools.count()

    async def put(self) -> None:
        number = next(self._numbers)
        await self._inbox.accept(question(number, thread=str(number % THREADS)))

    async def take(self, limit: int) -> list[Claim]:
        return await self._jobs.claim(limit)

    async def end(self, taken: Claim) -> None:
        job = taken.job
        turns = tuple(
            Turn(f"{job.id}:{role}", job.id, role, text, job.accepted_at)
            for role, text in ((Role.USER, job.messages[0].text), (Role.ASSISTANT, ANSWER))
        )
        await self._jobs.finish(taken, Settlement(Ending.COMPLETE, turns=turns))


async def one_at_a_time(queue: Queue[Taken], seconds: float) -> int:
    """Jobs that come to their end within `seconds` when each is asked after the one before has ended."""
    ended, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        await queue.put()
        for taken in await queue.take(1):
            await queue.end(taken)
            ended += 1
    return ended


async def in_flight(queue: Queue[Taken], seconds: float) -> int:
    """The same while IN_FLIGHT jobs are accepted and not ended at any time; a worker takes what there is."""
    ended, end = 0, time.monotonic() + seconds
    open_jobs = asyncio.Semaphore(IN_FLIGHT)
    asked = 0

    async def ask() -> None:
        nonlocal asked
        while time.monotonic() < end:
            await open_jobs.acquire()
            asked += 1
            await queue.put()

    async def finish(taken: Taken) -> None:
        nonlocal ended
        await queue.end(taken)
        ended += 1
        open_jobs.release()

    async with asyncio.TaskGroup() as tasks:
        askers = [tasks.create_task(ask()) for _ in range(IN_FLIGHT)]
        while not all(task.done() for task in askers) or ended < asked:
            for taken in await queue.take(IN_FLIGHT):
                tasks.create_task(finish(taken))
    return ended


@dataclass(slots=True)
class Cost(Generic[Taken]):
    """What jobs through one queue took, round by round; times in microseconds per job."""

    queue: Queue[Taken]
    rates: list[float] = field(default_factory=list)  # jobs per second
    client: list[float] = field(default_factory=list)  # processor time of this process
    server: list[float] = field(default_factory=list)  # processor time of the server
    commands: dict[str, float] = field(default_factory=dict)  # of the last round, per job, those of scripts included

    async def measure(self, redis: Redis, drive: Callable[[Queue[Taken], float], Awaitable[int]]) -> None:
        await redis.config_resetstat()
        server, client, started = await _server_seconds(redis), time.process_time(), time.perf_counter()
        jobs = await drive(self.queue, SECONDS)
        elapsed = time.perf_counter() - started
        self.rates.append(jobs / elapsed)
        self.client.append((time.process_time() - client) / jobs * 1e6)
        self.server.append((await _server_seconds(redis) - server) / jobs * 1e6)
        calls = {
            name.removeprefix("cmdstat_"): one["calls"] / jobs
            for name, one in (await redis.info("commandstats")).items()
        }
        self.commands = {name: count for name, count in calls.items() if name not in {"info", "config|resetstat"}}

    def words(self) -> str:
        """Where a job's time goes."""
        most = sorted(self.commands.items(), key=lambda item: -item[1])[:6]
        return (
            f"{statistics.median(self.client):,.0f} microseconds of this process's processor time and "
            f"{statistics.median(self.server):,.0f} of the server's, which runs {sum(self.commands.values()):.1f} "
            f"commands ({', '.join(f'{name} {count:.1f}' for name, count in most)}, ...)"
        )


async def _server_seconds(redis: Redis) -> float:
    info = await redis.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


async def measure() -> Section:
    """Rounds of both queues take turns, so that a noisy machine is noisy for both."""
    figures, notes = [], []
    async with fresh_store() as url, open_redis(url) as redis, open_redis(url, fast=True) as fast:
        bare_stream = BareStream(redis)
        await bare_stream.prepare()
        corral = Corral(redis, fast)
        for name, drive in (("one at a time", one_at_a_time), (f"{IN_FLIGHT} in flight", in_flight)):
            bare, ours = Cost(bare_stream), Cost(corral)
            await drive(bare_stream, 0.3)
            await drive(corral, 0.3)
            for _ in range(ROUNDS):
                await bare.measure(redis, drive)
                await ours.measure(redis, drive)
            shares = [our / their for our, their in zip(ours.rates, bare.rates, strict=True)]
            share, least, most = statistics.median(shares), min(shares), max(shares)
            figures.append(
                Figure(
                    f"jobs per second, {name}",
                    f"{statistics.median(ours.rates):,.0f}, {share:.2f} of bare ({least:.2f} to {most:.2f})",
                    f"bare stream: {statistics.median(bare.rates):,.0f}",
                    f"at least {BAR}",
                    share >= BAR,
                )
            )
            notes += [
                f"A job, {name}: {ours.words()}.",
                f"The same in the bare stream: {bare.words()}.",
            ]
    return Section(
        "Jobs per second",
        "python -m benchmarks.queue",
        "Ours: `accept` (dedupe, mailbox, bounds, ready stream), `claim` (lease, fence, the job itself) and `finish` "
        "(both turns added to the thread, the thread's next question made ready), by one process, over "
        f"{THREADS} threads. Bare: redis-py's XADD of the same message, XREADGROUP and XACK, by the same loop. Both "
        f"take as many as there are with one call, and end each with a call of its own. Median of {ROUNDS} rounds of "
        f"{SECONDS:g} s each, taking turns on the same durable server.",
        tuple(figures),
        tuple(notes),
    )


if __name__ == "__main__":
    run(measure)
