"""What people think of answers, kept beside what those were made with."""

from __future__ import annotations

import time

import orjson
from redis.asyncio import Redis

from conversation.model import Role
from conversation.reception import Feedback
from storage.client import store_errors
from storage.keys import Keys
from storage.threads import RedisThreads


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
        record = orjson.dumps({"opinion": opinion, "at": time.time(), "made_with": answer.provenance})
        key = self._keys.feedback(exchange)
        with store_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(key, person_id, record)
                pipeline.expire(key, self._keys.content_seconds)
                await pipeline.execute()
        return True


_: type[Feedback] = RedisFeedback
