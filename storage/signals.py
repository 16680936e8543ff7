"""What people ask for while an answer is being made, heard from other processes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from conversation.model import StopReason

log = logging.getLogger(__name__)

# A subscription is silent for hours when all is well. Without a ping now and then, one whose connection was dropped on
# the way would be silent for ever.
PING_SECONDS = 5.0
RECONNECT_SECONDS = 0.2


async def listen(redis: Redis, channel: str) -> AsyncIterator[tuple[str, StopReason]]:
    """(conversation id, what is asked) of each message `<reason> <conversation id>`; never ends by itself.

    What is published while the connection is away is not heard: the same stands in the job, for the next renewal.
    """
    while True:
        try:
            async with redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                async for data in _messages(subscription):
                    reason, _, conversation_id = data.decode().partition(" ")
                    yield conversation_id, StopReason(reason)
        except (RedisError, OSError) as exc:
            log.warning("the store's signals are interrupted: %s", exc)
            await asyncio.sleep(RECONNECT_SECONDS)


async def _messages(subscription: PubSub) -> AsyncIterator[bytes]:
    heard = time.monotonic()
    while True:
        message = cast("dict[str, Any] | None", await subscription.get_message(timeout=PING_SECONDS))
        now = time.monotonic()
        if message is not None:
            heard = now
            if message["type"] == "message":
                yield message["data"]
        elif now - heard > 2 * PING_SECONDS:
            raise ConnectionError("no answer to a ping")
        elif now - heard >= PING_SECONDS:
            async with asyncio.timeout(PING_SECONDS):
                await subscription.ping()
