"""Rounds of questions to real processes that are being hurt, and what was found afterwards."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from conversation.errors import StoreUnavailable
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from tests.chaos.faults import FAULTS, Faults, Town, supervise
from tests.chaos.passage import open_passage
from tests.chaos.processes import Store, model, worker
from tests.chaos.questions import People
from tests.chaos.verdict import Verdict
from tests.servers.toy_model import ToyModel
from tests.waiting import until

# When nobody harms any more, some question must come to its end within this, however busy the machine is.
STILL_SECONDS = 45.0
VIOLATIONS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done. Times are seconds."""

    seed: int
    rounds_seconds: float = 0.0  # rounds are begun for so long; 0: one round
    jobs: int = 500  # of a round
    threads: int = 20
    workers: int = 3
    lease_seconds: float = 2.0
    asking_seconds: float = 20.0  # over which a round's questions are spread
    harm_seconds: float = 40.0  # at most, of a round
    shortest_pause: float = 0.3  # between two faults
    longest_pause: float = 1.5
    answer_tokens: int = 24
    token_seconds: float = 0.015
    faults: Mapping[str, int] = field(default_factory=lambda: dict(FAULTS))


@dataclass(slots=True)
class Report:
    """What came of it."""

    jobs: int = 0
    poisoned: int = 0
    rounds: int = 0
    seconds: float = 0.0
    longest_accept_seconds: float = 0.0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    resident_mib: list[float] = field(default_factory=list)  # of the largest worker, after each round
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{self.jobs} jobs in {self.rounds} rounds, {self.seconds:.0f} s, {self.poisoned} of them poisoned",
            f"{self.refused} times a question was not taken and sent again; the longest accept took "
            f"{self.longest_accept_seconds:.2f} s",
            f"largest worker after each round, MiB: {', '.join(f'{size:.0f}' for size in self.resident_mib)}",
            *(f"{count:4} {what}" for what, count in sorted(self.faults.items())),
            f"{len(self.violations)} violations",
            *self.violations[:VIOLATIONS_SHOWN],
        ]
        return "\n".join(lines)


async def under_fire(directory: Path, plan: Plan, say: Callable[[str], None]) -> Report:
    """Ask, hurt, heal and look, round after round; ends after the first round with a violation."""
    report = Report()
    keys, toy = Keys(), ToyModel(plan.answer_tokens)
    chance = random.Random(plan.seed)
    begun = time.monotonic()
    async with _town(directory, plan) as town:
        while not report.violations and (not report.rounds or time.monotonic() - begun < plan.rounds_seconds):
            fast = open_redis(town.peoples_passage.url, fast=True)
            inbox = RedisInbox(town.store.redis, fast, keys)
            people = People(
                inbox, town.store, keys, plan.seed, [f"r{report.rounds}-{number}" for number in range(plan.threads)]
            )
            verdict = Verdict(town.store.redis, keys, toy)
            faults = Faults(town, random.Random(chance.random()), plan.shortest_pause, plan.longest_pause, plan.faults)
            try:
                await _round(town, plan, people, verdict, faults, inbox)
                report.violations += await verdict.violations(people.threads)
            except* AssertionError as errors:
                report.violations += [str(error) for error in _leaves(errors)]
                report.violations += await verdict.violations(people.threads)
            finally:
                await fast.aclose()
            report.violations += town.surprises
            report.rounds += 1
            report.jobs += sum(len(thread.asked) for thread in people.threads)
            report.poisoned += sum(asked.is_poison for thread in people.threads for asked in thread.asked)
            report.refused += people.refused
            report.longest_accept_seconds = max(report.longest_accept_seconds, people.longest_accept_seconds)
            alive = [worker for worker in town.workers if worker.exit_code is None]
            report.resident_mib.append(max((worker.resident_bytes() for worker in alive), default=0) / 2**20)
            say(f"round {report.rounds}: {report.jobs} jobs after {time.monotonic() - begun:.0f} s")
    report.faults, report.seconds = town.counts, time.monotonic() - begun
    return report


async def _round(town: Town, plan: Plan, people: People, verdict: Verdict, faults: Faults, inbox: RedisInbox) -> None:
    async with verdict.watching(people.threads), asyncio.TaskGroup() as tasks:
        supervising = tasks.create_task(supervise(town), name="supervise")
        harming = tasks.create_task(faults.run(plan.harm_seconds), name="harm")
        await people.ask(plan.jobs // plan.threads, plan.asking_seconds)
        while not harming.done() and not await _is_idle(inbox):
            await asyncio.wait([harming], timeout=0.2)
        faults.finish()
        await harming
        while left := await inbox.depth():
            what = f"another of the {left} questions that are left comes to its end"
            await until(what, partial(_is_fewer, inbox, left), deadline_seconds=STILL_SECONDS)
        supervising.cancel()


async def _is_fewer(inbox: RedisInbox, than: int) -> bool:
    return await inbox.depth() < than


async def _is_idle(inbox: RedisInbox) -> bool:
    try:
        return await inbox.depth() == 0
    except StoreUnavailable:
        return False


@asynccontextmanager
async def _town(directory: Path, plan: Plan) -> AsyncIterator[Town]:
    """Everything running, and nothing of it left afterwards."""
    store = Store(directory)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.stop)
        await store.start()
        server, model_url = model(directory, token_delay=plan.token_seconds, answer_tokens=plan.answer_tokens)
        stack.push_async_callback(server.kill)
        await server.start()
        await server.says("http://")
        passages = [await stack.enter_async_context(open_passage(store.url)) for _ in range(plan.workers + 1)]
        settings = {
            "LEASE_SECONDS": str(plan.lease_seconds),
            "MAX_NEW_TOKENS": "256",
            "LOG_LEVEL": "WARNING",
            "DRAIN_SECONDS": "1",
        }
        workers = [
            worker(f"worker-{number}", directory, passage.url, model_url, **settings)
            for number, passage in enumerate(passages[1:])
        ]
        for program in workers:
            stack.push_async_callback(program.kill)
            await program.start()
        yield Town(store, server, workers, passages[1:], passages[0], Keys().job("*"), plan.lease_seconds)


def _leaves(errors: BaseExceptionGroup[AssertionError]) -> list[BaseException]:
    return [
        leaf
        for error in errors.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]
