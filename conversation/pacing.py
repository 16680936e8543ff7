"""How writes keep within what a platform allows, and how their pauses grow with the load."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from conversation.errors import Paced, StoreUnavailable
from conversation.recent import Recent

# Shares of an allowance. Below the first an answer is edited as often as it likes, so that the usual few short ones
# never notice a limit. From the second on all go on as slowly as they could for ever: the quarter that is left carries
# them until the first calls stop counting. With nothing left by then, all texts would stand still for most of a window.
FREE_SHARE = 0.25
TIGHT_SHARE = 0.75
# More answers than a process ever makes at once. An answer whose end was never told must not fill the memory.
MAX_RUNNING = 1000
# Writes come a little early when a timer does; that is no reason to send them back.
TOLERANCE_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit that a platform documents: `limit` calls within any `seconds`. `name` says the scope that it counts in:
    platform, workspace, method, channel. A call counts `margin_seconds` longer, since two calls do not take equally
    long to arrive; None leaves that to the budget."""

    name: str
    limit: int
    seconds: float
    margin_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One call that is to be made, now or later."""

    allowance: Allowance
    spare: int = 0  # so many calls of the allowance are left to others
    hold: str = ""  # a name: kept free under it for a later call, or, when it is kept already, called now
    hold_seconds: float = 0.0  # more than 0: keep it free for so long; 0: the call is made now


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to `take`."""

    wait_seconds: float  # 0: all is granted; else nothing is, and it is worth asking again after so long
    used: float = 0.0  # the share of the first use's allowance that is taken now, 0 to 1


class RateBudget(Protocol):
    """Who may call a platform when: one book for all replicas, so that no limit is ever passed."""

    async def take(self, *uses: Use) -> Grant:
        """Grant all of them or none. Never waits. Raises StoreUnavailable."""

    async def release(self, allowance: Allowance, hold: str) -> None:
        """Give back what was kept free under this name, if anything."""

    async def pause(self, allowance: Allowance, seconds: float) -> None:
        """The platform itself said to wait: nothing is granted for so long."""


async def take_or_raise(budget: RateBudget, *uses: Use) -> Grant:
    """The grant. Raises Paced when there is none now, and what `take` raises."""
    grant = await budget.take(*uses)
    if grant.wait_seconds > 0:
        raise Paced("the platform's limits have no room yet", retry_after_seconds=grant.wait_seconds)
    return grant


async def wait_for_room(budget: RateBudget, *uses: Use) -> None:
    """Returns once all is granted. While the store is away nobody counts, and nobody waits."""
    while True:
        try:
            grant = await budget.take(*uses)
        except StoreUnavailable:
            return
        if grant.wait_seconds <= 0:
            return
        await asyncio.sleep(grant.wait_seconds)


def pause_seconds(base: float, grant_used: float, limit: int, seconds: float, running: int) -> float:
    """The seconds between two writes of one answer, while `running` answers share `limit` calls in any `seconds`.

    `base` while at most a quarter of the allowance is used, and from three quarters on what all of them can keep up
    for ever, `running * seconds / limit` (`base` when that is longer); between the two a smooth curve (smoothstep), for
    a step would make all answers quick and slow by turns. Never shorter for more used, nor for more running.
    """
    for_ever = max(base, running * seconds / limit)
    share = min(max((grant_used - FREE_SHARE) / (TIGHT_SHARE - FREE_SHARE), 0.0), 1.0)
    return base + (for_ever - base) * share * share * (3 - 2 * share)


class Meter:
    """How long this process's answers pause between their writes under one allowance: from what the last grant said,
    and how many answers run here. What other processes take shows in their common budget's grants."""

    def __init__(self, allowance: Allowance, base_seconds: float) -> None:
        self._allowance, self._base_seconds = allowance, base_seconds
        self._used, self._used_at = 0.0, float("-inf")
        self._running: dict[str, None] = {}  # in the order of their beginning

    def note(self, grant: Grant) -> None:
        """Remember what a take says, granted or not, that had this allowance in its first use."""
        self._used, self._used_at = grant.used, time.monotonic()

    def begin(self, key: str) -> None:
        """An answer is being written. Safe to repeat. Of more than a thousand the oldest are not counted."""
        self._running[key] = None
        if len(self._running) > MAX_RUNNING:
            del self._running[next(iter(self._running))]

    def end(self, key: str) -> None:
        """It is not any more. Safe to repeat."""
        self._running.pop(key, None)

    def pause(self) -> float:
        """Seconds between two writes of one answer, as in `pause_seconds`. What a grant said that is older than the
        allowance's `seconds` counts for nothing: all that it counted is gone."""
        limit, seconds = self._allowance.limit, self._allowance.seconds
        used = self._used if time.monotonic() - self._used_at < seconds else 0.0
        return pause_seconds(self._base_seconds, used, limit, seconds, len(self._running))


class Pace:
    """The pauses of the answers that are written under one allowance by this process."""

    def __init__(self, allowance: Allowance, base_seconds: float) -> None:
        self._meter = Meter(allowance, base_seconds)
        self._next = Recent[float]()  # when an answer may be written again, on the monotonic clock

    @property
    def pause_seconds(self) -> float:
        """Between two writes of one answer."""
        return self._meter.pause()

    @property
    def is_idle(self) -> bool:
        """Whether no answer of this kind is being written."""
        return not self._next

    def check(self, key: str) -> None:
        """Raises Paced when it is too early for another write of this answer."""
        left = self._next.get(key, 0.0) - time.monotonic()
        if left > TOLERANCE_SECONDS:
            raise Paced("other answers come first", retry_after_seconds=left)

    def note(self, grant: Grant) -> None:
        """See Meter.note."""
        self._meter.note(grant)

    def wrote(self, key: str, at_least_seconds: float = 0.0) -> None:
        """The answer was written, and will be again, after `at_least_seconds` at the earliest."""
        self._meter.begin(key)
        self._next[key] = time.monotonic() + max(self._meter.pause(), at_least_seconds)

    def end(self, key: str) -> None:
        """The answer is written no more. Safe to repeat."""
        self._meter.end(key)
        self._next.pop(key, None)
