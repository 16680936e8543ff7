"""Reading Discord's JSON, which comes from outside and may be anything."""

from __future__ import annotations

import re

from adapters.payloads import Json, Malformed, part, string

__all__ = ["Json", "Malformed", "part", "string"]

SNOWFLAKE = re.compile(r"\d{1,20}")
_EPOCH_MS = 1_420_070_400_000  # the first second of 2015, where Discord's ids begin


def parts(of: Json, name: str) -> list[Json]:
    """The objects in this list; none where there is no list."""
    found = of.get(name)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Malformed(f"{name} is no list")
    return [part(one) for one in found]


def number(of: Json, name: str) -> int:
    """The field's whole number; 0 where there is none."""
    value = of.get(name)
    if value is None:
        return 0
    if not isinstance(value, int):
        raise Malformed(f"{name} is no number")
    return value


def snowflake(of: Json, name: str) -> str:
    """An id, which must be there."""
    value = string(of, name)
    if not SNOWFLAKE.fullmatch(value):
        raise Malformed(f"{name} is no id")
    return value


def snowflake_or_none(of: Json, name: str) -> str:
    """The same, or "" where there is none."""
    return snowflake(of, name) if of.get(name) is not None else ""


def milliseconds_of(snowflake_id: str) -> int:
    """When this id was made, in milliseconds since 1970 (docs: reference#snowflakes)."""
    return (int(snowflake_id) >> 22) + _EPOCH_MS


def snowflake_at(milliseconds: int) -> int:
    """The smallest id that can have been made then."""
    return max(0, milliseconds - _EPOCH_MS) << 22
