"""Claims jobs, has them answered, settles them; and gives them back when the process has to go."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from conversation import accounts
from conversation.control import Control
from conversation.errors import LeaseLost, StoreUnavailable
from conversation.model import Claim, Ending, Measures, Settlement, StopReason
from conversation.observing import UNOBSERVED, Observer
from conversation.ports import JobQueue

log = logging.getLogger(__name__)

# Renewing four times per lease outlives three lost renewals.
RENEWALS_PER_LEASE = 4
STORE_RETRY_SECONDS = 0.25
# A worker claims so many jobs more than the model has slots free: enough that no slot waits for a claim, and few enough
# that the rest stays in the queue's own order, where other workers find it.
CLAIMS_AHEAD = 8
# Slots that other processes give back are not heard of here.
LOOK_FOR_ROOM_SECONDS = 0.5
# After the drain every answer only has to store its draft.
HAND_OVER_SECONDS = 5.0
# How long a worker whose model cannot be reached leaves the questions to others.
REST_SECONDS = 1.0
# Found out while settling: the question changed, or is gone.
_ANEW = (StopReason.RESTART, StopReason.REMOVED)


class Answerer(Protocol):
    """What a worker does with a claim; see `manager.Manager`."""

    async def answer(self, claim: Claim, control: Control) -> Settlement | StopReason: ...

    async def apologise(self, claim: Claim) -> None: ...

    async def free_slots(self) -> int: ...


@dataclass(slots=True)
class _Running:
    claim: Claim
    control: Control
    taken_over: bool = False  # another worker had begun with it
    task: asyncio.Task[None] | None = field(default=None)


class Worker:
    """Answers up to `concurrency` conversations at once until it is told to stop."""

    def __init__(
        self,
        queue: JobQueue,
        answerer: Answerer,
        *,
        concurrency: int,
        max_attempts: int,
        drain_seconds: float,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._queue, self._answerer, self._observer = queue, answerer, observer
        self._concurrency, self._max_attempts, self._drain_seconds = concurrency, max_attempts, drain_seconds
        self._running: dict[str, _Running] = {}
        self._ended = asyncio.Event()  # an answer has
        self._draining = False
        self._rested_at = 0.0

    @property
    def running(self) -> int:
        """Answers in the making."""
        return len(self._running)

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping` is set; then claim no more, let answers finish for the drain time, hand over the
        rest."""
        async with asyncio.TaskGroup() as tasks:
            renewing = tasks.create_task(self._keep_leases(), name="renew leases")
            listening = tasks.create_task(self._hear_signals(), name="hear signals")
            await self._claim_jobs(tasks, stopping)
            await self._drain()
            renewing.cancel()
            listening.cancel()

    async def _claim_jobs(self, tasks: asyncio.TaskGroup, stopping: asyncio.Event) -> None:
        """Never cancelled in the middle of a claim: a claim that nobody received would count as a crash."""
        stop = tasks.create_task(stopping.wait(), name="wait for the stop")
        while not stopping.is_set():
            self._ended.clear()
            try:
                room = await self._room()
                if room <= 0:
                    ended = tasks.create_task(self._ended.wait(), name="wait for the end of an answer")
                    await asyncio.wait(
                        [stop, ended], timeout=LOOK_FOR_ROOM_SECONDS, return_when=asyncio.FIRST_COMPLETED
                    )
                    ended.cancel()
                    continue
                claims = await self._queue.claim(room)
            except StoreUnavailable as error:
                log.warning("cannot claim: %s", error)
                await asyncio.wait([stop], timeout=STORE_RETRY_SECONDS)
                continue
            for claim in claims:
                self._start(tasks, claim)

    async def _room(self) -> int:
        """How many jobs more this worker may claim now."""
        places = self._concurrency - len(self._running)
        if places <= 0 or time.monotonic() < self._rested_at:
            return 0
        waiting = sum(not running.control.has_slot for running in self._running.values())
        return min(places, await self._answerer.free_slots() + CLAIMS_AHEAD - waiting)

    def _start(self, tasks: asyncio.TaskGroup, claim: Claim) -> None:
        conversation_id = claim.job.conversation_id
        if (older := self._running.get(conversation_id)) is not None:
            # Our own lease ran out and we took the job over from ourselves: the older run must end.
            older.control.call_back(StopReason.LOST)
        running = _Running(claim, Control(claim.stop), _is_begun(claim))
        self._running[conversation_id] = running
        running.task = tasks.create_task(self._carry(running), name=f"job {claim.job.id}")

    async def _carry(self, running: _Running) -> None:
        """One job from claim to settlement. Ends quietly in every case: the queue holds whatever was not settled."""
        job_id = running.claim.job.id
        try:
            if running.claim.attempts > self._max_attempts:
                await self._give_up(running.claim)
            else:
                await self._answer(running)
        except LeaseLost:
            self._lost(job_id)
        except StoreUnavailable as error:
            log.warning("job %s waits for the store: %s", job_id, error)
        except asyncio.CancelledError:
            if self._draining:
                # It waits for a platform that is away, say. Counted as crashes, a few such ends would give it up.
                with suppress(LeaseLost, StoreUnavailable):
                    await asyncio.shield(self._queue.release(running.claim))
            raise
        except Exception:
            # Not settled and no longer renewed: it is claimed again after the lease, counted as a crash.
            log.exception("job %s failed", job_id)
        finally:
            if self._running.get(running.claim.job.conversation_id) is running:
                del self._running[running.claim.job.conversation_id]
            self._ended.set()

    async def _give_up(self, claim: Claim) -> None:
        try:
            await self._answerer.apologise(claim)
        except (LeaseLost, StoreUnavailable):
            raise
        except Exception:
            # What kills the answer may kill the apology too, and must not keep the job out of the dead letters.
            log.exception("nobody could be told that job %s was given up", claim.job.id)
        await self._queue.bury(claim, f"{claim.attempts - 1} crashes")
        measures = Measures(claim.checkpoint.milestones, answer_tokens=claim.checkpoint.tokens_used, buried=True)
        accounts.settled(self._observer, claim, Settlement(Ending.FAILED, measures=measures), taken_over=True)

    def _lost(self, job_id: str) -> None:
        log.warning("job %s went to another worker", job_id)
        self._observer.lease_lost()

    async def _answer(self, running: _Running) -> None:
        is_known = True
        while True:
            try:
                if not is_known:
                    # The claim itself knows nothing of the messages that were posted since: they would be posted again.
                    running.claim = await self._queue.reload(running.claim)
                    running.control = Control(StopReason.DRAIN if self._draining else running.claim.stop)
                is_known = False
                if await self._answer_once(running):
                    return
            except StoreUnavailable as error:
                # The store was away for a moment: that is no crash of this job, so it is begun again here.
                log.warning("job %s waits for the store: %s", running.claim.job.id, error)
                await asyncio.sleep(STORE_RETRY_SECONDS)

    async def _answer_once(self, running: _Running) -> bool:
        """True when the job is out of our hands; False when it has to be answered anew."""
        outcome = await self._answerer.answer(running.claim, running.control)
        if isinstance(outcome, Settlement):
            if await self._settle(running.claim, outcome) in _ANEW:
                return False
            accounts.settled(self._observer, running.claim, outcome, taken_over=running.taken_over)
            return True
        if outcome is StopReason.LOST:
            self._lost(running.claim.job.id)
        if outcome is StopReason.DRAIN:
            await self._queue.release(running.claim)
            if not self._draining:
                # The model is out of our reach. Other workers may reach it, so they come first.
                self._rested_at = time.monotonic() + REST_SECONDS
        return outcome is not StopReason.RESTART

    async def _settle(self, claim: Claim, settlement: Settlement) -> StopReason | None:
        """Settling is repeatable, and a whole answer must not be lost to a store that is away for a moment."""
        while True:
            try:
                return await self._queue.finish(claim, settlement)
            except StoreUnavailable as error:
                log.warning("job %s cannot be settled yet: %s", claim.job.id, error)
                await asyncio.sleep(STORE_RETRY_SECONDS)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._queue.lease_seconds / RENEWALS_PER_LEASE)
            running = list(self._running.values())
            if not running:
                continue
            try:
                reasons = await self._queue.renew([entry.claim for entry in running])
            except StoreUnavailable as error:
                log.warning("leases not renewed: %s", error)
                continue
            for entry, reason in zip(running, reasons, strict=True):
                # A job that settled meanwhile is nobody's any more.
                if reason is not None and self._running.get(entry.claim.job.conversation_id) is entry:
                    entry.control.call_back(reason)

    async def _hear_signals(self) -> None:
        async for conversation_id, reason in self._queue.signals():
            if (running := self._running.get(conversation_id)) is not None:
                running.control.call_back(reason)

    async def _drain(self) -> None:
        for running in self._running.values():
            if not running.control.has_slot:  # others may begin it now; here it would only wait on
                running.control.call_back(StopReason.DRAIN)
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=self._drain_seconds)
        self._draining = True
        for running in self._running.values():
            running.control.call_back(StopReason.DRAIN)
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=HAND_OVER_SECONDS)
        for task in self._tasks():
            task.cancel()

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [running.task for running in self._running.values() if running.task is not None]


def _is_begun(claim: Claim) -> bool:
    """Whether somebody has worked on it before."""
    found = claim.checkpoint
    return claim.attempts > 1 or bool(found.segments or found.text or found.milestones.began_at)


class Workers:
    """Several workers of one process, which begin and end together."""

    def __init__(self, *workers: Worker) -> None:
        self._workers = workers

    @property
    def running(self) -> int:
        """Answers in the making."""
        return sum(worker.running for worker in self._workers)

    async def run(self, stopping: asyncio.Event) -> None:
        """See Worker.run."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(worker.run(stopping), name="one of several workers")
