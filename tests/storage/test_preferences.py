"""What channels and people have set, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from conversation.errors import NotSettable, StoreUnavailable
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


async def test_what_two_set_at_once_is_kept_of_both(preferences: RedisPreferences) -> None:
    """Each change is of what the one before it made, and each is told what then is set."""

    def add(number: int) -> Callable[[Preferences], Preferences]:
        return lambda before: replace(before, additions=f"{before.additions} {number}")

    told = await asyncio.gather(*(preferences.change(CHANNEL, add(number)) for number in range(8)))
    (kept,) = await preferences.get(CHANNEL)
    assert sorted(kept.additions.split()) == [f"{number}" for number in range(8)]
    assert len(set(told)) == 8
    assert kept in told


async def test_a_change_that_is_refused_keeps_nothing(redis_client: Redis, preferences: RedisPreferences) -> None:
    """What was set stays; one that unsets all leaves no key."""
    await preferences.put(CHANNEL, ALL)

    def refuse(_: Preferences) -> Preferences:
        raise NotSettable({"language": "No."})

    with pytest.raises(NotSettable):
        await preferences.change(CHANNEL, refuse)
    assert await preferences.get(CHANNEL) == (ALL,)
    assert await redis_client.ttl(KEYS.preferences(str(CHANNEL))) > SETTING_SECONDS - 60
    assert await preferences.change(CHANNEL, lambda _: Preferences()) == Preferences()
    assert await redis_client.dbsize() == 0


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
        preferences.change(CHANNEL, lambda before: before),
        preferences.clear(CHANNEL),
        preferences.meets(ADA, "job"),
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
    await redis.aclose()
