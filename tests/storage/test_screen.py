"""A terminal's screen on a real server: written by one client, followed by another."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from typing import Any

import pytest
from redis.asyncio import Redis

from conversation.errors import StoreUnavailable
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.keys import Keys
from storage.screen import MAX_MESSAGES, RedisScreen
from storage.threads import RedisThreads

KEYS = Keys(prefix="test", content_seconds=1000)
THREAD = "0123abcd"


@pytest.fixture
async def writer(redis_client: Redis) -> RedisScreen:
    return RedisScreen(redis_client, KEYS)


@pytest.fixture
async def reader(valkey_url: str) -> AsyncIterator[RedisScreen]:
    """The screen as another process sees it."""
    redis = open_redis(valkey_url)
    yield RedisScreen(redis, KEYS)
    await redis.aclose()


async def following(changes: AsyncGenerator[dict[str, Any]]) -> dict[str, Any]:
    """The next thing a follower is told."""
    return await asyncio.wait_for(anext(changes), 10)


async def until_followers(redis: Redis, count: int) -> None:
    """Until so many connections listen for changes of the screen."""
    async with asyncio.timeout(10):
        while (await redis.pubsub_numsub(KEYS.screen_channel(THREAD)))[0][1] != count:
            await asyncio.sleep(0.01)


async def until_away(screen: RedisScreen) -> None:
    """Until a killed server is really gone."""
    async with asyncio.timeout(10):
        with suppress(StoreUnavailable):
            while True:
                await screen.put(THREAD, "a", {"text": "1"})


def texts(records: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(record["id"], record["text"]) for record in records]


async def test_messages_stand_in_the_order_of_their_first_appearance(writer: RedisScreen, reader: RedisScreen) -> None:
    """A new text takes the place of the old one; a message that was taken away is not there."""
    assert await reader.read(THREAD) == []
    for message_id, text in (("z", "1"), ("a", "2"), ("m", "3"), ("z", "4 ünï\n")):
        await writer.put(THREAD, message_id, {"text": text, "deleted": False})
    await writer.delete(THREAD, "a")
    await writer.delete(THREAD, "a")
    assert await reader.read(THREAD) == [
        {"id": "z", "text": "4 ünï\n", "deleted": False},
        {"id": "m", "text": "3", "deleted": False},
    ]
    await writer.put(THREAD, "a", {"text": "5"})
    assert texts(await reader.read(THREAD)) == [("z", "4 ünï\n"), ("a", "5"), ("m", "3")]


async def test_a_screen_lives_as_long_as_content(redis_client: Redis, writer: RedisScreen) -> None:
    """Each write gives it the whole lifetime again."""
    await writer.put(THREAD, "a", {"text": "1"})
    await redis_client.expire(KEYS.screen(THREAD), 50)
    await writer.put(THREAD, "a", {"text": "2"})
    assert await redis_client.ttl(KEYS.screen(THREAD)) > 900


async def test_the_oldest_messages_go(writer: RedisScreen, reader: RedisScreen) -> None:
    """A screen holds two hundred messages; the newest stay, in order."""
    for number in range(MAX_MESSAGES + 7):
        await writer.put(THREAD, f"m{number}", {"text": str(number)})
    await writer.put(THREAD, "m50", {"text": "edited"})
    read = texts(await reader.read(THREAD))
    assert [message_id for message_id, _ in read] == [f"m{number}" for number in range(7, MAX_MESSAGES + 7)]
    assert read[43] == ("m50", "edited")


async def test_a_follower_sees_what_is_there_and_every_change(writer: RedisScreen, reader: RedisScreen) -> None:
    """First the present state, then new messages, new texts and removals."""
    await writer.put(THREAD, "b", {"text": "1"})
    await writer.put(THREAD, "a", {"text": "2"})
    await writer.put(THREAD, "gone", {"text": "3"})
    await writer.delete(THREAD, "gone")
    async with aclosing(reader.follow(THREAD)) as changes:
        assert await following(changes) == {"id": "b", "text": "1"}
        assert await following(changes) == {"id": "a", "text": "2"}
        await writer.put(THREAD, "b", {"text": "1 more"})
        assert await following(changes) == {"id": "b", "text": "1 more"}
        await writer.put(THREAD, "c", {"text": "4"})
        assert await following(changes) == {"id": "c", "text": "4"}
        await writer.delete(THREAD, "a")
        assert await following(changes) == {"id": "a", "deleted": True}
        await writer.put(THREAD, "a", {"text": "back"})
        assert await following(changes) == {"id": "a", "text": "back"}


async def test_a_slow_reader_is_told_of_the_newest_only(writer: RedisScreen, reader: RedisScreen) -> None:
    """Of a hundred states of a message that came while nobody read, the last one is told, once."""
    await writer.put(THREAD, "a", {"text": "first"})
    async with aclosing(reader.follow(THREAD)) as changes:
        await following(changes)
        for number in range(100):
            await writer.put(THREAD, "a", {"text": str(number)})
        await writer.put(THREAD, "end", {"text": "end"})
        told = [await following(changes)]
        while told[-1]["id"] != "end":
            told.append(await following(changes))
    assert texts(told) == [("a", "99"), ("end", "end")]


async def test_nothing_is_lost_between_the_state_and_the_changes(writer: RedisScreen, reader: RedisScreen) -> None:
    """A follower that begins while an answer is being written sees its last text."""

    async def last_text() -> str:
        async with aclosing(reader.follow(THREAD)) as changes:
            while (record := await following(changes))["text"] != "end":
                assert record["id"] == "a"
        return str(record["text"])

    followers = []
    for number in range(50):
        await writer.put(THREAD, "a", {"text": str(number)})
        if number % 5 == 0:
            followers.append(asyncio.create_task(last_text()))
    await writer.put(THREAD, "a", {"text": "end"})
    assert await asyncio.gather(*followers) == ["end"] * 10


async def test_followers_are_told_when_the_thread_is_forgotten(
    redis_client: Redis, writer: RedisScreen, reader: RedisScreen
) -> None:
    """`/forget` in one terminal empties the screen of the other."""
    await writer.put(THREAD, "a", {"text": "1"})
    await writer.put(THREAD, "b", {"text": "2"})
    async with aclosing(reader.follow(THREAD)) as changes:
        assert texts([await following(changes), await following(changes)]) == [("a", "1"), ("b", "2")]
        await RedisThreads(redis_client, KEYS).forget(THREAD)
        assert await following(changes) == {"id": "a", "deleted": True}
        assert await following(changes) == {"id": "b", "deleted": True}
        await writer.put(THREAD, "a", {"text": "anew"})
        assert await following(changes) == {"id": "a", "text": "anew"}


async def test_a_message_that_made_room_is_not_called_deleted(writer: RedisScreen, reader: RedisScreen) -> None:
    """What a full screen drops was said all the same: a follower hears of the new messages only."""
    for number in range(MAX_MESSAGES):
        await writer.put(THREAD, f"m{number}", {"text": str(number)})
    async with aclosing(reader.follow(THREAD)) as changes:
        for number in range(MAX_MESSAGES):
            assert (await following(changes))["id"] == f"m{number}"
        for number in range(MAX_MESSAGES, MAX_MESSAGES + 20):
            await writer.put(THREAD, f"m{number}", {"text": str(number)})
            assert await following(changes) == {"id": f"m{number}", "text": str(number)}


async def test_a_change_that_nobody_told_of_is_found(
    redis_client: Redis, reader: RedisScreen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower whose subscription has died without a word looks for itself."""
    monkeypatch.setattr("storage.screen.SILENCE_SECONDS", 0.05)
    async with aclosing(reader.follow(THREAD)) as changes:
        first = asyncio.create_task(following(changes))
        await until_followers(redis_client, 1)
        await redis_client.hset(KEYS.screen(THREAD), mapping={"": 1, "a": b'1 {"text":"quiet"}'})
        await redis_client.expire(KEYS.screen(THREAD), 100)
        assert await first == {"id": "a", "text": "quiet"}


async def test_another_screen_is_not_seen(writer: RedisScreen, reader: RedisScreen) -> None:
    """A follower hears of its own conversation only."""
    async with aclosing(reader.follow(THREAD)) as changes:
        first = asyncio.create_task(following(changes))
        await writer.put("another", "a", {"text": "secret"})
        await writer.put(THREAD, "a", {"text": "mine"})
        assert await first == {"id": "a", "text": "mine"}
    assert texts(await reader.read("another")) == [("a", "secret")]


async def test_a_follower_lives_through_a_restart_of_the_store(
    redis_server_factory: Callable[..., EmbeddedValkey],
) -> None:
    """After kill -9 of the server and its return, the follower hears what changed meanwhile and what changes then."""
    server = redis_server_factory()
    url = await asyncio.to_thread(server.start)
    redis, other = open_redis(url), open_redis(url)
    writer, reader = RedisScreen(other, KEYS), RedisScreen(redis, KEYS)
    await writer.put(THREAD, "a", {"text": "1"})
    await writer.put(THREAD, "b", {"text": "2"})
    async with aclosing(reader.follow(THREAD)) as changes:
        assert texts([await following(changes), await following(changes)]) == [("a", "1"), ("b", "2")]
        os.kill((await other.info("server"))["process_id"], signal.SIGKILL)
        waiting = asyncio.create_task(following(changes))
        await until_away(writer)
        await asyncio.to_thread(server.start)

        await writer.delete(THREAD, "b")
        assert await waiting == {"id": "b", "deleted": True}
        await until_followers(other, 1)
        await writer.put(THREAD, "c", {"text": "3"})
        assert await following(changes) == {"id": "c", "text": "3"}
    await redis.aclose()
    await other.aclose()


@pytest.mark.parametrize("how", ["closed", "cancelled"])
async def test_a_follower_that_leaves_gives_its_connection_back(
    redis_client: Redis, writer: RedisScreen, reader: RedisScreen, how: str
) -> None:
    """Nobody listens on the server after the iterator is closed or its reader is cancelled."""
    await writer.put(THREAD, "a", {"text": "1"})
    changes = reader.follow(THREAD)
    await following(changes)
    await until_followers(redis_client, 1)
    if how == "cancelled":
        waiting = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    else:
        await changes.aclose()
    await until_followers(redis_client, 0)
