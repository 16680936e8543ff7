"""One answer's text, notice and buttons as Slack's blocks."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block as SdkBlock

from adapters.slack.blocks import FALLBACK_LIMIT, MARKDOWN_LIMIT, NOTICE_LIMIT, Button, blocks, escape, fallback
from adapters.slack.formatting import to_slack


def test_text_alone_is_one_markdown_block() -> None:
    """Made safe on the way."""
    assert blocks("Hi <!here>, `x`") == [{"type": "markdown", "text": "Hi <\u200b!here>, `x`"}]


def test_an_answer_with_everything() -> None:
    """In the order that people read: text, notice, buttons, thumbs."""
    stop, retry = Button("stop", "Stop", "job-1"), Button("retry", "Retry", "job-1")
    assert blocks("Done.", "It was <cut> off & *more*.", [stop, retry], ("rate", "job-1:good", "job-1:bad")) == [
        {"type": "markdown", "text": "Done."},
        {
            "type": "context",
            "elements": [{"type": "mrkdwn", "text": "It was &lt;cut&gt; off &amp; *more*.", "verbatim": True}],
        },
        {
            "type": "actions",
            "elements": [
                {
                    "type": "button",
                    "action_id": "stop",
                    "text": {"type": "plain_text", "text": "Stop", "emoji": True},
                    "value": "job-1",
                },
                {
                    "type": "button",
                    "action_id": "retry",
                    "text": {"type": "plain_text", "text": "Retry", "emoji": True},
                    "value": "job-1",
                },
            ],
        },
        {
            "type": "context_actions",
            "elements": [
                {
                    "type": "feedback_buttons",
                    "action_id": "rate",
                    "positive_button": {
                        "text": {"type": "plain_text", "text": "👍", "emoji": True},
                        "accessibility_label": "This answer was good",
                        "value": "job-1:good",
                    },
                    "negative_button": {
                        "text": {"type": "plain_text", "text": "👎", "emoji": True},
                        "accessibility_label": "This answer was bad",
                        "value": "job-1:bad",
                    },
                }
            ],
        },
    ]


def test_nothing_to_show_makes_no_empty_block() -> None:
    """Slack refuses blocks without text."""
    assert blocks("") == []
    assert [block["type"] for block in blocks(" \n", "A notice.")] == ["context"]


def test_slacks_own_models_accept_the_blocks() -> None:
    """Their validators know the types, the fields and the limits."""
    buttons = [Button(f"a{number}", "x" * 100, "v" * 2000) for number in range(60)]
    shown = blocks("long " * 5000, "notice " * 1000, buttons, ("rate", "+" * 2000, "-" * 2000))
    parsed = SdkBlock.parse_all(shown)
    assert len(parsed) == len(shown) == 6
    assert [block.to_dict()["type"] for block in parsed] == [block["type"] for block in shown]
    assert [len(block["elements"]) for block in shown[2:5]] == [25, 25, 10]


@settings(deadline=None)
@given(
    st.integers(11_000, 13_000), st.sampled_from(["word ", "[a](https://x.example) ", "<!here>", "```\ncode\n```\n"])
)
def test_no_text_is_longer_than_slack_takes(length: int, piece: str) -> None:
    """After it was made safe; what is too long ends with a mark, its code block closed."""
    text = (piece * length)[:length]
    (block,) = blocks(text)
    assert len(block["text"]) <= MARKDOWN_LIMIT
    assert block["text"].count("```") % 2 == 0 or text.count("```") % 2
    if len(to_slack(text)) > MARKDOWN_LIMIT:
        assert block["text"].endswith("\n…")
    else:
        assert block["text"] == to_slack(text)


@given(st.text(st.sampled_from("&<>!@#|Uhere1 \n*`"), max_size=4000))
def test_notices_and_notifications_hold_nothing_that_slack_would_read(text: str) -> None:
    """Every bracket and ampersand is escaped, whole, and the limits hold."""
    for words, limit in ((escape(text, NOTICE_LIMIT), NOTICE_LIMIT), (fallback(text), FALLBACK_LIMIT)):
        assert len(words) <= limit
        assert "<" not in words
        assert ">" not in words
        assert re.search(r"&(?!(?:amp|lt|gt);)", words) is None


def test_a_long_notification_is_cut_with_a_mark() -> None:
    """Never inside an entity."""
    assert fallback("short <!here>") == "short &lt;!here&gt;"
    for shift in range(6):
        words = fallback("x" * shift + "&" * 4000)
        assert re.fullmatch(r"x*(?:&amp;)+…", words)
        assert FALLBACK_LIMIT - 6 < len(words) <= FALLBACK_LIMIT


@pytest.mark.parametrize(
    "arguments",
    [
        ("", "Stop", "v"),
        ("a" * 256, "Stop", "v"),
        ("stop", "Stop", "v" * 2001),
        ("stop", "", "v"),
    ],
)
def test_a_button_that_slack_would_refuse_is_refused_here(arguments: tuple[str, str, str]) -> None:
    """A refused message would not be shown at all."""
    with pytest.raises(ValueError, match=r"button|action id"):
        Button(*arguments)


@pytest.mark.parametrize("feedback", [("", "a", "b"), ("rate", "a" * 2001, "b"), ("rate", "a", "b" * 2001)])
def test_thumbs_that_slack_would_refuse_are_refused_here(feedback: tuple[str, str, str]) -> None:
    """As for buttons."""
    with pytest.raises(ValueError, match=r"button|action id"):
        blocks("x", feedback=feedback)
