"""The book of calls to platforms, in the store: one for all replicas, so that together they keep each limit.

Scripts decide by the server's clock (scripts/rates_take.lua). docs/decisions/rate-budget.md tells why it is built so.
"""

from __future__ import annotations

import secrets
from math import ceil

from redis.asyncio import Redis

from conversation.pacing import Allowance, Grant, RateBudget, Use
from storage.client import load_script, store_errors
from storage.keys import DAY_SECONDS, Keys

# Asked again sooner, it costs the store more than it gains anybody.
SHORTEST_WAIT_SECONDS = 0.05
# Asked again later, a place that was given back early would stay empty.
LONGEST_WAIT_SECONDS = 5.0


class RedisRates:
    """The budget as one process sees it. A call counts for its allowance's seconds and `margin_seconds` more (or the
    allowance's own): the platform counts when a call arrives, we when it is granted, and two calls do not take equally
    long to arrive."""

    def __init__(self, redis: Redis, keys: Keys, *, margin_seconds: float = 2.0) -> None:
        if not 0 <= margin_seconds <= DAY_SECONDS:
            raise ValueError(f"a margin lasts between 0 and {DAY_SECONDS} seconds")
        self._redis, self._keys, self._margin_seconds = redis, keys, margin_seconds
        self._take = load_script(redis, "rates_take")
        self._pause = load_script(redis, "rates_pause")

    async def take(self, *uses: Use) -> Grant:
        """As in `pacing.RateBudget`.

        All is granted when every allowance has room for this take's uses of it together and for each one's `spare`. A
        call under the name of a hold, whichever process took that, has its place already: it needs no room. Without
        such a hold it is an ordinary call. A hold that exists is made longer, never shorter, and also needs no room.

        `wait_seconds` is between 0.05 and 5: less than the wait when that is longer, or cannot be known. `used` is 1
        while the allowance is paused. ValueError when a use could never be granted.

        Who sends a granted call later than `margin_seconds` may send one too many. Who takes again after
        StoreUnavailable may count twice, which wastes a place for a while; the client's own repetition counts once.
        """
        if not uses:
            raise ValueError("nothing is asked for")
        keys, args = [], [secrets.token_hex(8)]
        for use in uses:
            _check(use)
            keys.append(self._keys.rates(use.allowance.name))
            margin_seconds = use.allowance.margin_seconds
            if margin_seconds is None:
                margin_seconds = self._margin_seconds
            counts_seconds = use.allowance.seconds + margin_seconds
            args += [
                str(use.allowance.limit),
                str(_milliseconds(counts_seconds)),
                str(use.spare),
                use.hold,
                str(_milliseconds(use.hold_seconds)),
            ]
        with store_errors():
            wait_ms, taken = await self._take(keys=keys, args=args)
        wait_seconds = min(max(wait_ms / 1000, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS) if wait_ms else 0.0
        return Grant(wait_seconds, 1.0 if taken < 0 else min(taken / uses[0].allowance.limit, 1.0))

    async def release(self, allowance: Allowance, hold: str) -> None:
        """As in `pacing.RateBudget`. Safe to repeat. Raises StoreUnavailable; then the hold's time gives it back."""
        with store_errors():
            await self._redis.zrem(self._keys.rates(allowance.name), f"h{hold}")

    async def pause(self, allowance: Allowance, seconds: float) -> None:
        """As in `pacing.RateBudget`, for a day at most; of several pauses the one that ends last counts. Calls under a
        hold wait too, and holds last longer by the pause. Safe to repeat. Raises StoreUnavailable."""
        if not seconds > 0:
            return
        pause_ms = _milliseconds(min(seconds, DAY_SECONDS))
        with store_errors():
            await self._pause(keys=[self._keys.rates(allowance.name)], args=[pause_ms])


def _check(use: Use) -> None:
    """The messages name no allowance: names hold people's channels."""
    allowance = use.allowance
    if not (allowance.limit >= 1 and 0 < allowance.seconds <= DAY_SECONDS):
        raise ValueError(f"an allowance has at least one call, in more than 0 and at most {DAY_SECONDS} seconds")
    if not 0 <= (allowance.margin_seconds or 0.0) <= DAY_SECONDS:
        raise ValueError(f"a margin lasts between 0 and {DAY_SECONDS} seconds")
    if not 0 <= use.spare < allowance.limit:
        raise ValueError("what is spared must leave at least one call")
    if not 0 <= use.hold_seconds <= DAY_SECONDS:
        raise ValueError(f"a hold lasts at most {DAY_SECONDS} seconds")
    if use.hold_seconds and not use.hold:
        raise ValueError("a hold needs a name")


def _milliseconds(seconds: float) -> int:
    return ceil(seconds * 1000)


_: type[RateBudget] = RedisRates
