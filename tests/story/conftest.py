"""A whole service on a real store, with a scripted model and a platform in memory."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from redis.asyncio import Redis

from conversation.access import Person, Rules
from conversation.access_gate import AccessGate
from conversation.generation import Patience
from conversation.intake import Intake
from conversation.language_model import ModelSource
from conversation.manager import Manager, Manners
from conversation.model import Action, Belonging, Command, InboundMessage, ThreadId, Turn
from conversation.observing import UNOBSERVED, Observer
from conversation.ports import Accepted, Content, Gate, KnowsPeople, Sampling
from conversation.reception import Heard, Press, Reception
from conversation.skills import Wish, ask_for
from conversation.worker import Worker, Workers
from storage.feedback import RedisFeedback
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.lanes import errands, questions
from storage.preferences import RedisPreferences
from storage.slots import RedisSlots
from storage.threads import RedisThreads
from tests.fakes import FakeHistory, RecordingPlatform, ScriptedModel
from tests.waiting import until

LEASE_SECONDS = 1.0


@dataclass
class Town:
    """Everything that a story needs, and the verbs to tell it with."""

    redis: Redis
    keys: Keys
    inbox: RedisInbox
    threads: RedisThreads
    model: ScriptedModel = field(default_factory=ScriptedModel)
    platform: RecordingPlatform = field(default_factory=RecordingPlatform)
    manners: Manners = field(default_factory=lambda: Manners("", Sampling(max_new_tokens=100), Patience(5.0)))
    history: FakeHistory = field(default_factory=FakeHistory)
    infiller: ModelSource | None = None
    observer: Observer = UNOBSERVED
    gates: tuple[Gate, ...] = ()
    access: Rules = field(default_factory=Rules)
    _stopping: list[asyncio.Event] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def queue(self, lanes: Sequence[str] = questions(["memory"])) -> RedisJobs:
        """A worker's side of the queue."""
        return RedisJobs(self.redis, self.keys, lanes=lanes, lease_seconds=LEASE_SECONDS)

    def slots(self) -> RedisSlots:
        """A worker's view of the model's slots."""
        return RedisSlots(self.redis, self.keys, lease_seconds=LEASE_SECONDS)

    @asynccontextmanager
    async def worker(self, *, drain_seconds: float = 5.0, concurrency: int = 8) -> AsyncIterator[Workers]:
        """A worker that is at work inside, and drains at the end."""
        worker = self._workers(concurrency, drain_seconds)
        stopping = asyncio.Event()
        self._stopping.append(stopping)
        task = asyncio.create_task(worker.run(stopping))
        try:
            yield worker
        finally:
            stopping.set()
            await asyncio.wait_for(task, 20)

    def end_workers(self) -> None:
        """What SIGTERM does: they begin to drain."""
        for stopping in self._stopping:
            stopping.set()

    @asynccontextmanager
    async def crashing_worker(self) -> AsyncIterator[None]:
        """A worker that is at work inside, and is gone without a word at the end."""
        worker = self._workers(8, 0)
        before = asyncio.all_tasks()
        task = asyncio.create_task(worker.run(asyncio.Event()))
        try:
            yield
        finally:
            # Like kill -9 as far as one process can play it: nothing of the worker runs on, nothing is released.
            theirs = [other for other in asyncio.all_tasks() - before if other is not task]
            for other in theirs:
                other.cancel()
            task.cancel()
            with suppress(asyncio.CancelledError, BaseExceptionGroup):
                await task

    def _workers(self, concurrency: int, drain_seconds: float) -> Workers:
        made = []
        for lanes in (questions(["memory"]), errands(["memory"])):
            queue = self.queue(lanes)
            made.append(
                Worker(
                    queue,
                    self._manager(queue),
                    concurrency=concurrency,
                    max_attempts=queue.max_attempts,
                    drain_seconds=drain_seconds,
                    observer=self.observer,
                )
            )
        return Workers(*made)

    def _manager(self, queue: RedisJobs) -> Manager:
        sinks, histories = {"memory": self.platform}, {"memory": self.history}
        slots, preferences = self.slots(), self.preferences
        people = {"memory": self.platform} if isinstance(self.platform, KnowsPeople) else {}
        gates = (AccessGate(self.access, people),)
        return Manager(
            self.threads,
            queue,
            self.model,
            sinks,
            self.manners,
            slots,
            preferences,
            histories,
            self.infiller,
            (*gates, *self.gates),
            self.observer,
        )

    @property
    def preferences(self) -> RedisPreferences:
        """What channels and people have set."""
        return RedisPreferences(self.redis, self.keys)

    @property
    def reception(self) -> Reception:
        """The door that listeners use."""
        feedback = RedisFeedback(self.redis, self.keys, self.threads)
        return Reception(self.inbox, Intake(self.inbox, 10_000), self.threads, feedback, self.access, self.observer)

    async def hear(self, text: str, *, thread: str = "t", author: str = "ada", key: str = "", **how: bool) -> Accepted:
        """Somebody says something to us; it must become a job."""
        heard = Heard(self.message(text, thread=thread, author=author, key=key), **{"mentioned": True, **how})
        accepted = await self.reception.hear(heard)
        assert accepted is not None
        return accepted

    async def press(self, action: Action, target: str, *, thread: str = "t", message_id: str = "m1") -> str:
        """Somebody presses a button below a message of ours; gives what they are told."""
        person = Person(ThreadId("memory", "team", "channel", thread), "ada")
        press = Press(action, target, person, "Ada", f"press{next(self._ids)}", time.time(), message_id)
        return await self.reception.pressed(press)

    def message(
        self,
        text: str,
        *,
        thread: str = "t",
        author: str = "ada",
        command: Command = Command.ASK,
        key: str = "",
        belonging: Belonging = Belonging.MEMBER,
    ) -> InboundMessage:
        """What somebody writes in a thread."""
        return InboundMessage(
            address=ThreadId("memory", "team", "channel", thread),
            message_id=key or f"q{next(self._ids)}",
            author_id=author,
            author_name=author.title(),
            text=text,
            sent_at=time.time(),
            command=command,
            belonging=belonging,
        )

    async def ask(
        self, text: str, *, thread: str = "t", author: str = "ada", command: Command = Command.ASK
    ) -> Accepted:
        """Accept a message, as a listener does."""
        accepted = await Intake(self.inbox, 10_000).receive(
            self.message(text, thread=thread, author=author, command=command)
        )
        assert isinstance(accepted, Accepted)
        return accepted

    async def wish(self, wish: Wish, *, thread: str = "t") -> Accepted:
        """Accept what a skill is asked."""
        message = ask_for(wish).into(self.message("", thread=thread))
        accepted = await Intake(self.inbox, 10_000).receive(message)
        assert isinstance(accepted, Accepted)
        return accepted

    async def settled(self, conversation_id: str) -> None:
        """Wait until nothing of this conversation is left to do."""

        async def is_settled() -> bool:
            return not await self.inbox.pending(conversation_id)

        await until("the conversation has no open job", is_settled)

    async def turns(self, conversation_id: str) -> list[tuple[str, str]]:
        """(role, text) of what is stored."""
        stored: list[Turn] = list((await self.threads.open(conversation_id, "")).turns)
        return [(turn.role.value, turn.text.strip()) for turn in stored]

    @property
    def last(self) -> Content:
        """The newest message."""
        return list(self.platform.messages.values())[-1]


@pytest.fixture
async def town(redis_client: Redis) -> Town:
    """A service with nobody in it yet."""
    keys = Keys()
    return Town(redis_client, keys, RedisInbox(redis_client, redis_client, keys), RedisThreads(redis_client, keys))
