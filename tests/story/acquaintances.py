"""People who have had an answer before, so that what stands below the next one is about that answer alone."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis

from conversation.model import Owner, OwnerKind
from storage.keys import Keys
from storage.preferences import RedisPreferences


async def acquaint(redis: Redis, platform: str, tenants: Iterable[str], people: Iterable[str]) -> None:
    """All of them, in each workspace or server."""
    preferences, named = RedisPreferences(redis, Keys()), list(people)
    for tenant in tenants:
        for person in named:
            await preferences.meets(Owner(platform, tenant, OwnerKind.PERSON, person), "their first question")
