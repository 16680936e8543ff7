"""What people think of answers, kept beside what those were made with."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis

from conversation.model import Role
from conversation.reception import Feedback
from storage.client import store_errors
from storage.keys import Keys
from storage.threads import RedisThreads

SCAN_KEYS = 1000  # looked at in one call of the store


@dataclass(frozen=True, slots=True)
class Rating:
    """One person's opinion ("good", "bad") of one answer; `at` is seconds since 1970."""

    conversation_id: str  # "" of those that an older program kept
    exchange: str
    person_id: str
    opinion: str
    at: float
    made_with: Mapping[str, Any] | None


class RedisFeedback:
    """Feedback for evaluation, never for training: the Llama 2 licence forbids to improve other models with it. It
    lives as long as threads do."""

    def __init__(self, redis: Redis, keys: Keys, threads: RedisThreads) -> None:
        self._redis, self._keys, self._threads = redis, keys, threads

    async def rate(self, conversation_id: str, exchange: str, person_id: str, opinion: str) -> bool:
        """See Feedback.rate. Raises StoreUnavailable."""
        turns = await self._threads.turns(conversation_id)
        answer = next((turn for turn in turns if turn.exchange == exchange and turn.role is Role.ASSISTANT), None)
        if answer is None:
            return False
        record = orjson.dumps(
            {"opinion": opinion, "at": time.time(), "made_with": answer.provenance, "conversation": conversation_id}
        )
        key = self._keys.feedback(exchange)
        with store_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(key, person_id, record)
                pipeline.expire(key, self._keys.content_seconds)
                await pipeline.execute()
        return True

    async def ratings(self) -> list[Rating]:
        """All that are kept, the oldest first. It looks through all keys of the store, in portions: for a person at a
        terminal. Raises StoreUnavailable."""
        found, prefix = dict[tuple[str, str], Rating](), self._keys.feedback("").encode()
        with store_errors():
            async for key in self._redis.scan_iter(match=_literally(prefix) + b"*", count=SCAN_KEYS):
                exchange = key.removeprefix(prefix).decode()
                kept: Any = await self._redis.hgetall(key)
                for person, record in kept.items():
                    # A scan may give a key twice.
                    found[exchange, person.decode()] = _rating(exchange, person.decode(), orjson.loads(record))
        return sorted(found.values(), key=lambda rating: rating.at)


def _literally(name: bytes) -> bytes:
    """A name as a pattern that matches it alone."""
    return re.sub(rb"([\\*?\[\]^])", rb"\\\1", name)


def _rating(exchange: str, person_id: str, record: Mapping[str, Any]) -> Rating:
    conversation_id, made_with = record.get("conversation", ""), record.get("made_with")
    return Rating(conversation_id, exchange, person_id, record["opinion"], record["at"], made_with)


_: type[Feedback] = RedisFeedback
