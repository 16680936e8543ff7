"""Reading a platform's JSON, which comes from outside and may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conversation.intake import storable

Json = Mapping[str, Any]


class Malformed(ValueError):
    """No platform sends such a thing. Names the field and never its value, which may be a person's words."""


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
