"""Reading Slack's JSON, which comes from outside and may be anything."""

from __future__ import annotations

import re

from adapters.payloads import Json, Malformed, part, string

__all__ = ["Json", "Malformed", "part", "string"]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TS = re.compile(r"\d{1,12}\.\d{1,9}")


def identifier(of: Json, name: str) -> str:
    """An id of a person, channel, team or message action, which must be there."""
    value = string(of, name)
    if not _ID.fullmatch(value):
        raise Malformed(f"{name} is no id")
    return value


def timestamp(of: Json, name: str) -> str:
    """A message's ts, seconds since 1970 with a fraction that makes it unique, which must be there."""
    value = string(of, name)
    if not _TS.fullmatch(value):
        raise Malformed(f"{name} is no ts")
    return value


def timestamp_or_none(of: Json, name: str) -> str | None:
    """The same, where there may be none."""
    return timestamp(of, name) if of.get(name) is not None else None
