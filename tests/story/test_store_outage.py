"""The store goes away in mid-answer and comes back."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from conversation.generation import Patience
from conversation.manager import Manager, Manners
from conversation.model import Ending
from conversation.ports import Sampling
from conversation.worker import Worker
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.preferences import RedisPreferences
from storage.slots import RedisSlots
from storage.threads import RedisThreads
from tests.fakes import RecordingPlatform, ScriptedModel
from tests.story.conftest import Town
from tests.waiting import until


async def test_an_answer_survives_a_store_that_is_killed_and_started_again(tmp_path: Path) -> None:
    """kill -9 of the server in mid-answer: the answer waits, is finished in the same message, and stored once."""
    server = EmbeddedValkey(tmp_path)
    url = await asyncio.to_thread(server.start)
    redis, fast, keys = open_redis(url), open_redis(url, fast=True), Keys()
    town = Town(redis, keys, RedisInbox(redis, fast, keys), RedisThreads(redis, keys))
    town.model, town.platform = ScriptedModel(), RecordingPlatform()
    queue = RedisJobs(redis, keys, lanes=["memory"], lease_seconds=1.0)
    manners = Manners("", Sampling(100), Patience(5.0))
    slots, sinks = RedisSlots(redis, keys), {"memory": town.platform}
    manager = Manager(town.threads, queue, town.model, sinks, manners, slots, RedisPreferences(redis, keys))
    worker = Worker(queue, manager, concurrency=4, max_attempts=3, drain_seconds=10)
    stopping = asyncio.Event()
    working = asyncio.create_task(worker.run(stopping))
    try:
        reached, go_on = town.model.hold_after(2)
        accepted = await town.ask("a b c")
        await reached.wait()
        await until("the beginning is shown", lambda: town.platform.texts == ["You asked:"])
        information = await redis.info("server")
        os.kill(int(information["process_id"]), signal.SIGKILL)
        go_on.set()
        await asyncio.to_thread(server.start)
        await town.settled(accepted.conversation_id)
        assert town.platform.texts == ["You asked: a b c"]
        assert town.last.ending == Ending.COMPLETE
        assert await town.turns(accepted.conversation_id) == [("user", "a b c"), ("assistant", "You asked: a b c")]
    finally:
        stopping.set()
        await asyncio.wait_for(working, 20)
        await redis.aclose()
        await fast.aclose()
        await asyncio.to_thread(server.stop)
