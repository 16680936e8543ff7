"""Components and embeds as a person meets them: what can be read, and what can be pressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Component = dict[str, Any]

# discord.com/developers/docs/components/reference#component-object-component-types
ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
SELECTS = {STRING_SELECT, 5, 6, 7, 8}
SECTION, TEXT_DISPLAY, SEPARATOR, CONTAINER, LABEL = 9, 10, 14, 17, 18
LINK_STYLE = 5


@dataclass(frozen=True, slots=True)
class Pressable:
    """A button, or a menu, as it is shown. `type` is the component's type; a link has a `url` and no custom_id."""

    custom_id: str
    label: str
    type: int = BUTTON
    disabled: bool = False
    url: str | None = None


def walk(components: Sequence[Component]) -> Iterator[Component]:
    """Every component, outer ones before those within."""
    for component in components:
        yield component
        yield from walk(component.get("components", []))
        for name in ("accessory", "component"):
            if isinstance(component.get(name), dict):
                yield from walk([component[name]])


def text_of(components: Sequence[Component]) -> str:
    """What the text displays say; lines apart."""
    return "\n".join(one["content"] for one in walk(components) if one.get("type") == TEXT_DISPLAY)


def embed_text(embed: dict[str, Any]) -> str:
    """What an embed says, from its author's line to its footer; lines apart."""
    parts = [(embed.get("author") or {}).get("name"), embed.get("title"), embed.get("description")]
    for field in embed.get("fields") or []:
        parts += [field.get("name"), field.get("value")]
    parts.append((embed.get("footer") or {}).get("text"))
    return "\n".join(part for part in parts if part)


def pressables(components: Sequence[Component]) -> list[Pressable]:
    """Every button and menu, in the order in which it is shown."""
    return [
        Pressable(
            one.get("custom_id", ""),
            one.get("label") or one.get("placeholder") or (one.get("emoji") or {}).get("name") or "",
            one["type"],
            bool(one.get("disabled")),
            one.get("url"),
        )
        for one in walk(components)
        if one.get("type") == BUTTON or one.get("type") in SELECTS
    ]
