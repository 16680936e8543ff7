"""The queue and the model's slots against a simple model of them: lists in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from conversation.errors import LeaseLost
from conversation.model import Checkpoint, Claim, Command, Ending, InboundMessage, StopReason
from conversation.ports import EditOutcome
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import GROUP, Keys
from storage.slots import RedisSlots
from tests.storage.questions import answer, message

KEYS = Keys()
# A sentence of ours alone belongs to no thread: tests/story/test_when_it_answers.py.
QUESTIONS = [command for command in Command if not command.is_errand]
MAX_MAILBOX = 4
SLOTS = 2
PER_PERSON = 2  # announced without a slot
T = TypeVar("T")


@dataclass(slots=True)
class ModelJob:
    id: str
    messages: list[InboundMessage]
    command: Command
    claim: Claim | None = None  # in a worker's hands
    had_worker: bool = False  # one that crashed with it
    checkpointed: bool = False
    tokens: int = 0
    attempts: int = 0
    stop: StopReason | None = None
    revision: int = 0

    @property
    def begun(self) -> bool:
        return self.claim is not None or self.had_worker or self.checkpointed

    @property
    def pending_reason(self) -> StopReason | None:
        assert self.claim is not None
        return self.stop or (StopReason.RESTART if self.revision > self.claim.job.revision else None)


class QueueMachine(RuleBasedStateMachine):
    """One step of a listener or a worker after another, each checked against the model."""

    url = ""

    @classmethod
    def on(cls, url: str) -> type[QueueMachine]:
        """The machine for one server; hypothesis makes it without arguments."""
        return type(cls.__name__, (cls,), {"url": url})

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.threads: dict[str, list[ModelJob]] = {}
        self.conversations: dict[str, str] = {}
        self.answered: dict[str, list[str]] = {}
        self.accepted: list[InboundMessage] = []
        self.late: list[Claim] = []  # of workers that were overtaken
        # Threads by the person who waits with them, announced without a slot or not announced yet.
        self.unslotted: dict[str, list[str]] = {"x": [], "y": []}
        self.parked: dict[str, list[str]] = {"x": [], "y": []}
        self.slotted: list[str] = []
        self.line: list[tuple[bool, int, str]] = []  # (has not begun, when it was announced, thread), in order
        self.announcements = 0
        self.announced_at: dict[str, int] = {}
        self.run(self.open())

    async def open(self) -> None:
        self.redis: Any = open_redis(self.url)
        await self.redis.flushall()
        self.inbox = RedisInbox(self.redis, self.redis, KEYS, join_seconds=600.0, max_mailbox=MAX_MAILBOX)
        self.jobs = RedisJobs(self.redis, KEYS, lanes=["slack"], lease_seconds=600.0)
        self.slots = RedisSlots(self.redis, KEYS, lease_seconds=100.0)
        await self.jobs._streams._prepare()  # as a first claim does, which would wait for half a second

    def run(self, step: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(step)

    def teardown(self) -> None:
        self.run(self.redis.aclose())
        self.runner.close()

    # --- what the model knows
    def all_jobs(self) -> list[tuple[str, ModelJob]]:
        return [(thread, job) for thread, jobs in self.threads.items() for job in jobs]

    def claimed(self) -> list[tuple[str, ModelJob]]:
        return [(thread, job) for thread, job in self.all_jobs() if job.claim]

    def waiting(self) -> list[str]:
        parked = [thread for threads in self.parked.values() for thread in threads]
        return [
            thread
            for thread, jobs in self.threads.items()
            if jobs and not jobs[0].claim and not jobs[0].had_worker and thread not in parked
        ]

    def crashed(self) -> list[str]:
        return [thread for thread, jobs in self.threads.items() if jobs and not jobs[0].claim and jobs[0].had_worker]

    def job_of(self, asked: InboundMessage) -> ModelJob | None:
        return next((job for _, job in self.all_jobs() if asked.key in [m.key for m in job.messages]), None)

    def announce(self, thread: str, *, at_once: bool = False) -> None:
        if not self.threads[thread]:
            return
        author = self.threads[thread][0].messages[0].author_id
        is_free = at_once or len(self.unslotted[author]) < PER_PERSON
        if is_free:
            self.enter(thread, author)
        else:
            self.parked[author].append(thread)

    def enter(self, thread: str, author: str) -> None:
        self.unslotted[author].append(thread)
        self.announcements += 1
        self.announced_at[thread] = self.announcements

    def leave(self, thread: str) -> None:
        for threads in (*self.unslotted.values(), *self.parked.values()):
            if thread in threads:
                threads.remove(thread)

    def promote(self) -> None:
        for author, parked in self.parked.items():
            while parked and len(self.unslotted[author]) < PER_PERSON:
                self.enter(parked.pop(0), author)

    def unslot(self, thread: str) -> None:
        self.slotted = [other for other in self.slotted if other != thread]
        self.line = [waiting for waiting in self.line if waiting[2] != thread]

    def end(self, thread: str, job: ModelJob) -> None:
        self.threads[thread].remove(job)
        self.unslot(thread)
        self.leave(thread)
        self.promote()
        self.announce(thread)

    # --- listeners
    @initialize()
    def one_person_asks_in_four_threads(self) -> None:
        """So that some of them are parked when the other steps come."""
        for thread in "abcd":
            self.accept(thread, "x", Command.ASK)

    @rule(thread=st.sampled_from("abcdef"), author=st.sampled_from("xy"), command=st.sampled_from(QUESTIONS))
    def accept(self, thread: str, author: str, command: Command) -> None:
        jobs = self.threads.setdefault(thread, [])
        asked = message(thread=thread, author=author, command=command)
        tail = jobs[-1] if jobs else None
        joins = (
            tail is not None
            and (tail.command, command) == (Command.ASK, Command.ASK)
            and tail.stop is None
            and tail.messages[0].author_id == author
            and len(tail.messages) < MAX_MAILBOX
        )
        if not joins and len(jobs) == MAX_MAILBOX:
            return
        got = self.run(self.inbox.accept(asked))
        assert (got.is_new, got.joined) == (True, joins)
        assert self.conversations.setdefault(thread, got.conversation_id) == got.conversation_id
        self.accepted.append(asked)
        if joins:
            assert tail is not None
            assert got.job_id == tail.id
            tail.messages.append(asked)
            tail.revision += 1
        else:
            assert got.ahead == len(jobs)
            jobs.append(ModelJob(got.job_id, [asked], command))
            if len(jobs) == 1:
                self.announce(thread)

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def redeliver(self, data: st.DataObject) -> None:
        asked = data.draw(st.sampled_from(self.accepted))
        got = self.run(self.inbox.accept(asked))
        assert not got.is_new
        if job := self.job_of(asked):
            assert got.job_id == job.id

    @precondition(lambda self: self.conversations)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        thread = data.draw(st.sampled_from(sorted(self.conversations)))
        jobs = self.threads[thread]
        assert self.run(self.inbox.cancel(self.conversations[thread])) == bool(jobs)
        if jobs:
            jobs[0].stop = jobs[0].stop or StopReason.STOPPED
            if any(thread in parked for parked in self.parked.values()):
                self.leave(thread)
                self.announce(thread, at_once=True)

    @precondition(lambda self: self.all_jobs())
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        thread, job = data.draw(st.sampled_from(self.all_jobs()))
        asked = data.draw(st.sampled_from(job.messages))
        outcome = self.run(self.inbox.remove(asked.key))
        again = job.stop is StopReason.REMOVED  # a removal that is repeated answers as it did
        assert outcome is (EditOutcome.RUNNING if job.begun or again else EditOutcome.QUEUED)
        if again:
            return
        if len(job.messages) > 1:
            job.messages.remove(asked)
            job.revision += 1
        elif job.begun:
            job.stop = StopReason.REMOVED
        elif self.threads[thread][0] is job:
            self.end(thread, job)
        else:
            self.threads[thread].remove(job)

    @precondition(lambda self: self.all_jobs())
    @rule(data=st.data(), text=st.sampled_from(["why?", "how?", "when?"]))
    def replace(self, data: st.DataObject, text: str) -> None:
        _, job = data.draw(st.sampled_from(self.all_jobs()))
        place = data.draw(st.integers(0, len(job.messages) - 1))
        edited = replace(job.messages[place], text=text)
        outcome = self.run(self.inbox.replace(edited))
        assert outcome is (EditOutcome.RUNNING if job.begun else EditOutcome.QUEUED)
        if edited != job.messages[place] and job.stop is not StopReason.REMOVED:
            job.messages[place] = edited
            job.revision += 1
            job.stop = None

    # --- workers
    @precondition(lambda self: self.waiting())
    @rule()
    def claim(self) -> None:
        self.take(self.waiting(), self.jobs)

    @precondition(lambda self: self.crashed())
    @rule()
    def take_over(self) -> None:
        newcomer = RedisJobs(self.redis, KEYS, lanes=["slack"], lease_seconds=600.0)  # it looks for abandoned ones
        self.take(self.crashed(), newcomer)

    def take(self, threads: list[str], jobs: RedisJobs) -> None:
        (claim,) = self.run(jobs.claim(1))
        thread = next(thread for thread in threads if self.threads[thread][0].id == claim.job.id)
        self.unslot(thread)
        job = self.threads[thread][0]
        job.attempts += 1
        assert (claim.attempts, claim.stop, claim.checkpoint.tokens_used) == (job.attempts, job.stop, job.tokens)
        assert (list(claim.job.messages), claim.job.revision) == (job.messages, job.revision)
        job.claim, job.had_worker = claim, False

    @precondition(lambda self: self.claimed())
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        _, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        # As the server sees it when a lease's time has passed without a renewal.
        self.run(
            self.redis.xclaim(KEYS.ready("slack"), GROUP, "dead", 0, [job.claim.entry], idle=3_600_000, justid=True)
        )
        self.late.append(job.claim)
        job.claim, job.had_worker = None, True

    @precondition(lambda self: self.claimed())
    @rule(data=st.data(), tokens=st.integers(0, 3))
    def checkpoint(self, data: st.DataObject, tokens: int) -> None:
        _, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        assert self.run(self.jobs.checkpoint(job.claim, Checkpoint(tokens_used=tokens))) is job.pending_reason
        if tokens > job.tokens:
            job.attempts = 1
        job.tokens, job.checkpointed = tokens, True

    @precondition(lambda self: self.claimed())
    @rule(data=st.data())
    def ask_for_a_slot(self, data: st.DataObject) -> None:
        thread, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        place = 0
        if thread not in self.slotted:
            if thread not in [waiting[2] for waiting in self.line]:
                self.line.append((job.tokens == 0, self.announced_at[thread], thread))
                self.line.sort()
            ahead = [waiting[2] for waiting in self.line].index(thread)
            place = 0 if ahead < SLOTS - len(self.slotted) else ahead + 1
        if place == 0:
            self.unslot(thread)
            self.slotted.append(thread)
            self.leave(thread)
            self.promote()
        assert self.run(self.slots._ask(job.claim, "server", SLOTS)) == place

    @precondition(lambda self: self.claimed())
    @rule(data=st.data())
    def give_back_a_slot(self, data: st.DataObject) -> None:
        thread, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        self.run(self.slots._give_back(job.claim))
        self.unslot(thread)

    @precondition(lambda self: self.claimed())
    @rule()
    def renew(self) -> None:
        jobs = [job for _, job in self.claimed()]
        reasons = self.run(self.jobs.renew([job.claim for job in jobs if job.claim]))
        assert reasons == [job.pending_reason for job in jobs]

    @precondition(lambda self: self.claimed())
    @rule(data=st.data())
    def reload(self, data: st.DataObject) -> None:
        _, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        self.run(self.jobs.reload(job.claim))
        assert (list(job.claim.job.messages), job.claim.stop) == (job.messages, job.stop)

    @precondition(lambda self: self.claimed())
    @rule(data=st.data(), ending=st.sampled_from([Ending.COMPLETE, Ending.STOPPED, Ending.REMOVED]))
    def finish(self, data: st.DataObject, ending: Ending) -> None:
        thread, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        got = self.run(self.jobs.finish(job.claim, answer(job.claim, ending)))
        if ending is not Ending.REMOVED:
            expected = job.pending_reason if job.stop is not StopReason.STOPPED else None
            if job.revision > job.claim.job.revision and job.stop is not StopReason.REMOVED:
                expected = StopReason.RESTART
            assert got is expected
            if expected:
                return
            self.answered.setdefault(thread, []).append(job.id)
        else:
            assert got is None
        self.end(thread, job)

    @precondition(lambda self: self.claimed())
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        thread, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        self.run(self.jobs.release(job.claim))
        job.claim = None
        job.attempts -= 1
        self.unslot(thread)
        self.leave(thread)
        self.announce(thread, at_once=True)
        self.promote()

    @precondition(lambda self: self.claimed())
    @rule(data=st.data())
    def bury(self, data: st.DataObject) -> None:
        thread, job = data.draw(st.sampled_from(self.claimed()))
        assert job.claim is not None
        self.run(self.jobs.bury(job.claim, "why"))
        self.end(thread, job)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def wake_up_late(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.late))
        if any(job.had_worker and job.id == claim.job.id for _, job in self.all_jobs()):
            return  # nobody took it over yet: it may still write
        try:
            self.run(self.slots._give_back(claim))  # of the new worker's nothing is given back
            self.run(self.jobs.finish(claim, answer(claim)))
        except LeaseLost:
            return
        raise AssertionError("an overtaken worker ended a job")

    # --- what always holds
    @invariant()
    def the_store_is_as_the_model(self) -> None:
        self.run(self.compare())

    async def compare(self) -> None:
        for thread, conversation in self.conversations.items():
            stored = await self.inbox.pending(conversation)
            assert [(job.id, list(job.messages), job.revision) for job in stored] == [
                (job.id, job.messages, job.revision) for job in self.threads[thread]
            ]
            order = [turn.decode() for turn in await self.redis.zrange(KEYS.order(conversation), 0, -1)]
            assert [t.split(":")[0] for t in order if t.endswith("answer")] == self.answered.get(thread, [])
        assert await self.inbox.depth() == len(self.all_jobs())
        parked = [thread for threads in self.parked.values() for thread in threads]
        entries = [fields[b"conversation"].decode() for _, fields in await self.redis.xrange(KEYS.ready("slack"))]
        assert sorted(entries) == sorted(
            c for thread, c in self.conversations.items() if self.threads[thread] and thread not in parked
        )
        await self.compare_slots()
        held = await self.redis.xpending(KEYS.ready("slack"), GROUP)
        assert held["pending"] == len(self.claimed()) + len(self.crashed())
        jobs = [key async for key in self.redis.scan_iter(KEYS.job("*"))]
        assert len(jobs) == len(self.all_jobs())

    async def compare_slots(self) -> None:
        thread_of = {conversation.encode(): thread for thread, conversation in self.conversations.items()}
        members = await self.redis.zrange(KEYS.unslotted(), 0, -1)
        for author in "xy":
            behind = f"slack:{author}\0".encode()
            unslotted = [one.removeprefix(behind) for one in members if one.startswith(behind)]
            assert {thread_of[one] for one in unslotted} == set(self.unslotted[author])
            parked = await self.redis.lrange(KEYS.parked("slack", author), 0, -1)
            assert [thread_of[one] for one in parked] == self.parked[author]
            assert not parked or len(unslotted) >= PER_PERSON
        assert {thread_of[one] for one in await self.redis.zrange(KEYS.slots("server"), 0, -1)} == set(self.slotted)
        assert [thread_of[one] for one in await self.redis.zrange(KEYS.line("server"), 0, -1)] == [
            waiting[2] for waiting in self.line
        ]
        assert await self.slots.free("server", SLOTS) == SLOTS - len(self.slotted)
        endless = [key async for key in self.redis.scan_iter(count=1000) if await self.redis.ttl(key) == -1]
        assert not endless


def test_any_order_of_steps_leaves_the_queue_as_the_model(valkey_url: str) -> None:
    """Whatever listeners and workers do one after the other, jobs, order, turns, the ready stream, the parked and
    the slots are as in the model, every key has a lifetime, and an overtaken worker ends nothing."""
    run_state_machine_as_test(
        QueueMachine.on(valkey_url),
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink a failure would take minutes
        ),
    )
