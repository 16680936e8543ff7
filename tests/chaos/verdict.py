"""What must be true of a store when all questions have been answered, whatever happened meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis

from adapters.terminal.events import PLATFORM
from adapters.terminal.screen import STATUS_ID
from conversation.errors import StoreUnavailable
from conversation.model import Ending, Role, Turn
from storage.keys import GROUP, Keys
from storage.screen import RedisScreen
from storage.threads import RedisThreads
from tests.chaos.questions import Asked, Thread
from tests.servers.toy_model import ToyModel

LOOK_SECONDS = 0.5


class Verdict:
    """Looks at the store directly, beside every fault."""

    def __init__(self, redis: Redis, keys: Keys, model: ToyModel) -> None:
        self._redis, self._keys, self._model = redis, keys, model
        self._threads, self._screen = RedisThreads(redis, keys), RedisScreen(redis, keys)
        self._seen: dict[str, Sequence[Turn]] = {}
        self._changed: list[str] = []

    @asynccontextmanager
    async def watching(self, threads: Sequence[Thread]) -> AsyncIterator[None]:
        """Inside, notes every stored turn that changes or goes: an answer stored twice leaves no other trace."""
        task = asyncio.create_task(self._watch(threads), name="watch the turns")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def violations(self, threads: Sequence[Thread]) -> list[str]:
        """Everything that is not as it must be, in words; nothing when all is well."""
        found = []
        for thread in threads:
            await self._look(thread)
            found += [f"thread {thread.name}: {what}" for what in await self._of_thread(thread)]
        return [*self._changed, *found, *(f"queue: {what}" for what in await self._of_queue(threads))]

    async def _watch(self, threads: Sequence[Thread]) -> None:
        while True:
            for thread in threads:
                with suppress(StoreUnavailable):
                    await self._look(thread)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, thread: Thread) -> None:
        if not thread.conversation_id:
            return
        turns = await self._threads.turns(thread.conversation_id)
        before = self._seen.get(thread.conversation_id, ())
        if tuple(turns[: len(before)]) != tuple(before):
            self._changed.append(f"thread {thread.name}: a stored turn was changed: {before} became {turns}")
        self._seen[thread.conversation_id] = turns

    async def _of_thread(self, thread: Thread) -> list[str]:
        turns = await self._threads.turns(thread.conversation_id)
        answered = [asked for asked in thread.asked if not asked.is_poison]
        found = []
        expected = [turn_id for asked in answered for turn_id in (f"{asked.job_id}:0", f"{asked.job_id}:answer")]
        if (stored := [turn.id for turn in turns]) != expected:
            missing, surplus = sorted(set(expected) - set(stored)), sorted(set(stored) - set(expected))
            found.append(f"turns missing {missing}, surplus {surplus}; or in another order, when there are none")
        by_id = {turn.id: turn for turn in turns}
        for asked in answered:
            if (turn := by_id.get(f"{asked.job_id}:answer")) is not None:
                found += [f"{asked.text!r}: {what}" for what in self._of_answer(asked, turn)]
        times = [turn.at for turn in turns if turn.role is Role.ASSISTANT]
        if times != sorted(times):
            found.append(f"the answers' times are out of order: {times}")
        return found + await self._of_screen(thread, answered, by_id)

    def _of_answer(self, asked: Asked, turn: Turn) -> list[str]:
        whole = self._model.answer_to(asked.text)
        found = [] if turn.text == whole else [f"stored {turn.text!r} instead of {whole!r}"]
        return found if turn.ending is Ending.COMPLETE else [*found, f"ended as {turn.ending}"]

    async def _of_screen(self, thread: Thread, answered: Sequence[Asked], by_id: dict[str, Turn]) -> list[str]:
        records = {record["id"]: record for record in await self._screen.read(thread.conversation_id)}
        found = [f"the status {records[STATUS_ID]['text']!r} is still shown"] if STATUS_ID in records else []
        expected = {f"{asked.job_id}:0": asked for asked in answered}
        if (ids := set(records) - {STATUS_ID}) != set(expected):
            found.append(f"messages {sorted(ids ^ set(expected))} are too many or too few on the screen")
        for message_id, asked in expected.items():
            turn, record = by_id.get(f"{asked.job_id}:answer"), records.get(message_id)
            if turn is None or record is None:
                continue
            if (record["text"], record["ending"]) != (turn.text.strip(), Ending.COMPLETE.value):
                found.append(f"{asked.text!r}: shown as {record!r}, stored as {turn.text!r}")
        return found

    async def _of_queue(self, threads: Sequence[Thread]) -> list[str]:
        redis, keys = self._redis, self._keys
        ready = keys.ready(PLATFORM)
        found = [f"{name} is left" for pattern in ("job", "mailbox") for name in await self._names(pattern)]
        if waiting := await redis.xlen(ready):
            found.append(f"{waiting} entries are left in the ready stream")
        if claimed := (await redis.xpending(ready, GROUP))["pending"]:
            found.append(f"{claimed} entries are still claimed")
        if backlog := await redis.zcard(keys.backlog()):
            found.append(f"{backlog} jobs are left in the backlog")
        for name in await self._names("lease"):
            fields: Any = await redis.hgetall(name)
            left = {field.decode() for field, value in fields.items() if value} & {"owner", "token", "job", "entry"}
            found += [f"{name} still has {sorted(left)}"] if left else []
        letters: Any = await redis.xrange(keys.dead())
        dead = {fields[b"job"].decode() for _, fields in letters}
        poison = {asked.job_id for thread in threads for asked in thread.asked if asked.is_poison}
        mine = {asked.job_id for thread in threads for asked in thread.asked}
        if dead & mine != poison:
            found.append(f"dead letters {sorted(dead & mine)} instead of {sorted(poison)}")
        endless = [name async for name in redis.scan_iter(count=1000) if await redis.ttl(name) == -1]
        return found + [f"{name.decode()} lives for ever" for name in endless]

    async def _names(self, kind: str) -> list[str]:
        return [name.decode() async for name in self._redis.scan_iter(f"{self._keys.base}:{kind}:*", count=1000)]
