"""Blocks as a person meets them: what can be read, and what can be pressed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pressable:
    """A button as it is shown. `kind` is the element's type; a pair of feedback buttons counts as two."""

    action_id: str
    value: str
    label: str
    kind: str
    block_id: str


def body_of(blocks: Sequence[Block]) -> str:
    """What the blocks say, without the small print of context blocks; lines apart."""
    return "\n".join(line for block in blocks if block["type"] != "context" for line in _read(block))


def notice_of(blocks: Sequence[Block]) -> str:
    """The lines of the context blocks."""
    return "\n".join(line for block in blocks if block["type"] == "context" for line in _read(block))


def pressables(blocks: Sequence[Block]) -> list[Pressable]:
    """Every button, in the order in which it is shown."""
    return [button for block in blocks for button in _buttons(block)]


def _read(block: Block) -> Iterator[str]:
    kind = block["type"]
    if kind == "markdown":
        yield block["text"]
    elif kind in {"section", "header"}:
        for part in [block.get("text"), *block.get("fields", [])]:
            if part:
                yield part["text"]
    elif kind == "context":
        for element in block["elements"]:
            if "text" in element:
                yield element["text"]
    elif kind == "table":
        for row in block["rows"]:
            yield " | ".join("".join(_texts(cell)) for cell in row)
    elif kind == "rich_text":
        yield "".join(_texts(block))


def _texts(value: Block) -> Iterator[str]:
    if isinstance(value.get("text"), str):
        yield value["text"]
    if value.get("type") == "user":
        yield f"<@{value['user_id']}>"
    for element in value.get("elements", []):
        yield from _texts(element)


def _buttons(block: Block) -> Iterator[Pressable]:
    elements = [*block.get("elements", []), *([block["accessory"]] if "accessory" in block else [])]
    for element in elements:
        action_id, block_id = element.get("action_id", ""), block.get("block_id", "")
        if element.get("type") == "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                button = element[side]
                yield Pressable(action_id, button["value"], button["text"]["text"], "feedback_buttons", block_id)
        elif element.get("type") in {"button", "icon_button"}:
            yield Pressable(action_id, element.get("value", ""), element["text"]["text"], element["type"], block_id)
