"""Faults at random times, all drawn from one seed."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from tests.chaos.passage import Passage
from tests.chaos.processes import Program, Store

log = logging.getLogger(__name__)

LAST_ATTEMPT = 3  # whoever crashes in it has crashed too often (storage.jobs.RedisJobs.max_attempts)
SUPERVISOR_SECONDS = 0.3  # how soon whoever watches the workers starts an ended one again
# A worker that finds no store at its start says so and ends with 1; whoever ends one that has only just been started
# meets no handler yet.
_MAY_EXIT = (0, 1, -signal.SIGKILL, -signal.SIGTERM)


@dataclass(slots=True)
class Town:
    """All that can be hurt. Each worker has a way to the store of its own, the people who ask have another."""

    store: Store
    model: Program
    workers: Sequence[Program]
    passages: Sequence[Passage]  # of the workers, in their order
    peoples_passage: Passage
    jobs: str  # what the keys of the queue's jobs look like
    lease_seconds: float
    counts: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)  # what nobody did to them


Fault = Callable[[random.Random], Coroutine[None, None, None]]

# How often each is drawn, by the name of its method below.
FAULTS = {
    "kill_worker": 4,
    "end_worker": 1,
    "freeze_worker": 3,
    "freeze_store": 1,
    "cut_off_everybody": 1,
    "cut_off_one": 2,
    "restart_store": 2,
    "restart_model": 2,
}


class Faults:
    """Does one thing after the other to a town, several of them at the same time."""

    def __init__(
        self, town: Town, chance: random.Random, shortest_pause: float, longest_pause: float, weights: Mapping[str, int]
    ) -> None:
        self._town, self._chance = town, chance
        self._names, self._weights = list(weights), list(weights.values())
        self._pauses = (shortest_pause, longest_pause)
        self._hurt: set[str] = set()
        self._ending = asyncio.Event()

    async def run(self, seconds: float) -> None:
        """Hurt for so long, or until cancelled; at the end everything runs again."""
        end = time.monotonic() + seconds
        async with asyncio.TaskGroup() as tasks:
            while time.monotonic() < end and not self._ending.is_set():
                await self._rest(self._chance.uniform(*self._pauses))
                draw = random.Random(self._chance.random())  # what is skipped draws as much as what is done
                name = draw.choices(self._names, self._weights)[0]
                fault: Fault = getattr(self, name)
                tasks.create_task(fault(draw), name=name)
            self._ending.set()

    def finish(self) -> None:
        """Heal what is hurt, and begin nothing new."""
        self._ending.set()

    async def kill_worker(self, draw: random.Random) -> None:
        worker = draw.choice(self._town.workers)
        if worker.exit_code is None and worker.name not in self._hurt and await self._may_lose_a_worker():
            self._count("workers killed")
            await worker.kill()

    async def end_worker(self, draw: random.Random) -> None:
        """As a rolling update does."""
        worker = draw.choice(self._town.workers)
        if worker.exit_code is None and worker.name not in self._hurt:
            self._count("workers ended in order")
            worker.send(signal.SIGTERM)

    async def freeze_worker(self, draw: random.Random) -> None:
        worker, seconds = draw.choice(self._town.workers), draw.uniform(0.1, 2.5) * self._town.lease_seconds
        if await self._may_lose_a_worker():
            await self._hold(
                worker.name,
                "workers stopped and continued",
                seconds,
                lambda: worker.send(signal.SIGSTOP),
                lambda: worker.send(signal.SIGCONT),
            )

    async def freeze_store(self, draw: random.Random) -> None:
        store, seconds = self._town.store, draw.uniform(0.1, 2.0)
        await self._hold(
            "store",
            "store stopped and continued",
            seconds,
            lambda: store.send(signal.SIGSTOP),
            lambda: store.send(signal.SIGCONT),
        )

    async def cut_off_everybody(self, draw: random.Random) -> None:
        """The store is behind a black hole for all."""
        passages, seconds = [*self._town.passages, self._town.peoples_passage], draw.uniform(0.2, 4.0)

        def close() -> None:
            for passage in passages:
                passage.close()

        def open_again() -> None:
            for passage in passages:
                passage.open()

        await self._hold("ways", "store black-holed for all", seconds, close, open_again)

    async def cut_off_one(self, draw: random.Random) -> None:
        """A worker that others take for dead, and that still lives."""
        passage, seconds = draw.choice(self._town.passages), draw.uniform(0.5, 3.0) * self._town.lease_seconds
        if await self._may_lose_a_worker():
            await self._hold("ways", "store black-holed for one worker", seconds, passage.close, passage.open)

    async def restart_store(self, draw: random.Random) -> None:
        seconds = draw.uniform(0.0, 1.5)
        if "store" in self._hurt:
            return
        self._hurt.add("store")
        self._count("store killed and restarted")
        self._town.store.send(signal.SIGKILL)
        await self._rest(seconds)
        await self._town.store.start()
        self._hurt.discard("store")

    async def restart_model(self, draw: random.Random) -> None:
        seconds = draw.uniform(0.0, 1.5)
        if "model" in self._hurt:
            return
        self._hurt.add("model")
        self._count("model killed and restarted")
        await self._town.model.kill()
        await self._rest(seconds)
        await self._town.model.start()
        await self._town.model.says("http://")
        self._hurt.discard("model")

    async def _may_lose_a_worker(self) -> bool:
        """Whether no running question would lose its third worker without progress: that one would be taken for poison,
        rightly, and this is no test of that."""
        redis, jobs = self._town.store.redis, self._town.jobs
        try:
            async with redis.pipeline(transaction=False) as pipeline:
                for name in await redis.keys(jobs):
                    pipeline.hget(name, "crashes")
                crashes = await pipeline.execute()
        except (RedisError, OSError):
            return False
        return all(int(count or 0) + 1 < LAST_ATTEMPT for count in crashes)

    async def _hold(
        self, target: str, what: str, seconds: float, hurt: Callable[[], None], heal: Callable[[], None]
    ) -> None:
        if target in self._hurt:
            return
        self._hurt.add(target)
        self._count(what)
        hurt()
        try:
            await self._rest(seconds)
        finally:
            heal()
            self._hurt.discard(target)

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    def _count(self, what: str) -> None:
        self._town.counts[what] += 1
        log.info("%s", what)


async def supervise(town: Town) -> None:
    """Start ended workers again, as the machine's service manager does, until cancelled."""
    while True:
        for worker in town.workers:
            if worker.exit_code is not None:
                if worker.exit_code not in _MAY_EXIT or "Traceback" in worker.log:
                    town.surprises.append(f"{worker.name} ended with {worker.exit_code}: {worker.log[-2000:]}")
                await worker.start()
        await asyncio.sleep(SUPERVISOR_SECONDS)
