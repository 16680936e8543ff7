"""A program and a store that may be of different ages."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from conversation.errors import SchemaTooNew
from storage.keys import QUEUE_SECONDS, SCHEMA_VERSION, Keys
from storage.schema import check_schema

KEYS = Keys(prefix="test")


async def test_an_empty_store_is_marked_with_this_layout(redis_client: Redis) -> None:
    """The mark lives as long as a job can wait, from the last start on."""
    await check_schema(redis_client, KEYS)
    assert await redis_client.get(KEYS.schema()) == str(SCHEMA_VERSION).encode()
    await redis_client.expire(KEYS.schema(), 100)
    await check_schema(redis_client, KEYS)
    assert await redis_client.ttl(KEYS.schema()) > QUEUE_SECONDS - 60


@pytest.mark.parametrize("stored", [str(SCHEMA_VERSION + 1), "another program's"])
async def test_an_unknown_layout_is_refused_and_left_alone(redis_client: Redis, stored: str) -> None:
    """The error names both versions and the way out, and the mark stays."""
    await redis_client.set(KEYS.schema(), stored, ex=100)
    with pytest.raises(SchemaTooNew, match=f"(?s){stored}.*knows {SCHEMA_VERSION}.*test:"):
        await check_schema(redis_client, KEYS)
    assert await redis_client.get(KEYS.schema()) == stored.encode()


async def test_an_older_layout_is_taken_over(redis_client: Redis) -> None:
    """A newer program moves the mark forward."""
    await redis_client.set(KEYS.schema(), SCHEMA_VERSION - 1, ex=100)
    await check_schema(redis_client, KEYS)
    assert await redis_client.get(KEYS.schema()) == str(SCHEMA_VERSION).encode()
