"""A store that is shared: what the example's user may not do, what it needs, and two installations on one server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from conversation.quotas import quotas
from storage.client import open_redis
from storage.gauges import read_gauges
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.quotas import RedisQuotas
from storage.screen import RedisScreen
from storage.threads import RedisThreads
from tests.servers.valkey import USERS, Store, check_only_its_own, names, store_with_users
from tests.story.conftest import Town
from tests.story.test_processes import ANSWER, QUESTION, Listener, model_server, run_bot, start_worker
from tests.terminal import ROOT, environment
from tests.waiting import until


@pytest.fixture
def store() -> Iterator[Store]:
    """A real server with the users of the example."""
    with store_with_users() as store:
        yield store


@pytest.fixture
async def redis_client(store: Store) -> AsyncIterator[Redis]:
    """The bot's own client: what a story does here, the bot does."""
    async with open_redis(store.url) as redis:
        yield redis


@pytest.fixture
async def admin(store: Store) -> AsyncIterator[Redis]:
    """As the administrator sees it."""
    async with open_redis(store.admin_url) as redis:
        yield redis


async def test_it_may_touch_nothing_but_its_own(redis_client: Redis, admin: Redis) -> None:
    """Neither others' keys and channels, in scripts too, nor the server; nor is anybody let in without a password."""
    await admin.set("other:secret", "theirs")
    attempts: list[tuple[str | int, ...]] = [
        ("GET", "other:secret"),
        ("SET", "other:secret", "ours"),
        ("DEL", "other:secret"),
        ("SET", "corra:x", "1"),
        ("SET", "corral-2:{0}:x", "1"),
        ("EVAL", "return redis.call('GET', 'other:secret')", 0),
        ("EVAL", "return redis.call('GET', KEYS[1])", 1, "other:secret"),
        ("EVAL", "return redis.call('CONFIG', 'GET', '*')", 0),
        ("PUBLISH", "other:news", "1"),
        ("SUBSCRIBE", "other:news"),
        ("RENAME", "corral:a", "corral:b"),
        ("MIGRATE", "127.0.0.1", "1", "corral:a", "0", "1"),
    ]
    server = "KEYS *; SCAN 0; RANDOMKEY; DBSIZE; CONFIG GET *; FLUSHALL; FLUSHDB; DEBUG JMAP; SHUTDOWN; MONITOR"
    server += "; ACL LIST; CLIENT LIST; SCRIPT FLUSH; SAVE; REPLICAOF NO ONE; MODULE LIST; FUNCTION LIST"
    attempts += [tuple(command.split()) for command in server.split("; ")]
    for attempt in attempts:
        with pytest.raises(Exception, match=r"(?i)no permissions|not allowed|ACL"):
            await redis_client.execute_command(*attempt)  # type: ignore[no-untyped-call]
    assert await admin.get("other:secret") == b"theirs"
    assert await names(admin) == ["other:secret"]
    async with open_redis(_without_user(admin)) as nobody:
        with pytest.raises(Exception, match=r"(?i)auth"):
            await nobody.ping()


def _without_user(client: Redis) -> str:
    return f"unix://{client.connection_pool.connection_kwargs['path']}?db=0"


async def test_a_take_over_and_all_of_a_conversation_are_allowed(town: Town, admin: Redis) -> None:
    """Slots, quotas, a crash, poison, stop, edits, and what people forget."""
    town.gates = (RedisQuotas(town.redis, town.keys, quotas("50 requests/hour, 9999 tokens/day", "", "")),)
    town.model.slots = 1
    reached, gate = town.model.hold_after(3)
    async with town.crashing_worker():
        dying = await town.hear("one two three")
        await reached.wait()
        await until("its beginning is shown", lambda: bool(town.platform.messages))
    gate.set()
    async with town.worker():
        others = [await town.hear(f"one {number}", thread=str(number)) for number in range(5)]
        for accepted in (dying, *others):
            await town.settled(accepted.conversation_id)
        asked = town.message("edit me", key="edited", thread="e")
        edited = await town.inbox.accept(asked)
        await town.inbox.replace(replace(asked, text="edited", edited_at=asked.sent_at + 1))
        await town.settled(edited.conversation_id)
        assert (await read_gauges(town.redis, town.keys)).dead == 0  # what /metrics tells
        for sign in ("quiet", "status", "help", "forget"):
            accepted = await town.hear(sign)
            await town.settled(accepted.conversation_id)
    assert "You asked: one two three" in town.platform.texts
    await check_only_its_own(admin)


async def test_a_terminal_and_a_worker_of_its_own_are_allowed(
    tmp_path: Path, store: Store, redis_client: Redis, admin: Redis
) -> None:
    """`ask`, and a worker process that is killed while it answers, with a user's name in REDIS_URL."""
    listener = Listener(redis_client)
    with model_server(0.02) as url:
        env = environment(
            tmp_path, MODEL_URL=url, REDIS_URL=store.url, LEASE_SECONDS="1", QUOTA_PERSON="9 requests/hour"
        )
        assert (await run_bot("ask", QUESTION, env=env, cwd=tmp_path))[:2] == (0, ANSWER + "\n")
        first = await start_worker(env, tmp_path)
        conversation_id = await listener.ask("taken over")

        async def has_begun() -> bool:
            return bool(await redis_client.hgetall(listener.keys.screen(conversation_id)))

        await until("the answer has begun", has_begun)
        first.process.kill()
        await first.process.wait()
        second = await start_worker(env, tmp_path)
        await listener.settled(conversation_id)
        second.process.terminate()
        assert await second.ended() == 0
    assert await listener.answer(conversation_id) == [ANSWER]
    await check_only_its_own(admin)


def test_the_example_allows_no_command_that_nobody_calls() -> None:
    """Each stands in a script or in a call of the client; a few belong to the connection itself."""
    (rules,) = [line for line in USERS.read_text().splitlines() if line.startswith("user corral ")]
    allowed = {word[1:].replace("|", " ") for word in rules.split() if word.startswith("+")}
    assert "-@all" in rules
    assert not any(word.startswith(("+@", "~*", "&*", "allkeys", "allchannels", "nopass")) for word in rules.split())
    code = "\n".join(path.read_text() for path in (ROOT / "storage").rglob("*.py"))
    code += "\n".join(path.read_text() for path in (ROOT / "storage" / "scripts").glob("*.lua"))
    by_itself = {
        "auth",
        "hello",
        "select",
        "exec",
        "discard",
        "unwatch",
        "unsubscribe",
        "eval",
        "evalsha",
        "script load",
    }
    for command in sorted(allowed - by_itself):
        name, _, sub = command.partition(" ")
        method = {"del": "delete", "zscan": "zscan_iter", "zrevrange": "zrange"}.get(
            name, "_".join(filter(None, (name, sub)))
        )
        in_script = rf"call\('{name}'" + (rf", '{sub}'" if sub else "")
        assert re.search(rf"\.{method}\(|{in_script}", code, re.IGNORECASE), f"{command} is not used"


async def test_two_installations_on_one_server_know_nothing_of_each_other(town: Town, valkey_url: str) -> None:
    """Each with a prefix of its own: neither's questions, threads, quotas, signals nor screens are the other's."""
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(open_redis(valkey_url))
        await redis.flushall()
        towns = []
        for prefix in ("corral", "corral-2"):
            keys = Keys(prefix=prefix)
            one = Town(redis, keys, RedisInbox(redis, redis, keys), RedisThreads(redis, keys))
            one.gates = (RedisQuotas(redis, keys, quotas("1 request/day", "", "")),)
            towns.append(one)
        here, there = towns
        reached, gate = here.model.hold_after(2)
        ours = await here.hear("one two three", key="same")
        theirs = await there.hear("four", key="same")
        assert ours.conversation_id != theirs.conversation_id
        async with here.worker():
            await reached.wait()
            assert await there.inbox.pending(ours.conversation_id) == []
            assert not await there.inbox.cancel(ours.conversation_id)
            async with there.worker():
                await there.settled(theirs.conversation_id)
                assert not await there.inbox.cancel(ours.conversation_id)
            gate.set()
            await here.settled(ours.conversation_id)
        assert here.platform.texts == ["You asked: one two three"]
        assert there.platform.texts == ["You asked: four"]
        assert await there.turns(theirs.conversation_id) == [("user", "four"), ("assistant", "You asked: four")]
        own = RedisScreen(redis, here.keys)
        following = RedisScreen(redis, there.keys).follow("shown")
        hearing = asyncio.ensure_future(anext(following))
        await own.put("shown", "m1", {"text": "ours"})
        await RedisScreen(redis, there.keys).put("shown", "m2", {"text": "theirs"})
        assert (await asyncio.wait_for(hearing, 10))["text"] == "theirs"
        await following.aclose()
        found = [key.decode() async for key in redis.scan_iter(count=1000)]
        assert {name.partition(":")[0] for name in found} == {"corral", "corral-2"}
        channels = [getattr(keys, name)(*args) for keys in (here.keys, there.keys) for name, args in _CHANNELS]
        assert len(set(channels)) == 6
        await redis.flushall()


_CHANNELS = (("signals", ()), ("slots_channel", ()), ("screen_channel", ("c",)))


async def test_the_prefix_of_the_settings_is_that_of_all_keys(tmp_path: Path, valkey_url: str) -> None:
    """REDIS_PREFIX, for a whole process."""
    async with open_redis(valkey_url) as redis:
        await redis.flushall()
        with model_server(0.0) as url:
            env = environment(
                tmp_path, MODEL_URL=url, REDIS_URL=valkey_url, REDIS_PREFIX="team-a", QUOTA_PERSON="9 requests/day"
            )
            assert (await run_bot("ask", QUESTION, env=env, cwd=tmp_path))[:2] == (0, ANSWER + "\n")
        found = [key.decode() async for key in redis.scan_iter(count=1000)]
        assert found
        assert all(name.startswith("team-a:{0}:") for name in found)
        await redis.flushall()
