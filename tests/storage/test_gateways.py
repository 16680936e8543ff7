"""Where a listener left off, in a real store."""

from __future__ import annotations

import time

from redis.asyncio import Redis

from storage.gateways import RedisGateways
from storage.keys import Keys
from tests.waiting import until

BOT, KEYS = "100", Keys()
SESSION = {"id": "s1", "seq": "7", "url": "wss://gateway.test"}


def gateways(redis: Redis, lease_seconds: float = 30.0) -> RedisGateways:
    return RedisGateways(redis, KEYS, lease_seconds=lease_seconds)


class TestSessions:
    async def test_the_next_process_finds_where_the_last_left_off(self, redis_client: Redis) -> None:
        """Once it is released."""
        store = gateways(redis_client)
        assert await store.load(BOT) == {}
        assert await store.take(BOT, "a")
        assert await store.keep(BOT, "a", SESSION)
        assert not await store.take(BOT, "b")
        await store.release(BOT, "b")
        assert not await store.take(BOT, "b")
        await store.release(BOT, "a")
        assert await store.take(BOT, "b")
        assert await store.load(BOT) == SESSION

    async def test_a_process_that_died_is_followed(self, redis_client: Redis) -> None:
        """After its lease; when it was only slow, it is told so and writes nothing."""
        store = gateways(redis_client, lease_seconds=0.05)
        assert await store.take(BOT, "a")
        await until("b has it", lambda: store.take(BOT, "b"))
        store = gateways(redis_client)
        assert await store.keep(BOT, "b", SESSION)
        assert not await store.keep(BOT, "a", {"id": "s0"}, {"x": 1})
        assert await store.load(BOT) == SESSION
        assert await store.marks(BOT, 10) == []

    async def test_whoever_was_slow_and_has_no_follower_goes_on(self, redis_client: Redis) -> None:
        """Nobody else took it."""
        store = gateways(redis_client, lease_seconds=0.01)
        assert await store.take(BOT, "a")
        await until("the lease is over", lambda: _gone(redis_client))
        assert await store.keep(BOT, "a", SESSION)

    async def test_a_session_that_is_over_is_removed(self, redis_client: Redis) -> None:
        """And each bot has its own."""
        store = gateways(redis_client)
        await store.keep(BOT, "a", SESSION)
        await store.keep("200", "a", {"id": "s2"})
        await store.take(BOT, "a")
        assert await store.load(BOT) == SESSION
        await store.keep(BOT, "a", {})
        assert await store.load(BOT) == {}
        assert await store.load("200") == {"id": "s2"}


class TestMarks:
    async def test_the_latest_message_of_a_place_counts(self, redis_client: Redis) -> None:
        """In whatever order they come; the place with the newest is the first."""
        store, now = gateways(redis_client), round(time.time() * 1000)
        await store.keep(BOT, "a", {}, {"x": now - 50, "y": now - 20})
        await store.keep(BOT, "a", {}, {"x": now - 10, "y": now - 30})
        assert await store.marks(BOT, 10) == [("x", now - 10), ("y", now - 20)]
        assert await store.marks(BOT, 1) == [("x", now - 10)]

    async def test_a_place_that_is_not_tracked_is_not_begun(self, redis_client: Redis) -> None:
        """By messages that do not concern us."""
        store, now = gateways(redis_client), round(time.time() * 1000)
        await store.keep(BOT, "a", {}, {"x": now - 50}, {"x": now - 5, "z": now})
        assert await store.marks(BOT, 10) == [("x", now - 5)]

    async def test_old_places_are_forgotten(self, redis_client: Redis) -> None:
        """With the conversations in them; and a place that is gone at once."""
        store, now = gateways(redis_client), round(time.time() * 1000)
        await store.keep(BOT, "a", {}, {"old": now - KEYS.content_seconds * 1000 - 5000, "x": now, "gone": now})
        await store.drop(BOT, "gone")
        assert await store.marks(BOT, 10) == [("x", now)]


async def _gone(redis: Redis) -> bool:
    return not await redis.exists(KEYS.gateway_owner(BOT))
