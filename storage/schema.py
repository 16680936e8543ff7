"""Keeps a program from a store whose layout it does not know."""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from conversation.errors import SchemaTooNew
from storage.client import load_script, store_errors
from storage.keys import QUEUE_SECONDS, SCHEMA_VERSION, Keys


async def check_schema(redis: Redis, keys: Keys) -> None:
    """To be called at each start, before anything else is written: marks the store with this program's layout.
    Raises SchemaTooNew when a newer program wrote it, StoreUnavailable when it does not answer."""
    with store_errors():
        stored = await load_script(redis, "schema")(keys=[keys.schema()], args=[SCHEMA_VERSION, QUEUE_SECONDS])
    version = bytes(stored).decode(errors="replace")
    if version != str(SCHEMA_VERSION):
        raise SchemaTooNew(
            f"the store's layout is version {version!r} and this program knows {SCHEMA_VERSION}: run the newer version "
            f"of it, or give this one a store or a prefix of its own (the mark is the key {keys.schema()})"
        )


async def stored_schema(redis: Redis, keys: Keys) -> str:
    """The version of the layout that the store has now; "" for none yet. Changes nothing. Raises StoreUnavailable."""
    with store_errors():
        found = cast("bytes | None", await redis.get(keys.schema()))
    return found.decode(errors="replace") if found is not None else ""
