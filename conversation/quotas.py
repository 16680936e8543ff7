"""Quotas: how much one person, one channel and one workspace or server may ask for, and what people are told of it.

Windows are fixed: the clock's hours and days (UTC). So "free again at" is exact, and counting needs one number for each
window, whatever is asked for in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

from conversation.model import ThreadId

MOST = 10**12  # far above what any model makes in a day, and exact in a script's numbers


class Scope(StrEnum):
    """Who shares a quota."""

    PERSON = "person"  # wherever they ask on their platform: direct messages are no second allowance
    CHANNEL = "channel"
    TENANT = "tenant"  # a workspace or server


class Unit(StrEnum):
    REQUESTS = "requests"  # each question, Continue and Regenerate is one
    TOKENS = "tokens"  # of prompts and answers together


class Period(StrEnum):
    HOUR = "hour"
    DAY = "day"

    @property
    def seconds(self) -> int:
        """How long its window is."""
        return 3600 if self is Period.HOUR else 86_400


@dataclass(frozen=True, slots=True)
class Bound:
    """So much in each window."""

    amount: int
    unit: Unit
    period: Period

    def __str__(self) -> str:
        return f"{_amount(self.amount, self.unit)}/{self.period}"


@dataclass(frozen=True, slots=True)
class Quota:
    """The bounds of everybody in one scope."""

    scope: Scope
    bounds: tuple[Bound, ...]


@dataclass(frozen=True, slots=True)
class Left:
    """How much of a bound is left in this window."""

    bound: Bound
    amount: int


_BOUND = re.compile(r"(\S+)\s+(\S+?)\s*/\s*(\S+)")
_UNITS = {"request": Unit.REQUESTS, "requests": Unit.REQUESTS, "token": Unit.TOKENS, "tokens": Unit.TOKENS}
_FORM = "write it like 30 requests/hour or 100000 tokens/day, with commas between several"


def parse(text: str) -> tuple[Bound, ...]:
    """The bounds of `30 requests/hour, 200 requests/day, 100000 tokens/day`; none of "". Raises ValueError with every
    mistake in it."""
    bounds: list[Bound] = []
    wrong: list[str] = []
    for part in text.split(",") if text.strip() else ():
        bound, why = _parsed(part.strip())
        same = next((one for one in bounds if bound and (one.unit, one.period) == (bound.unit, bound.period)), None)
        if bound is None:
            wrong.append(why)
        elif same is not None:
            wrong.append(f"{bound} comes after {same}: a period has one bound of {bound.unit}")
        else:
            bounds.append(bound)
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}. {_FORM[0].upper()}{_FORM[1:]}")
    return tuple(bounds)


def _parsed(part: str) -> tuple[Bound | None, str]:
    """A bound, or what is wrong with it."""
    if not part:
        return None, "a bound is missing beside a comma"
    found = _BOUND.fullmatch(part)
    if found is None:
        return None, f"{part!r} is no bound"
    number, unit, period = found[1].replace("_", ""), found[2].lower(), found[3].lower()
    why = []
    if not (number.isascii() and number.isdigit()):
        why.append(f"{found[1]!r} is no whole number")
    elif not 1 <= int(number) <= MOST:
        why.append(f"the number is from 1 to {MOST}")
    if unit not in _UNITS:
        why.append(f"{found[2]!r} is neither requests nor tokens")
    if period not in set(Period):
        why.append(f"{found[3]!r} is neither hour nor day")
    if why:
        return None, f"in {part!r} {' and '.join(why)}"
    return Bound(int(number), _UNITS[unit], Period(period)), ""


def quotas(person: str, channel: str, tenant: str) -> tuple[Quota, ...]:
    """The quotas that are written so; a scope without bounds has none. Raises ValueError."""
    written = {Scope.PERSON: person, Scope.CHANNEL: channel, Scope.TENANT: tenant}
    parsed = (Quota(scope, parse(text)) for scope, text in written.items())
    return tuple(quota for quota in parsed if quota.bounds)


def owner(scope: Scope, address: ThreadId, person_id: str) -> str:
    """The name of whom a question at this address counts for."""
    parts = {
        Scope.PERSON: (address.platform, scope, person_id),
        Scope.CHANNEL: (address.platform, scope, address.tenant, address.channel),
        Scope.TENANT: (address.platform, scope, address.tenant),
    }
    return ":".join(quote(part, safe="-_.@") for part in parts[scope])


# --- what people are told


def used_up(scope: Scope, bound: Bound, address: ThreadId, now: float, free_at: float) -> str:
    """A bound is used up until `free_at`; both in seconds since 1970."""
    whose, has, its = _whose(scope, address)
    when = "this hour" if bound.period is Period.HOUR else "today"
    at = datetime.fromtimestamp(free_at, UTC)
    used = f"{whose} {has} used {its} {_amount(bound.amount, bound.unit)} of {when}"
    return f"{used}; ask again in {_wait(free_at - now)} (from {at:%H:%M} UTC)."


def left_over(left: Sequence[Left]) -> str:
    """What a person may still ask for; "" when nothing is bounded."""
    if not left:
        return ""
    parts = [
        f"{max(one.amount, 0):,} of {_amount(one.bound.amount, one.bound.unit)} "
        f"{'this hour' if one.bound.period is Period.HOUR else 'today'}"
        for one in left
    ]
    return f"Left for you: {', '.join(parts)} (UTC)."


def _whose(scope: Scope, address: ThreadId) -> tuple[str, str, str]:
    if scope is Scope.PERSON:
        return "You", "have", "your"
    if scope is Scope.CHANNEL:
        return "This channel", "has", "its"
    # A platform's direct messages stand in no server.
    names = {"slack": "This workspace", "discord": "This server" if address.tenant.isdigit() else ""}
    name = names.get(address.platform)
    return (name, "has", "its") if name else ("Everybody here together", "has", "the")


def _amount(amount: int, unit: Unit) -> str:
    return f"{amount:,} {unit.value.removesuffix('s') if amount == 1 else unit}"


def _wait(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    if minutes <= 1:
        return "a minute"
    return f"{minutes} minutes" if minutes < 90 else f"{math.ceil(minutes / 60)} hours"
