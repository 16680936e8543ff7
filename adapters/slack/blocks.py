"""One answer's text, notice and buttons as Slack's blocks.

Formats and limits: docs.slack.dev/reference/block-kit, pages blocks/markdown-block (12,000 characters in all markdown
blocks of a payload together), context-block, actions-block (25 elements), context-actions-block (5) and
block-elements/button-element, feedback-buttons-element (labels 75 characters, values 2,000, action ids 255). A feedback
button sends its value in `actions[0].value`, with the one action id of the pair.

The same list serves chat.postMessage, chat.update and chat.stopStream. The last takes `channel`, `ts`, a last piece of
`markdown_text` or `chunks`, `blocks` (50 at most, shown below all that was streamed: give it no text), `metadata`
(`event_type`, `event_payload`) and `session_status`; chat.startStream takes neither blocks nor metadata.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.formatting import to_slack
from conversation.splitting import split

MARKDOWN_LIMIT = 12_000
NOTICE_LIMIT = 3_000
FALLBACK_LIMIT = 3_000  # chat.update refuses more than 4,000
_ELEMENTS_LIMIT, _LABEL_LIMIT, _VALUE_LIMIT, _ACTION_ID_LIMIT = 25, 75, 2_000, 255

_CUT = "…"
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

Block = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Button:
    """A button below an answer. Raises ValueError for what Slack would refuse; a long label is cut."""

    action_id: str
    label: str
    value: str

    def __post_init__(self) -> None:
        _check(self.action_id, self.value)
        if not self.label:
            raise ValueError("a button needs a label")


def blocks(
    text: str, notice: str = "", buttons: Sequence[Button] = (), feedback: tuple[str, str, str] | None = None
) -> list[Block]:
    """The model's Markdown, below it our `notice` (plain text), the buttons, and thumbs up and down.

    `text` is made safe here (`to_slack`). What exceeds 12,000 characters then is cut with a mark: leave links room to
    grow, 11,000 is enough for nearly all texts. `feedback` is (action id, value for good, value for bad). Raises
    ValueError where Slack would refuse a button.
    """
    shown: list[Block] = []
    if text.strip():
        shown.append({"type": "markdown", "text": _within(to_slack(text), MARKDOWN_LIMIT)})
    if notice.strip():
        words = escape(notice, NOTICE_LIMIT)
        shown.append({"type": "context", "elements": [{"type": "mrkdwn", "text": words, "verbatim": True}]})
    for first in range(0, len(buttons), _ELEMENTS_LIMIT):
        row = buttons[first : first + _ELEMENTS_LIMIT]
        shown.append({"type": "actions", "elements": [_button(button) for button in row]})
    if feedback is not None:
        shown.append({"type": "context_actions", "elements": [_feedback(*feedback)]})
    return shown


def fallback(text: str) -> str:
    """What notifications and screen readers show of `text`: at most 3,000 characters, all of it plain text to Slack."""
    return escape(text.strip(), FALLBACK_LIMIT)


def escape(text: str, limit: int) -> str:
    """`text` for a mrkdwn field, where nothing of it can ping or link; cut with a mark to `limit` characters."""
    escaped = text.translate(_ESCAPES)
    if len(escaped) <= limit:
        return escaped
    return re.sub(r"&\w{0,3}\Z", "", escaped[: limit - len(_CUT)]) + _CUT


def _within(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    return f"{split(text, limit - len(_CUT) - 1)[0].text}\n{_CUT}"


def _button(button: Button) -> Block:
    return {
        "type": "button",
        "action_id": button.action_id,
        "text": _plain_text(button.label),
        "value": button.value,
    }


def _feedback(action_id: str, good: str, bad: str) -> Block:
    _check(action_id, good)
    _check(action_id, bad)
    return {
        "type": "feedback_buttons",
        "action_id": action_id,
        "positive_button": {
            "text": _plain_text("👍"),
            "accessibility_label": "This answer was good",
            "value": good,
        },
        "negative_button": {
            "text": _plain_text("👎"),
            "accessibility_label": "This answer was bad",
            "value": bad,
        },
    }


def _plain_text(label: str) -> Block:
    cut = label if len(label) <= _LABEL_LIMIT else label[: _LABEL_LIMIT - len(_CUT)] + _CUT
    return {"type": "plain_text", "text": cut, "emoji": True}


def _check(action_id: str, value: str) -> None:
    if not 0 < len(action_id) <= _ACTION_ID_LIMIT:
        raise ValueError(f"an action id has 1 to {_ACTION_ID_LIMIT} characters, not {len(action_id)}")
    if len(value) > _VALUE_LIMIT:
        raise ValueError(f"a button's value has at most {_VALUE_LIMIT:,} characters, not {len(value):,}")
