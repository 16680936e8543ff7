"""Which modals Slack accepts (docs.slack.dev/reference/views/modal-views, .../block-kit/blocks/input-block and its
elements' pages)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from tests.servers.slack.blocks import Block
from tests.servers.slack.cast import Json
from tests.servers.slack.errors import SlackError

MAX_BLOCKS, MAX_DATA = 100, 3_000
_SHOWN = frozenset({"context", "divider", "header", "image", "rich_text", "section"})


def check_view(view: Any, scopes: Collection[str]) -> Json:
    """The same modal; SlackError invalid_arguments."""
    _need(isinstance(view, dict) and view.get("type") == "modal", "a view of type modal is needed")
    _plain(view.get("title"), 24, "title")
    for name in ("close", "submit"):
        if name in view:
            _plain(view[name], 24, name)
    _need(len(view.get("private_metadata", "")) <= MAX_DATA, "must be less than 3001 characters [private_metadata]")
    _need(len(view.get("callback_id", "")) <= 255, "must be less than 256 characters [callback_id]")
    blocks = view.get("blocks")
    _need(isinstance(blocks, list) and 0 < len(blocks) <= MAX_BLOCKS, "1 to 100 blocks are needed")
    for block in blocks:
        if block.get("type") == "input":
            _input(block, scopes)
        else:
            _need(block.get("type") in _SHOWN, f"unsupported type in a modal: {block.get('type')}")
            if block["type"] == "header":
                _plain(block.get("text"), 150, "header")
            if block["type"] == "section":
                text = block.get("text") or {}
                _need(0 < len(str(text.get("text", ""))) <= 3000, "must be 1 to 3000 characters [section]")
    names = [block["block_id"] for block in blocks if "block_id" in block]
    _need(len(names) == len(set(names)), "block_id must be unique")
    _need("submit" in view or not inputs_of(view), "submit is needed where there are inputs")
    checked: Json = view
    return checked


def inputs_of(view: Json) -> dict[str, Block]:
    """The input blocks by their block_id."""
    return {block["block_id"]: block for block in view["blocks"] if block["type"] == "input"}


def _need(holds: bool, message: str) -> None:
    if not holds:
        raise SlackError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {message}"]})


def _plain(value: Any, limit: int, name: str) -> None:
    _need(isinstance(value, dict) and value.get("type") == "plain_text", f"{name} must be plain_text")
    _need(0 < len(value.get("text", "")) <= limit, f"{name} must have 1 to {limit} characters")


def _input(block: Block, scopes: Collection[str]) -> None:
    _need(0 < len(block.get("block_id", "")) <= 255, "block_id has 1 to 255 characters")
    _plain(block.get("label"), 2000, "label")
    if "hint" in block:
        _plain(block["hint"], 2000, "hint")
    element = block.get("element") or {}
    rule = _ELEMENTS.get(str(element.get("type")))
    _need(rule is not None, f"unsupported element in an input: {element.get('type')}")
    assert rule is not None
    _need(0 < len(element.get("action_id", "")) <= 255, "action_id has 1 to 255 characters")
    if "placeholder" in element:
        _plain(element["placeholder"], 150, "placeholder")
    if element["type"] == "file_input":
        _need("files:read" in scopes, "file_input needs files:read")
    rule(element)


def _text_input(element: Block) -> None:
    most = element.get("max_length", 3000)
    _need(0 < most <= 3000, "max_length is 1 to 3000")
    _need(len(element.get("initial_value", "")) <= most, "initial_value is longer than max_length")


def _select(element: Block) -> None:
    options = _options(element, 100)
    if "initial_option" in element:
        _need(element["initial_option"] in options, "initial_option is none of the options")


def _external(element: Block) -> None:
    _need(isinstance(element.get("min_query_length", 3), int), "min_query_length is a number")
    if "initial_option" in element:
        check_option(element["initial_option"])


def _checkboxes(element: Block) -> None:
    options = _options(element, 10)
    chosen = element.get("initial_options")
    _need(chosen is None or (bool(chosen) and all(one in options for one in chosen)), "initial_options are no options")


def _files(element: Block) -> None:
    _need(1 <= element.get("max_files", 10) <= 10, "max_files is 1 to 10")


def _options(element: Block, limit: int) -> list[Block]:
    options = element.get("options")
    _need(isinstance(options, list) and 0 < len(options) <= limit, f"1 to {limit} options are needed")
    assert isinstance(options, list)
    for one in options:
        check_option(one)
    return options


def check_option(one: Any) -> None:
    """One entry of a list (docs.slack.dev/reference/block-kit/composition-objects/option-object)."""
    _need(isinstance(one, dict), "an option is an object")
    _plain(one.get("text"), 75, "an option's text")
    _need(0 < len(one.get("value", "")) <= 150, "an option's value has 1 to 150 characters")


_ELEMENTS: dict[str, Callable[[Block], None]] = {
    "checkboxes": _checkboxes,
    "external_select": _external,
    "file_input": _files,
    "plain_text_input": _text_input,
    "static_select": _select,
}
