"""The fields of a modal, and what was entered in them. Pure.

Formats and limits: docs.slack.dev/reference/block-kit/blocks/input-block (labels and hints 2,000 characters) and its
elements' pages (a text 3,000); docs.slack.dev/reference/views/modal-views (titles 24, private_metadata 3,000). What was
entered stands in the submission's `view.state.values` as {block_id: {action_id: element}}.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from adapters.slack.payloads import Json, part, string
from conversation.model import Language

TEXT_LIMIT = 3_000
_OPTION_LIMIT = 75
# Every field is a block of its own, so its one element needs no name of its own.
VALUE = "value"

Block = dict[str, Any]


def modal(
    callback_id: str, title: str, blocks: Sequence[Block], *, submit: str = "", close: str = "Cancel", data: str = ""
) -> Block:
    """A view; `data` comes back with what is submitted."""
    view: Block = {"type": "modal", "callback_id": callback_id, "title": plain(title), "close": plain(close)}
    if submit:
        view["submit"] = plain(submit)
    return view | {"blocks": list(blocks), "private_metadata": data}


def text_field(
    name: str,
    label: str,
    value: str = "",
    *,
    multiline: bool = False,
    hint: str = "",
    example: str = "",
    most: int = TEXT_LIMIT,
) -> Block:
    """A field that may stay empty, and takes `most` characters. ValueError for a `value` that does not fit into it."""
    if len(value) > most:
        raise ValueError(f"a field takes at most {most:,} characters, not {len(value):,}")
    element: Block = {"type": "plain_text_input", "multiline": multiline, "max_length": most}
    if value:
        element["initial_value"] = value
    if example:
        element["placeholder"] = plain(example[:150])
    return _field(name, label, element, hint)


def choice(name: str, label: str, options: Iterable[tuple[str, str]], chosen: str) -> Block:
    """One of several; an option is (value, text), and `chosen` a value."""
    shown = [option(value, text) for value, text in options]
    initial = next(one for one in shown if one["value"] == chosen)
    element = {"type": "static_select", "options": shown, "initial_option": initial}
    return _field(name, label, element) | {"optional": False}


def language_field(name: str, label: str, language: Language | None) -> Block:
    """A language, suggested by us while it is typed: Slack takes 100 options at most, and there are hundreds."""
    element: Block = {"type": "external_select", "min_query_length": 0, "placeholder": plain("Any")}
    if language is not None:
        element["initial_option"] = language_option(language)
    return _field(name, label, element)


def tick(name: str, label: str, text: str, *, is_ticked: bool = False) -> Block:
    """One box."""
    options = [option("yes", text)]
    element = {"type": "checkboxes", "options": options, **({"initial_options": options} if is_ticked else {})}
    return _field(name, label, element)


def files_field(name: str, label: str, most: int) -> Block:
    """Files of the person's own; needs the scope files:read."""
    return _field(name, label, {"type": "file_input", "max_files": most})


def words(text: str) -> Block:
    """A sentence between the fields."""
    return {"type": "section", "text": {"type": "plain_text", "text": text[:TEXT_LIMIT], "emoji": False}}


def heading(text: str) -> Block:
    """What the fields below it are about."""
    return {"type": "header", "text": plain(text[:150])}


def language_option(language: Language) -> Block:
    """A language in a list."""
    return option(language.tag, language.name)


def option(value: str, text: str) -> Block:
    """One entry of a list; a long text is cut."""
    return {"text": plain(text if len(text) <= _OPTION_LIMIT else f"{text[: _OPTION_LIMIT - 1]}…"), "value": value}


def plain(text: str) -> Block:
    """A text object without markup."""
    return {"type": "plain_text", "text": text, "emoji": False}


def typed(values: Json, name: str) -> str:
    """What stands in a text field; "" for nothing."""
    return string(_entered(values, name), "value")


def chosen(values: Json, name: str) -> str:
    """The value of what was chosen in a list; "" for nothing."""
    return string(part(_entered(values, name), "selected_option"), "value")


def is_ticked(values: Json, name: str) -> bool:
    """Whether the box is ticked."""
    return bool(_entered(values, name).get("selected_options"))


def attached(values: Json, name: str) -> Sequence[object]:
    """The files of a field, as Slack describes them."""
    files = _entered(values, name).get("files")
    return files if isinstance(files, list) else ()


def _entered(values: Json, name: str) -> Json:
    return part(part(values, name), VALUE)


def _field(name: str, label: str, element: Block, hint: str = "") -> Block:
    block = {"type": "input", "block_id": name, "label": plain(label), "optional": True}
    return block | {"element": element | {"action_id": VALUE}} | ({"hint": plain(hint)} if hint else {})
