"""A worker whose store is away for a moment, with a queue in memory."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from conversation import worker as worker_module
from conversation.control import Control
from conversation.errors import StoreUnavailable
from conversation.model import (
    Checkpoint,
    Claim,
    Ending,
    InboundMessage,
    Job,
    Segment,
    SegmentState,
    Settlement,
    StopReason,
    ThreadId,
)
from conversation.ports import JobQueue
from conversation.worker import Worker
from tests.waiting import until

SHOWN = Checkpoint(text=" Hel", tokens_used=1, segments=(Segment("job:0", 0, SegmentState.SENT, "m1"),))


@dataclass
class OneJobQueue:
    """Holds one job, and what was stored of its answer since it was claimed."""

    stored: Checkpoint = SHOWN
    reload_failures: deque[StoreUnavailable] = field(default_factory=deque)
    settled: list[Settlement] = field(default_factory=list)
    lease_seconds: float = 60.0
    _claimed: bool = False

    async def claim(self, limit: int) -> list[Claim]:
        if self._claimed:
            await asyncio.sleep(0.01)
            return []
        self._claimed = True
        message = InboundMessage(ThreadId("memory", "t", "c", "1"), "m", "u", "U", "hi", 0.0)
        job = Job("job", "conversation", (message,), 0.0)
        return [Claim(job, Checkpoint(), 1, 1, time.monotonic() + self.lease_seconds, "1-0")]

    async def renew(self, claims: Sequence[Claim]) -> list[StopReason | None]:
        return [None for _ in claims]

    async def reload(self, claim: Claim) -> Claim:
        if self.reload_failures:
            raise self.reload_failures.popleft()
        return replace(claim, checkpoint=self.stored)

    async def checkpoint(self, claim: Claim, checkpoint: Checkpoint) -> StopReason | None:
        raise NotImplementedError

    async def finish(self, claim: Claim, settlement: Settlement) -> StopReason | None:
        self.settled.append(settlement)
        return None

    async def release(self, claim: Claim) -> None:
        raise NotImplementedError

    async def bury(self, claim: Claim, why: str) -> None:
        raise NotImplementedError

    async def signals(self) -> AsyncIterator[tuple[str, StopReason]]:
        await asyncio.Event().wait()
        yield "", StopReason.LOST


@dataclass
class InterruptedAnswerer:
    """Loses the store in its first tries, and notes from where each try begins."""

    interruptions: int
    begun_at: list[Checkpoint] = field(default_factory=list)

    async def answer(self, claim: Claim, control: Control) -> Settlement | StopReason:
        self.begun_at.append(claim.checkpoint)
        if len(self.begun_at) <= self.interruptions:
            raise StoreUnavailable
        return Settlement(Ending.COMPLETE)

    async def apologise(self, claim: Claim) -> None:
        raise NotImplementedError

    async def free_slots(self) -> int:
        return 8


_: type[JobQueue] = OneJobQueue


async def test_an_answer_that_lost_the_store_goes_on_from_what_it_had_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is read anew, also when that needs several tries: its own checkpoint knows of no message, and would
    have it posted twice."""
    monkeypatch.setattr(worker_module, "STORE_RETRY_SECONDS", 0.001)
    queue, answerer = OneJobQueue(reload_failures=deque([StoreUnavailable()])), InterruptedAnswerer(2)
    worker = Worker(queue, answerer, concurrency=1, max_attempts=3, drain_seconds=1)
    stopping = asyncio.Event()
    working = asyncio.create_task(worker.run(stopping))
    await until("the job is settled", lambda: bool(queue.settled))
    stopping.set()
    await asyncio.wait_for(working, 10)
    assert answerer.begun_at == [Checkpoint(), SHOWN, SHOWN]
    assert queue.settled == [Settlement(Ending.COMPLETE)]
