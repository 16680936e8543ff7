"""Where a listener left off in a stream of events that nobody repeats, so that the next process goes on from there.

One process at a time listens for a bot: two would take each other's session away. The others stand by.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis

from storage.client import load_script, store_errors
from storage.keys import GATEWAY_SECONDS, Keys

MAX_MARKS = 2000
_AS_IT_IS = "-"


class RedisGateways:
    """The gateways of all bots. Who does not `keep` one for `lease_seconds` keeps it until another takes it.

    Every method is safe to repeat and raises StoreUnavailable.
    """

    def __init__(self, redis: Redis, keys: Keys, *, lease_seconds: float = 4.0) -> None:
        self._redis, self._keys, self.lease_seconds = redis, keys, lease_seconds
        self._keep = load_script(redis, "gateway_keep")

    async def take(self, bot: str, owner: str) -> bool:
        """Become the one that listens. False while another does."""
        return await self._write(bot, owner, _AS_IT_IS)

    async def load(self, bot: str) -> dict[str, str]:
        """What was kept last; empty when there is nothing to go on with."""
        with store_errors():
            found = cast("bytes | None", await self._redis.get(self._keys.gateway(bot)))
        return cast("dict[str, str]", json.loads(found)) if found is not None else {}

    async def keep(
        self,
        bot: str,
        owner: str,
        session: Mapping[str, str],
        marks: Mapping[str, int] | None = None,
        known: Mapping[str, int] | None = None,
    ) -> bool:
        """Go on listening. `session` is where it left off; an empty one is removed. `marks` are places with when their
        last message was written, milliseconds since 1970; `known` are those that count only where there is a mark
        already. The latest counts. False when another process listens now: nothing was written."""
        return await self._write(bot, owner, json.dumps(dict(session)) if session else "", marks, known)

    async def release(self, bot: str, owner: str) -> None:
        """Let another process listen at once."""
        with store_errors():
            if await self._redis.get(self._keys.gateway_owner(bot)) == owner.encode():
                await self._redis.delete(self._keys.gateway_owner(bot))

    async def marks(self, bot: str, limit: int = MAX_MARKS) -> list[tuple[str, int]]:
        """Up to `limit` places, the ones with the latest messages first."""
        with store_errors():
            found = await self._redis.zrange(
                self._keys.gateway_marks(bot), 0, limit - 1, desc=True, withscores=True, score_cast_func=float
            )
        return [(place.decode(), int(at)) for place, at in cast("list[tuple[bytes, float]]", found)]

    async def drop(self, bot: str, place: str) -> None:
        """Forget a place: it is gone, or we are."""
        with store_errors():
            await self._redis.zrem(self._keys.gateway_marks(bot), place)

    async def _write(
        self,
        bot: str,
        owner: str,
        session: str,
        marks: Mapping[str, int] | None = None,
        known: Mapping[str, int] | None = None,
    ) -> bool:
        keys = self._keys
        args: list[str | int] = [
            owner,
            round(self.lease_seconds * 1000),
            session,
            GATEWAY_SECONDS,
            keys.content_seconds,
        ]
        args += [round((time.time() - keys.content_seconds) * 1000), MAX_MARKS]
        for how, places in (("new", marks or {}), ("known", known or {})):
            for place, at in places.items():
                args += [how, at, place]
        names = [keys.gateway_owner(bot), keys.gateway(bot), keys.gateway_marks(bot)]
        with store_errors():
            return bool(await self._keep(keys=names, args=args) == 1)
