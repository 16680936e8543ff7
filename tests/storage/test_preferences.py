"""What channels and people have set, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from conversation.errors import StoreUnavailable
from conversation.model import Language, Owner, OwnerKind, Preferences
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.keys import DAY_SECONDS, SETTING_SECONDS, Keys
from storage.preferences import RedisPreferences

KEYS = Keys(prefix="test")
CHANNEL = Owner("slack", "T1", OwnerKind.CHANNEL, "C1")
ADA, BOB = (Owner("slack", "T1", OwnerKind.PERSON, name) for name in ("ada", "bob"))
ALL = Preferences(Language("C++", "cpp"), "Größe: 1\n\0</s>", 0.0, 400)


@pytest.fixture
def preferences(redis_client: Redis) -> RedisPreferences:
    return RedisPreferences(redis_client, KEYS)


async def test_what_is_set_comes_back_as_it_was(preferences: RedisPreferences) -> None:
    """Each owner's own, in the order of asking; nothing set is as the service is."""
    await preferences.put(CHANNEL, ALL)
    await preferences.put(BOB, Preferences(temperature=1.5))
    assert await preferences.get(ADA, CHANNEL, BOB) == (Preferences(), ALL, Preferences(temperature=1.5))
    await preferences.put(CHANNEL, Preferences(max_new_tokens=16))
    assert await preferences.get(CHANNEL) == (Preferences(max_new_tokens=16),)


@pytest.mark.parametrize("unset", ["clear", "put nothing"])
async def test_what_is_unset_leaves_no_key(redis_client: Redis, preferences: RedisPreferences, unset: str) -> None:
    """No empty record outlives somebody's words."""
    await preferences.put(CHANNEL, ALL)
    await (preferences.clear(CHANNEL) if unset == "clear" else preferences.put(CHANNEL, Preferences()))
    assert await preferences.get(CHANNEL) == (Preferences(),)
    assert await redis_client.dbsize() == 0


async def test_settings_outlast_a_year_without_use(redis_client: Redis, preferences: RedisPreferences) -> None:
    """Whoever asks for them gives them their whole life again; looking for what is not there makes nothing."""
    await preferences.put(CHANNEL, ALL)
    await preferences.meets(ADA, "job-1")
    names = [KEYS.preferences(str(CHANNEL)), KEYS.met(str(ADA))]
    for name in names:
        assert 366 * DAY_SECONDS < await redis_client.ttl(name) <= SETTING_SECONDS
        await redis_client.expire(name, 50)
    await preferences.get(CHANNEL, BOB)
    await preferences.meets(ADA, "job-2")
    for name in names:
        assert await redis_client.ttl(name) > SETTING_SECONDS - 60
    assert await redis_client.dbsize() == len(names)


async def test_a_person_is_met_once(preferences: RedisPreferences) -> None:
    """By the job that came first, however often that is asked, and not by those at the same time."""
    met = await asyncio.gather(*(preferences.meets(ADA, f"job-{number}") for number in range(8)))
    assert sum(met) == 1
    first = f"job-{met.index(True)}"
    assert await preferences.meets(ADA, first)
    assert not await preferences.meets(ADA, "job-9")
    assert await preferences.meets(BOB, "job-9")


async def test_a_store_that_is_away_is_unavailable(redis_server_factory: Callable[..., EmbeddedValkey]) -> None:
    """Each method says so with the one error that callers know."""
    server = redis_server_factory()
    redis = open_redis(server.start(), fast=True)
    preferences = RedisPreferences(redis, KEYS)
    await preferences.put(CHANNEL, ALL)
    assert server.stop()
    calls: list[Awaitable[object]] = [
        preferences.get(CHANNEL),
        preferences.put(CHANNEL, ALL),
        preferences.put(CHANNEL, Preferences()),
        preferences.clear(CHANNEL),
        preferences.meets(ADA, "job"),
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
    await redis.aclose()
