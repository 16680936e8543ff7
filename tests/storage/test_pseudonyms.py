"""The key with which logs name people and places."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from storage.gauges import Gauges, read_gauges
from storage.inbox import RedisInbox
from storage.keys import SETTING_SECONDS, Keys
from storage.pseudonyms import shared_key
from tests.storage.questions import message


async def test_all_processes_of_a_store_have_one_key(redis_client: Redis) -> None:
    """Also when they ask at once; it is long, and lives on while it is asked for."""
    keys = Keys()
    found = await asyncio.gather(*(shared_key(redis_client, keys) for _ in range(20)))
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    await redis_client.expire(keys.log_key(), 10)
    assert await shared_key(redis_client, keys) == found[0]
    assert await redis_client.ttl(keys.log_key()) > SETTING_SECONDS - 60


async def test_another_installation_has_another_key(redis_client: Redis) -> None:
    """Its logs cannot be put together with ours."""
    assert await shared_key(redis_client, Keys()) != await shared_key(redis_client, Keys(prefix="another"))


async def test_the_gauges_tell_what_waits_and_what_was_given_up(redis_client: Redis) -> None:
    """Of the whole store."""
    keys = Keys()
    assert await read_gauges(redis_client, keys) == Gauges(0, 0)
    await RedisInbox(redis_client, redis_client, keys).accept(message("one"))
    await redis_client.xadd(keys.dead(), {"job": "j"})
    await redis_client.expire(keys.dead(), 60)
    assert await read_gauges(redis_client, keys) == Gauges(1, 1)
