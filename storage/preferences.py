"""What channels and people have set, and whom this service has met."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from redis.asyncio import Redis

from conversation.errors import StoreUnavailable
from conversation.model import Owner, Preferences
from conversation.ports import PreferenceStore
from storage.client import load_script, store_errors
from storage.keys import SETTING_SECONDS, Keys
from storage.records import dump_preferences, load_preferences

# Each that fails let another one's through: so many people do not set a channel at once.
_TRIES = 64


class RedisPreferences:
    """The PreferenceStore. What is asked for lives on from then."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._replace = load_script(redis, "preferences_replace")

    async def get(self, *owners: Owner) -> tuple[Preferences, ...]:
        """See PreferenceStore.get."""
        with store_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for owner in owners:
                    pipeline.getex(self._keys.preferences(str(owner)), ex=SETTING_SECONDS)
                found: list[Any] = await pipeline.execute()
        return tuple(load_preferences(record or b"") for record in found)

    async def put(self, owner: Owner, preferences: Preferences) -> None:
        """Keep these in the place of all that was set before; for what knows nothing of before, such as an import."""
        if not (record := dump_preferences(preferences)):
            return await self.clear(owner)
        with store_errors():
            await self._redis.set(self._keys.preferences(str(owner)), record, ex=SETTING_SECONDS)
        return None

    async def change(self, owner: Owner, change: Callable[[Preferences], Preferences]) -> Preferences:
        """See PreferenceStore.change."""
        key = self._keys.preferences(str(owner))
        for _ in range(_TRIES):
            with store_errors():
                record = cast("bytes | None", await self._redis.get(key)) or b""
            changed = change(load_preferences(record))
            with store_errors():
                if await self._replace(keys=[key], args=[record, dump_preferences(changed), SETTING_SECONDS]):
                    return changed
        raise StoreUnavailable(f"{key} was changed by others at each of {_TRIES} tries")

    async def clear(self, owner: Owner) -> None:
        """See PreferenceStore.clear."""
        with store_errors():
            await self._redis.delete(self._keys.preferences(str(owner)))

    async def meets(self, person: Owner, job_id: str) -> bool:
        """See PreferenceStore.meets."""
        key = self._keys.met(str(person))
        with store_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, job_id, nx=True, ex=SETTING_SECONDS)
                pipeline.getex(key, ex=SETTING_SECONDS)
                _, first = await pipeline.execute()
        return bool(first == job_id.encode())


_: type[PreferenceStore] = RedisPreferences
