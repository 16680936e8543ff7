"""The key of the names that people and places have in logs, one for all processes of a store."""

from __future__ import annotations

import secrets

from redis.asyncio import Redis

from conversation.pseudonyms import KEY_BYTES
from storage.client import store_errors
from storage.keys import SETTING_SECONDS, Keys


async def shared_key(redis: Redis, keys: Keys) -> bytes:
    """The key, made by whoever asks first; it lives on from then. Raises StoreUnavailable."""
    name = keys.log_key()
    with store_errors():
        async with redis.pipeline(transaction=True) as pipeline:
            pipeline.set(name, secrets.token_bytes(KEY_BYTES), nx=True, ex=SETTING_SECONDS)
            pipeline.getex(name, ex=SETTING_SECONDS)
            _, key = await pipeline.execute()
    return bytes(key)
