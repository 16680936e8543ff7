"""Which blocks Slack accepts (docs.slack.dev/reference/block-kit): the types that bots like this one use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.servers.slack.blocks import Block
from tests.servers.slack.errors import SlackError

MAX_BLOCKS = 50
MAX_MARKDOWN = 12_000  # characters, of all markdown blocks of a message together


def check(blocks: Any) -> list[Block]:
    """The same blocks, each with a block_id; SlackError invalid_blocks or msg_blocks_too_long."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise SlackError("invalid_blocks_format")
    _need(len(blocks) <= MAX_BLOCKS, f"no more than {MAX_BLOCKS} items allowed")
    markdown = sum(len(str(block.get("text", ""))) for block in blocks if block.get("type") == "markdown")
    if markdown > MAX_MARKDOWN:
        raise SlackError("msg_blocks_too_long")
    for number, block in enumerate(blocks):
        rule = _RULES.get(str(block.get("type")))
        _need(rule is not None, f"unsupported type: {block.get('type')} [json-pointer:/blocks/{number}/type]")
        assert rule is not None
        rule(block)
    named = [block["block_id"] for block in blocks if "block_id" in block]
    _need(len(named) == len(set(named)), "block_id must be unique")
    return [{"block_id": f"b{number}", **block} for number, block in enumerate(blocks)]


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise SlackError("invalid_blocks", errors=[message], response_metadata={"messages": [f"[ERROR] {message}"]})


def _text(value: Any, limit: int, *, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> None:
    _need(isinstance(value, dict) and value.get("type") in kinds, f"a text object of {kinds} is needed")
    text = value.get("text")
    _need(isinstance(text, str) and text != "", "must be more than 0 characters [json-pointer:text]")
    _need(len(text) <= limit, f"must be less than {limit + 1} characters [json-pointer:text]")


def _section(block: Block) -> None:
    _need("text" in block or bool(block.get("fields")), "a section needs text or fields")
    if "text" in block:
        _text(block["text"], 3000)
    _need(len(block.get("fields", [])) <= 10, "no more than 10 fields")
    for field in block.get("fields", []):
        _text(field, 2000)
    if "accessory" in block:
        _element(block["accessory"])


def _markdown(block: Block) -> None:
    _need(isinstance(block.get("text"), str) and block["text"] != "", "a markdown block needs text")


def _context(block: Block) -> None:
    elements = _elements(block, 10)
    for element in elements:
        if element.get("type") == "image":
            _need(bool(element.get("image_url") or element.get("slack_file")), "an image needs an address")
        else:
            _text(element, 3000)


def _actions(block: Block) -> None:
    elements = _elements(block, 25)
    for element in elements:
        _element(element)
    _distinct(elements)


def _context_actions(block: Block) -> None:
    elements = _elements(block, 5)
    for element in elements:
        if element.get("type") == "feedback_buttons":
            for side in ("positive_button", "negative_button"):
                button = element.get(side)
                _need(isinstance(button, dict) and "value" in button, f"{side} needs a value")
                assert isinstance(button, dict)
                _text(button.get("text"), 75, kinds=("plain_text",))
                _need(len(button["value"]) <= 2000, "value must be less than 2001 characters")
                _need(len(button.get("accessibility_label", "")) <= 75, "accessibility_label is too long")
        else:
            _need(element.get("type") == "icon_button", "unsupported element in context_actions")
            _need(bool(element.get("icon")), "an icon button needs an icon")
            _text(element.get("text"), 75, kinds=("plain_text",))
        _need(len(element.get("action_id", "")) <= 255, "action_id must be less than 256 characters")
    _distinct(elements)


def _header(block: Block) -> None:
    _text(block.get("text"), 150, kinds=("plain_text",))


def _table(block: Block) -> None:
    rows = block.get("rows")
    _need(isinstance(rows, list) and 0 < len(rows) <= 100, "a table has 1 to 100 rows")
    assert isinstance(rows, list)
    _need(all(isinstance(row, list) and 0 < len(row) <= 20 for row in rows), "a row has 1 to 20 cells")
    _need(all(cell.get("type") in {"raw_text", "rich_text"} for row in rows for cell in row), "unsupported cell")


def _rich_text(block: Block) -> None:
    kinds = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    elements = block.get("elements")
    _need(isinstance(elements, list), "rich_text needs elements")
    assert isinstance(elements, list)
    _need(all(element.get("type") in kinds for element in elements), "unsupported element in rich_text")


def _file(block: Block) -> None:
    _need(block.get("source") == "remote" and bool(block.get("external_id")), "a file block shows a remote file")


def _image(block: Block) -> None:
    _need(bool(block.get("image_url") or block.get("slack_file")), "an image needs an address")
    _need(bool(block.get("alt_text")), "an image needs alt_text")


def _divider(block: Block) -> None:
    _need("text" not in block, "a divider has no text")


def _element(element: Block) -> None:
    kinds = {"button", "overflow", "static_select", "checkboxes", "radio_buttons", "datepicker", "external_select"}
    _need(isinstance(element, dict) and element.get("type") in kinds | {"users_select", "image"}, "unsupported element")
    if element["type"] == "button":
        _text(element.get("text"), 75, kinds=("plain_text",))
        _need(len(element.get("value", "")) <= 2000, "value must be less than 2001 characters")
        _need(element.get("style", "primary") in {"primary", "danger"}, "style is primary or danger")
    _need(element.get("action_id", "a") != "", "action_id must be more than 0 characters")
    _need(len(element.get("action_id", "")) <= 255, "action_id must be less than 256 characters")


def _elements(block: Block, limit: int) -> list[Block]:
    elements = block.get("elements")
    _need(isinstance(elements, list) and 0 < len(elements) <= limit, f"1 to {limit} elements are needed")
    assert isinstance(elements, list)
    _need(all(isinstance(element, dict) for element in elements), "an element is an object")
    return elements


def _distinct(elements: Sequence[Block]) -> None:
    ids = [element["action_id"] for element in elements if "action_id" in element]
    _need(len(ids) == len(set(ids)), "action_id must be unique within its block")


_RULES: dict[str, Callable[[Block], None]] = {
    "actions": _actions,
    "context": _context,
    "context_actions": _context_actions,
    "divider": _divider,
    "file": _file,
    "header": _header,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "section": _section,
    "table": _table,
}
