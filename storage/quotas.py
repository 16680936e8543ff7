"""Quotas in the store: counted for all replicas by the store's clock, each job once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from redis.asyncio import Redis

from conversation.errors import Refused
from conversation.model import Job, ThreadId
from conversation.ports import Gate, TellsLeft
from conversation.quotas import Bound, Left, Period, Quota, Scope, Unit, left_over, owner, used_up
from storage.client import store_errors
from storage.keys import QUOTA_MARGIN_SECONDS, QUOTA_SECONDS, Keys
from storage.scripts import queue_script


class RedisQuotas:
    """The Gate of the quotas that are set, at least one."""

    def __init__(self, redis: Redis, keys: Keys, quotas: Sequence[Quota]) -> None:
        self._bounds = [(quota.scope, bound) for quota in quotas for bound in quota.bounds]
        self._take = queue_script(redis, keys, "quota_take")
        self._spent = queue_script(redis, keys, "quota_spent")
        self._used = queue_script(redis, keys, "quota_used")

    async def admit(self, job: Job) -> None:
        """See Gate.admit: the job's request is counted in every window that bounds requests, or in none. What it is
        answered is kept for a day from then: who asks again for the same job is answered the same. Raises Refused."""
        first = job.messages[0]
        args: list[str | int] = []
        for scope, bound in self._bounds:
            who = owner(scope, first.address, first.author_id)
            args += [scope.value, who, bound.unit.value, bound.period.seconds, bound.amount]
        with store_errors():
            reply = cast("list[bytes]", await self._take(job.id, QUOTA_SECONDS, QUOTA_MARGIN_SECONDS, *args))
        if not reply:
            return
        scope_name, unit, seconds, amount, free_at, now = (part.decode() for part in reply)
        period = next(period for period in Period if period.seconds == int(seconds))
        bound, scope = Bound(int(amount), Unit(unit), period), Scope(scope_name)
        raise Refused(
            f"QUOTA_{scope_name.upper()} has {bound}",
            user_notice=used_up(scope, bound, first.address, float(now), float(free_at)),
            retry_after_seconds=float(free_at) - float(now),
        )

    async def spent(self, job: Job, tokens: int) -> None:
        """See Gate.spent: what is new of them counts in the windows of now, whenever the job was admitted. A question
        that was changed is answered anew, and that counts anew."""
        first = job.messages[0]
        args: list[str | int] = []
        for scope, bound in self._bounds:
            if bound.unit is Unit.TOKENS:
                args += [owner(scope, first.address, first.author_id), bound.period.seconds]
        if tokens > 0 and args:
            with store_errors():
                await self._spent(job.id, job.revision, tokens, QUOTA_SECONDS, QUOTA_MARGIN_SECONDS, *args)

    async def left(self, address: ThreadId, person_id: str) -> str:
        """See TellsLeft.left: of the person's own bounds; a channel's say nothing about one person."""
        bounds = [bound for scope, bound in self._bounds if scope is Scope.PERSON]
        if not bounds:
            return ""
        who = owner(Scope.PERSON, address, person_id)
        args = [part for bound in bounds for part in (who, bound.unit.value, bound.period.seconds)]
        with store_errors():
            used = cast("list[Any]", await self._used(*args))
        return left_over([Left(bound, bound.amount - int(taken)) for bound, taken in zip(bounds, used, strict=True)])


_gate: type[Gate] = RedisQuotas
_left: type[TellsLeft] = RedisQuotas
