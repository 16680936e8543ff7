"""The store is killed, put to sleep or cut off, in every moment that matters: nothing is half-accepted, half-shown or
shown twice."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from conversation import delivery as delivery_module
from conversation import worker as worker_module
from conversation.errors import StoreUnavailable
from conversation.model import Ending
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.threads import RedisThreads
from tests.chaos.passage import Passage, open_passage
from tests.chaos.processes import Store
from tests.story.conftest import Town
from tests.waiting import until

OUTAGES = ("killed", "stopped", "cut off")
# 0.9 s by the program's own clock; the rest is for a machine that does ten other things.
ACCEPT_FAILS_WITHIN_SECONDS = 1.5


@dataclass
class Outage:
    """A way to lose the store, and to get it back."""

    kind: str
    store: Store
    passage: Passage

    async def begin(self) -> None:
        if self.kind == "cut off":
            self.passage.close()
        else:
            self.store.send(signal.SIGKILL if self.kind == "killed" else signal.SIGSTOP)

    async def end(self) -> None:
        if self.kind == "killed":
            await self.store.start()
        elif self.kind == "stopped":
            self.store.send(signal.SIGCONT)
        else:
            self.passage.open()


@dataclass
class Harbour:
    """A service whose store can be lost."""

    town: Town
    outage: Outage


@pytest.fixture(params=OUTAGES)
async def harbour(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harbour]:
    """A town on a store of its own, behind a passage."""
    store, keys = Store(tmp_path), Keys()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.stop)
        await store.start()
        passage = await stack.enter_async_context(open_passage(store.url))
        redis, fast = open_redis(passage.url), open_redis(passage.url, fast=True)
        stack.push_async_callback(redis.aclose)
        stack.push_async_callback(fast.aclose)
        town = Town(redis, keys, RedisInbox(redis, fast, keys), RedisThreads(redis, keys))
        yield Harbour(town, Outage(request.param, store, passage))


@pytest.fixture
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tries in a short outage are to the program what they are in a long one."""
    monkeypatch.setattr(delivery_module, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(worker_module, "STORE_RETRY_SECONDS", 0.01)


async def test_accept_fails_fast_and_the_same_message_is_taken_once_when_the_store_is_back(harbour: Harbour) -> None:
    """No acknowledgement without the store; and what the platform sends again is one question, whatever became of the
    first try."""
    town, outage = harbour.town, harbour.outage
    await town.ask("before", thread="other")
    message = town.message("during")
    await outage.begin()
    begun = time.monotonic()
    for _ in range(2):  # with a connection that was there before, and with a new one
        with pytest.raises(StoreUnavailable):
            await town.inbox.accept(message)
        waited, begun = time.monotonic() - begun, time.monotonic()
        assert waited < ACCEPT_FAILS_WITHIN_SECONDS
    await outage.end()
    accepted = []

    async def is_accepted() -> bool:
        try:
            accepted.append(await town.inbox.accept(message))
        except StoreUnavailable:
            return False
        return True

    await until("the message is accepted", is_accepted)
    assert [job.id for job in await town.inbox.pending(accepted[0].conversation_id)] == [accepted[0].job_id]
    assert await town.inbox.depth() == 2


async def test_a_running_answer_is_finished_once_the_store_is_back(harbour: Harbour) -> None:
    """The model says all it has to say meanwhile; the end of the text and the settlement follow, with one question to
    the model and one message."""
    town, outage = harbour.town, harbour.outage
    async with town.worker():
        reached, go_on = town.model.hold_after(2)
        accepted = await town.ask("a b c")
        await reached.wait()
        await until("the beginning is shown", lambda: town.platform.texts == ["You asked:"])
        await outage.begin()
        go_on.set()
        await until("the model has ended", lambda: town.model.open_streams == 0)
        await outage.end()
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: a b c"]
    assert town.last.ending == Ending.COMPLETE
    assert await town.turns(accepted.conversation_id) == [("user", "a b c"), ("assistant", "You asked: a b c")]
    assert len(town.model.prompts) == 1


@pytest.mark.usefixtures("_short_pauses")
@pytest.mark.parametrize("harbour", ["killed"], indirect=True)
async def test_the_end_of_a_text_waits_for_the_store_as_long_as_it_takes(
    harbour: Harbour, caplog: pytest.LogCaptureFixture
) -> None:
    """More tries than a platform gets: an answer that is stored as whole does not stand there half-written."""
    town, outage = harbour.town, harbour.outage
    async with town.worker():
        reached, go_on = town.model.hold_after(2)
        accepted = await town.ask("a b c")
        await reached.wait()
        await until("the beginning is shown", lambda: town.platform.texts == ["You asked:"])
        await outage.begin()
        go_on.set()

        def tries() -> int:
            return sum("waits for the store" in record.message for record in caplog.records)

        await until("more tries than a platform gets", lambda: tries() > 3 * delivery_module.FINAL_TRIES)
        await outage.end()
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: a b c"]
    assert town.last.ending == Ending.COMPLETE


@pytest.fixture
def _no_logs() -> Iterator[None]:
    """What pytest keeps of a log would look like a leak."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_short_pauses", "_no_logs")
@pytest.mark.parametrize("harbour", ["killed"], indirect=True)
async def test_a_store_that_stays_away_costs_no_memory(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight answers wait for their end: hundreds of tries later there are no more tasks and no more objects."""
    town, outage = harbour.town, harbour.outage
    tries = 0

    def count(*_: object) -> None:
        nonlocal tries
        tries += 1

    monkeypatch.setattr(delivery_module.log, "warning", count)
    async with town.worker():
        reached, go_on = town.model.hold_after(2)
        accepted = [await town.ask("a b c", thread=str(number)) for number in range(8)]
        await reached.wait()
        await until("all beginnings are shown", lambda: town.platform.texts == ["You asked:"] * 8)
        await outage.begin()
        go_on.set()
        await until("the first tries", lambda: tries > 50)
        before = (len(asyncio.all_tasks()), _objects())
        await until("many more", lambda: tries > 450, deadline_seconds=60)
        after = (len(asyncio.all_tasks()), _objects())
        await outage.end()
        for one in accepted:
            await town.settled(one.conversation_id)
    assert after[0] <= before[0] + 2
    # One thing kept of each try would be 400.
    assert after[1] <= before[1] + 300
    assert town.platform.texts == ["You asked: a b c"] * 8


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())
