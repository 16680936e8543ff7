"""How writes keep within what a platform allows, and how their pauses grow with the load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit that a platform documents: `limit` calls within any `seconds`. `name` says the scope that it counts in:
    platform, workspace, method, channel."""

    name: str
    limit: int
    seconds: float


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
