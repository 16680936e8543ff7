"""Reading Slack's JSON, which comes from outside and may be anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from conversation.intake import storable

Json = Mapping[str, Any]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TS = re.compile(r"\d{1,12}\.\d{1,9}")


class Malformed(ValueError):
    """Slack sends no such thing. Names the field and never its value, which may be a person's words."""


def part(of: object, *path: str) -> Json:
    """The object at this path; an empty one where there is none."""
    for name in path:
        of = of.get(name) if isinstance(of, Mapping) else None
    if of is None:
        return {}
    if not isinstance(of, Mapping):
        raise Malformed(f"{'.'.join(path) or 'the payload'} is no object")
    return of


def string(of: Json, name: str) -> str:
    """The field's text, as it can be stored; "" where there is none."""
    value = of.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Malformed(f"{name} is no text")
    return storable(value)


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
