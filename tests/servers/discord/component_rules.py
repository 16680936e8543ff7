"""Which components Discord accepts (discord.com/developers/docs/components/reference)."""

from __future__ import annotations

from collections.abc import Sequence

from tests.servers.discord.components import (
    ACTION_ROW,
    BUTTON,
    CONTAINER,
    LINK_STYLE,
    SECTION,
    SELECTS,
    SEPARATOR,
    STRING_SELECT,
    TEXT_DISPLAY,
    Component,
    text_of,
    walk,
)
from tests.servers.discord.errors import invalid_form

MAX_TEXT, MAX_COMPONENTS, MAX_ROWS = 4000, 40, 5
_ONLY_V2 = {SECTION, TEXT_DISPLAY, 11, 12, 13, SEPARATOR, CONTAINER}


def check(components: Sequence[Component], *, v2: bool) -> None:
    """DiscordError 50035. Without `v2` there are rows of buttons and menus only."""
    everything = list(walk(components))
    if v2:
        _need(len(everything) <= MAX_COMPONENTS, f"The maximum number of components is {MAX_COMPONENTS}")
        total = len(text_of(components).replace("\n", ""))
        _need(total <= MAX_TEXT, f"The total text length of all components must be {MAX_TEXT} or fewer")
    else:
        _need(len(components) <= MAX_ROWS, f"Must be between 1 and {MAX_ROWS} in length.")
        _need(all(one.get("type") == ACTION_ROW for one in components), "Value of field 'type' must be one of (1,).")
        _need(not any(one.get("type") in _ONLY_V2 for one in everything), "Needs MessageFlags.IS_COMPONENTS_V2")
    for one in everything:
        _check_one(one)
    ids = [one["custom_id"] for one in everything if one.get("custom_id")]
    _need(len(ids) == len(set(ids)), "Component custom id cannot be duplicated")


def _check_one(one: Component) -> None:
    kind = one.get("type")
    inner = one.get("components", [])
    if kind == ACTION_ROW:
        menus = sum(part.get("type") in SELECTS for part in inner)
        _need(1 <= len(inner) <= (1 if menus else 5), "A row has 1 to 5 buttons, or one menu")
    elif kind == BUTTON:
        link = one.get("style") == LINK_STYLE
        _need(bool(one.get("url") if link else one.get("custom_id")), "A button must have a custom_id, a link a url")
        _need(bool(one.get("label") or one.get("emoji")), "A button must have a label or an emoji")
        _need(len(one.get("label") or "") <= 80, "Must be 80 or fewer in length.")
    elif kind == STRING_SELECT:
        _need(1 <= len(one.get("options", [])) <= 25, "A menu has 1 to 25 options")
    elif kind == TEXT_DISPLAY:
        _need(bool(one.get("content")), "A text display needs content")
    elif kind == SECTION:
        _need(1 <= len(inner) <= 3 and "accessory" in one, "A section has 1 to 3 texts and an accessory")
    else:
        _need(kind in _ONLY_V2 | SELECTS, f"Value of field 'type' is unknown: {kind}")
    _need(len(one.get("custom_id") or "") <= 100, "Must be 100 or fewer in length.")


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise invalid_form("components", "COMPONENT_INVALID", message)
