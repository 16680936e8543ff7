"""Queues, messages and memory are bounded, also where the far side is slow."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from conversation.errors import QueueFull
from conversation.model import Ending, Job, Segment
from conversation.ports import Chunk, Content, Prompt, Sampling, Written
from storage.inbox import RedisInbox
from storage.keys import Keys
from tests.chaos.processes import model, worker
from tests.chaos.questions import question
from tests.fakes import RecordingPlatform, ScriptedModel
from tests.story.conftest import Town
from tests.waiting import until

ANSWERS = 200


async def test_who_finds_the_queue_full_is_told_so_and_may_ask_again_later(town: Town) -> None:
    """A refusal stores nothing; a place that becomes free is given away again."""
    town.inbox = RedisInbox(town.redis, town.redis, town.keys, max_mailbox=2, max_backlog=3)
    waiting = [await town.ask("q", thread=thread, author=author) for thread, author in ("1a", "1b", "2c")]
    stored = await town.redis.dbsize()
    for thread in ("1", "3"):  # the thread's bound, and everybody's
        with pytest.raises(QueueFull) as refused:
            await town.ask("one more", thread=thread, author="d")
        assert refused.value.user_notice == (
            "Too many questions are waiting already. Please ask again in a few minutes."
        )
    assert await town.redis.dbsize() == stored
    async with town.worker():
        for accepted in waiting:
            await town.settled(accepted.conversation_id)
        await town.settled((await town.ask("one more", thread="1", author="d")).conversation_id)
    assert len(town.platform.messages) == 4


class PacedModel(ScriptedModel):
    """Lets others run after each piece, and counts them."""

    said = 0

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator.stream."""
        async for chunk in super().stream(prompt, sampling):
            yield chunk
            self.said += 1
            await asyncio.sleep(0)


@dataclass
class StuckPlatform(RecordingPlatform):
    """Its calls take until `free` is set."""

    free: asyncio.Event = field(default_factory=asyncio.Event)
    calls: int = 0  # that have not come back
    most_calls: int = 0

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post."""
        await self._wait()
        return await super().post(job, segment, content)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """See ReplySink.edit."""
        await self._wait()
        await super().edit(job, segment, content)

    async def _wait(self) -> None:
        self.calls += 1
        self.most_calls = max(self.most_calls, self.calls)
        await self.free.wait()
        self.calls -= 1


async def test_a_slow_platform_gets_one_call_at_a_time_and_costs_no_memory(town: Town) -> None:
    """Four thousand pieces come while its first call takes its time: nothing is queued for it but the newest text."""
    town.model, town.platform = PacedModel(answer=lambda _: "word " * 6000 + "end"), StuckPlatform()
    town.manners = type(town.manners)("", Sampling(max_new_tokens=10_000), town.manners.patience)
    town.model.context_tokens = 30_000
    async with town.worker():
        accepted = await town.ask("long?")
        await until("the first call", lambda: town.platform.calls == 1)  # type: ignore[attr-defined]
        await until("a thousand pieces", lambda: town.model.said > 1000)  # type: ignore[attr-defined]
        before = _objects()
        await until("five thousand pieces", lambda: town.model.said > 5000)  # type: ignore[attr-defined]
        after = _objects()
        await until("the model has ended", lambda: town.model.open_streams == 0)
        town.platform.free.set()
        await town.settled(accepted.conversation_id)
    assert after <= before + 1000, "a quarter of a thing is kept of each piece"
    assert town.platform.most_calls == 1
    assert town.last.ending == Ending.COMPLETE
    assert town.last.text.endswith("word end")
    assert len(town.platform.writes) <= 3


@pytest.mark.timeout(240)
async def test_a_worker_stays_as_large_as_it_was_after_its_first_answers(
    tmp_path: Path, valkey_url: str, redis_client: Redis
) -> None:
    """So many answers, then four times as many more: less than 4 KiB of each are left in the process."""
    server, model_url = model(tmp_path, answer_tokens=4)
    program = worker("worker", tmp_path, valkey_url, model_url, MAX_NEW_TOKENS="64", LOG_LEVEL="WARNING")
    inbox = RedisInbox(redis_client, redis_client, Keys())

    async def answered() -> bool:
        return await inbox.depth() == 0

    async def ask(first: int, last: int) -> None:
        for number in range(first, last):
            # Of few texts: the ids of texts are remembered, as many as inference/tokenizers.py says.
            await inbox.accept(replace(question(f"thread-{number % 100}", number), text=f"question {number % 20}"))
        await until(f"{last} answers", answered, deadline_seconds=150)

    try:
        await server.start()
        await server.says("http://")
        await program.start()
        await ask(0, ANSWERS)
        before = program.resident_bytes()
        await ask(ANSWERS, 5 * ANSWERS)
        grown = program.resident_bytes() - before
    finally:
        await program.kill()
        await server.kill()
    print(f"{before / 2**20:.1f} MiB after {ANSWERS} answers, {grown / 2**20:+.1f} MiB after {5 * ANSWERS}")
    assert grown < 4 * ANSWERS * 4 * 1024


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())
