"""Forms: which Discord shows, and what its clients let people send (docs: components/reference, Label, Text Input)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.servers.discord.components import ACTION_ROW, LABEL, TEXT_INPUT, Component
from tests.servers.discord.errors import invalid_form

MAX_TITLE, MAX_LABEL, MAX_DESCRIPTION, MAX_ID, MAX_INPUTS, MAX_VALUE = 45, 45, 100, 100, 5, 4000
_SHORT, _PARAGRAPH = 1, 2


def check(modal: Mapping[str, Any]) -> None:
    """DiscordError 50035 for what Discord does not show."""
    _need(1 <= len(modal.get("title") or "") <= MAX_TITLE, "title", "Must be between 1 and 45 in length.")
    _need(1 <= len(modal.get("custom_id") or "") <= MAX_ID, "custom_id", "Must be between 1 and 100 in length.")
    rows = modal.get("components") or []
    _need(1 <= len(rows) <= MAX_INPUTS, "components", "Must be between 1 and 5 in length.")
    for row in rows:
        _check_row(row)
    ids = [field["custom_id"] for field in fields(modal)]
    _need(len(ids) == len(set(ids)), "components", "Component custom id cannot be duplicated")


def fields(modal: Mapping[str, Any]) -> list[Component]:
    """The inputs, in order."""
    return [field for row in modal["components"] for field in _inner(row)]


def filled(modal: Mapping[str, Any], values: Mapping[str, str]) -> list[Component]:
    """What a client sends; AssertionError for what it does not let people send. What nobody touched says what it was
    filled in with."""
    known = {field["custom_id"] for field in fields(modal)}
    assert set(values) <= known, f"the form has {sorted(known)}, not {sorted(values)}"
    sent: list[Component] = []
    for number, row in enumerate(modal["components"], start=1):
        told = [_sent(field, values) for field in _inner(row)]
        shown: Component = {"type": row["type"], "id": number}
        sent.append(shown | ({"component": told[0]} if row["type"] == LABEL else {"components": told}))
    return sent


def _sent(field: Component, values: Mapping[str, str]) -> Component:
    name, value = field["custom_id"], values.get(field["custom_id"], field.get("value") or "")
    least = field.get("min_length") or (1 if field.get("required", True) else 0)
    assert not (field.get("required", True) and not value), f"{name!r} is required"
    assert not value or least <= len(value), f"{name!r} has {len(value)} characters, and takes {least} at least"
    most = field.get("max_length") or MAX_VALUE
    assert len(value) <= most, f"{name!r} has {len(value)} characters, and takes {most} at most"
    assert field["style"] == _PARAGRAPH or "\n" not in value, f"{name!r} is one line"
    return {"type": TEXT_INPUT, "id": 100, "custom_id": name, "value": value}


def _check_row(row: Component) -> None:
    kind = row.get("type")
    _need(kind in {ACTION_ROW, LABEL}, "components", "Value of field 'type' must be one of (1, 10, 18).")
    inner = _inner(row)
    _need(len(inner) == 1 and inner[0].get("type") == TEXT_INPUT, "components", "A row of a form has one input")
    field, label = inner[0], row.get("label") if kind == LABEL else inner[0].get("label")
    _need(1 <= len(label or "") <= MAX_LABEL, "components.label", "Must be between 1 and 45 in length.")
    _need(kind == ACTION_ROW or not field.get("label"), "components.label", "An input in a label has none of its own")
    _need(len(row.get("description") or "") <= MAX_DESCRIPTION, "components.description", "Must be 100 or fewer.")
    _need(1 <= len(field.get("custom_id") or "") <= MAX_ID, "components.custom_id", "Must be between 1 and 100.")
    _need(field.get("style") in {_SHORT, _PARAGRAPH}, "components.style", "Value must be one of (1, 2).")
    _need(len(field.get("placeholder") or "") <= 100, "components.placeholder", "Must be 100 or fewer in length.")
    least, most = field.get("min_length") or 0, field.get("max_length") or MAX_VALUE
    _need(0 <= least <= MAX_VALUE and 1 <= most <= MAX_VALUE, "components.max_length", "Must be between 1 and 4000.")
    _need(len(field.get("value") or "") <= most, "components.value", f"Must be {most} or fewer in length.")


def _inner(row: Component) -> list[Component]:
    return list(row.get("components") or []) if row.get("type") == ACTION_ROW else [row.get("component") or {}]


def _need(holds: bool, where: str, message: str) -> None:
    if not holds:
        raise invalid_form(f"data.{where}", "BASE_TYPE_BAD_LENGTH", message)
