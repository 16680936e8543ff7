"""What a Content is in Discord: text with our small print below it, buttons, and a mark by which it is found again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from discord import AllowedMentions, ButtonStyle, ComponentType, MessageFlags

from adapters.discord.buttons import custom_id
from adapters.discord.formatting import to_discord
from conversation.model import Action, Offer, ThreadId
from conversation.ports import Content

MAX_CONTENT = 2_000  # characters
# The longest that Delivery puts together has about 440; a reason that a model's server gave may be longer.
MAX_NOTICE = 450
# What of the answer's own text always fits.
MAX_TEXT = MAX_CONTENT - MAX_NOTICE
MAX_IN_ROW = 5  # buttons
_SMALL = "-# "
_EMPTY = "…"  # Discord takes no message without text

_THUMBS = {Action.GOOD: "👍", Action.BAD: "👎"}
_NOBODY = AllowedMentions.none().to_dict()
_NO_PREVIEWS = MessageFlags(suppress_embeds=True).value


def body(content: Content, key: str, asked_in: ThreadId | None = None) -> dict[str, Any]:
    """The fields of a message, for a new one and for an edit alike. `key` is the segment's; `asked_in` as in
    `custom_id`."""
    return {
        "content": shown(content),
        "components": _rows(content.offers, key, asked_in),
        "attachments": [],  # an answer that is made anew may take the place of a file
        # Without these two a model's words would call people, and every link in them would be unfolded.
        "allowed_mentions": _NOBODY,
        "flags": _NO_PREVIEWS,
    }


def shown(content: Content) -> str:
    """The text of a message, at most MAX_CONTENT characters. A notice without any text is the text."""
    if not content.text.strip():
        return to_discord(content.notice[:MAX_CONTENT], MAX_CONTENT).strip() or _EMPTY
    small = _small_print(content.notice)
    text = to_discord(content.text.strip("\n").rstrip(), MAX_CONTENT - len(small))
    return f"{text if text.strip() else _EMPTY}{small}"


def nonce(key: str, revision: int) -> str:
    """What makes a repeated post the same message for some minutes; 25 characters at most. A restarted answer may post
    again what it deleted, so each revision of the question has its own."""
    return sha256(f"{key} {revision}".encode()).hexdigest()[:25]


def carries(message: Mapping[str, Any], key: str) -> bool:
    """Whether a message of ours shows this segment."""
    return any(one.endswith(f":{_mark(key)}") for one in _custom_ids(message.get("components") or ()))


def is_shown(message: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether a message shows what these fields say; Discord takes white space at a text's ends away."""
    is_same_text = str(message.get("content") or "").strip() == fields["content"].strip()
    buttons = set(_custom_ids(message.get("components") or ()))
    return is_same_text and buttons == set(_custom_ids(fields["components"]))


def _small_print(notice: str) -> str:
    """Below the text: every line of a notice with the sign for it."""
    lines = [line.strip() for line in notice.splitlines() if line.strip()]
    small = "".join(f"\n{_SMALL}{line}" for line in lines)
    return small if len(small) <= MAX_NOTICE else f"{small[: MAX_NOTICE - 1]}…"


def _rows(offers: Sequence[Offer], key: str, asked_in: ThreadId | None) -> list[dict[str, Any]]:
    words = [_button(offer, key, asked_in) for offer in offers if offer.action not in _THUMBS]
    thumbs = [_button(offer, key, asked_in) for offer in offers if offer.action in _THUMBS]
    # A row has room for five.
    rows = [words, thumbs] if len(offers) > MAX_IN_ROW else [words + thumbs]
    return [{"type": ComponentType.action_row.value, "components": row} for row in rows if row]


def _button(offer: Offer, key: str, asked_in: ThreadId | None) -> dict[str, Any]:
    button: dict[str, Any] = {
        "type": ComponentType.button.value,
        "style": ButtonStyle.secondary.value,
        "custom_id": f"{custom_id(offer, asked_in)}:{_mark(key)}",
    }
    if thumb := _THUMBS.get(offer.action):
        return {**button, "emoji": {"name": thumb}}
    return {**button, "label": offer.label}


def _mark(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:12]


def _custom_ids(components: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for component in components:
        if component.get("custom_id"):
            yield str(component["custom_id"])
        yield from _custom_ids(component.get("components") or ())
