"""A terminal's screen in the store: any process can write an answer there, and any terminal can follow it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from storage.client import load_script, store_errors
from storage.keys import Keys

log = logging.getLogger(__name__)

# A terminal left open for a year must not fill the store.
MAX_MESSAGES = 200
# Nothing heard for so long, and the screen is read all the same: a connection that died silently tells of nothing.
SILENCE_SECONDS = 5.0
RECONNECT_SECONDS = 0.25
MAX_AT_ONCE = 1000

_DELETED = orjson.dumps({"deleted": True})


class RedisScreen:
    """Messages of a conversation by id, each a JSON-able record, in the order of their first appearance; the newest
    200. A record that comes back has its `id`, and `deleted` (True) when it was taken away."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._put = load_script(redis, "screen_put")

    async def put(self, conversation_id: str, message_id: str, record: Mapping[str, object]) -> None:
        """Show the record under this id, in place of an older one. `message_id` is not empty. A record with a `job_id`
        is shown while that job lives, and while its end is being written only one with an `ending`. Safe to repeat.
        Raises StoreUnavailable."""
        job_id, is_end = str(record.get("job_id") or ""), bool(record.get("ending"))
        await self._write(conversation_id, message_id, orjson.dumps(dict(record)), job_id, is_end=is_end)

    async def delete(self, conversation_id: str, message_id: str) -> None:
        """Take the message away; a later `put` brings it back at its place. Safe to repeat. Raises StoreUnavailable."""
        await self._write(conversation_id, message_id, _DELETED)

    async def read(self, conversation_id: str) -> list[dict[str, Any]]:
        """All messages that are there, the first one first. Raises StoreUnavailable."""
        with store_errors():
            state = await self._state(conversation_id, None)
        return [_record(message_id, data) for message_id, data in state.items() if data != _DELETED]

    async def follow(self, conversation_id: str) -> AsyncGenerator[dict[str, Any]]:
        """What is there, and then every change, until it is closed. Who reads slowly is not told of the states
        between, only of the newest of each message. A store that is away is waited for, however long it takes."""
        shown: dict[str, bytes] = {}
        is_away = False
        while True:
            try:
                async with aclosing(self._redis.pubsub()) as subscription:
                    # Before the first look at the state, or a change between the two would be lost.
                    await subscription.subscribe(self._keys.screen_channel(conversation_id))
                    changed: set[str] | None = None
                    while True:
                        state = await self._state(conversation_id, changed)
                        is_away = False
                        for record in _changes(shown, state, is_whole=changed is None):
                            yield record
                        changed = await _hear(subscription)
                        if len(shown) > MAX_MESSAGES:
                            changed = None  # those that the store has dropped are dropped here too
            except (RedisError, OSError) as exc:
                if not is_away:
                    log.warning("the store is away; a screen waits for it (%s)", type(exc).__name__)
                is_away = True
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _write(
        self, conversation_id: str, message_id: str, data: bytes, job_id: str = "", *, is_end: bool = False
    ) -> None:
        keys = self._keys
        channel = keys.screen_channel(conversation_id)
        with store_errors():
            await self._put(
                keys=[keys.screen(conversation_id), *([keys.job(job_id)] if job_id else [])],
                args=[message_id, data, keys.content_seconds, MAX_MESSAGES, channel, int(is_end)],
            )

    async def _state(self, conversation_id: str, message_ids: set[str] | None) -> dict[str, bytes]:
        """The JSON of these messages, or of all with None, in order; those that are not there are left out."""
        key = self._keys.screen(conversation_id)
        fields: Any
        if message_ids is None:
            fields = await self._redis.hgetall(key)
        else:
            names = [message_id.encode() for message_id in message_ids]
            fields = dict(zip(names, await self._redis.hmget(key, names), strict=True))
        found = []
        for name, value in fields.items():
            if name and value is not None:
                order, data = value.split(b" ", 1)
                found.append((int(order), name.decode(), data))
        return {message_id: data for _, message_id, data in sorted(found)}


async def _hear(subscription: PubSub) -> set[str] | None:
    """The ids of all messages that changed since it was last asked, waiting for the first one. None when any may have
    changed: the connection is new, the screen was emptied, or nothing was heard for a while."""
    message = await subscription.get_message(timeout=SILENCE_SECONDS)
    if message is None:
        return None
    changed: set[str] | None = set()
    for _ in range(MAX_AT_ONCE):
        if message["type"] != "message" or not message["data"]:
            changed = None
        elif changed is not None:
            changed.add(message["data"].decode())
        message = await subscription.get_message(timeout=0)
        if message is None:
            break
    return changed


def _changes(shown: dict[str, bytes], state: Mapping[str, bytes], *, is_whole: bool) -> Iterator[dict[str, Any]]:
    """What to tell somebody who was told `shown`, which is brought up to date."""
    for message_id, data in state.items():
        old = shown.get(message_id)
        shown[message_id] = data
        if data != old and not (old is None and data == _DELETED):
            yield _record(message_id, data)
    if is_whole:
        for message_id in [message_id for message_id in shown if message_id not in state]:
            is_deleted = shown.pop(message_id) == _DELETED
            # A full screen lost its oldest messages; they are no less said.
            if not is_deleted and len(state) < MAX_MESSAGES:
                yield _record(message_id, _DELETED)


def _record(message_id: str, data: bytes) -> dict[str, Any]:
    return {**orjson.loads(data), "id": message_id}
