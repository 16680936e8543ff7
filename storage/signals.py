"""What other processes tell: what people ask for while an answer is being made, and that a slot is free."""

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


async def stop_signals(redis: Redis, channel: str) -> AsyncIterator[tuple[str, StopReason]]:
    """(conversation id, what is asked) of each message `<reason> <conversation id>`; never ends by itself.

    What is published while the connection is away is not heard: the same stands in the job, for the next renewal.
    """
    async for text in listen(redis, channel):
        reason, _, conversation_id = text.partition(" ")
        if reason in set(StopReason):  # a newer replica may know others
            yield conversation_id, StopReason(reason)


async def listen(redis: Redis, channel: str) -> AsyncIterator[str]:
    """Each message of a channel, from now on and with gaps: what is published while the connection is away is not
    heard. Never ends by itself."""
    while True:
        try:
            async with redis.pubsub() as subscription:
                await subscription.subscribe(channel)
                async for data in _messages(subscription):
                    yield data.decode()
        except (RedisError, OSError) as exc:
            log.warning("the store's signals are interrupted: %s", exc)
            await asyncio.sleep(RECONNECT_SECONDS)


async def _messages(subscription: PubSub) -> AsyncIterator[bytes]:
    heard, has_asked = time.monotonic(), False
    while True:
        message = cast("dict[str, Any] | None", await subscription.get_message(timeout=PING_SECONDS))
        now = time.monotonic()
        if message is not None:
            heard, has_asked = now, False
            if message["type"] == "message":
                yield message["data"]
        elif has_asked and now - heard > 2 * PING_SECONDS:
            raise ConnectionError("no answer to a ping")
        else:  # the wait may have ended a little early
            has_asked = True
            async with asyncio.timeout(PING_SECONDS):
                await subscription.ping()
