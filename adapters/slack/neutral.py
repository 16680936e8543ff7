"""Slack's own words in angle brackets, made harmless in what we send.

Slack reads `<!channel>`, `<@U1>` or `<https://x|label>` inside a markdown block too, and they ping or hide an address
there; nobody says whether it does so inside code, so code gets no exception. A zero-width space after the `<` makes
plain characters of them. Sources: docs.slack.dev/messaging/formatting-message-text (the words); PostHog/posthog#95054
(tried in a workspace: read in markdown blocks, while `&lt;!here&gt;` is shown and never read again).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from adapters.markdown.links import INVISIBLE

# Beyond it a `<https://...` counts as one that hides an address: a stream cannot wait longer for its `|`.
_LONGEST_ADDRESS = 100


def _any_case(word: str) -> list[str]:
    return [f"[{letter}{letter.upper()}]" for letter in word]


# Each is written in atoms, so that what may still become one of these words can be derived from it. A backslash can
# stand wherever Markdown would take it away.
_NAME_END = ["[A-Z0-9]", "[A-Z0-9]{0,20}", r"\\?", r"[|>]"]
_WORDS = [
    *([r"\\?", "!", *_any_case(word)] for word in ("channel", "here", "everyone", "group")),
    *([r"\\?", "!", *_any_case(word), r"\\?", r"\^"] for word in ("subteam", "date")),
    [r"\\?", "@", "[UW]", *_NAME_END],
    [r"\\?", "#", "[CDG]", *_NAME_END],
    # An address ends with `|` and a label that hides it, or is too long to wait for that.
    *(
        [*_any_case(scheme), r"\\?", ":", f"[^<>|\n]{{0,{_LONGEST_ADDRESS}}}+", r"[^<>\n]"]
        for scheme in ("http", "https", "mailto", "tel", "slack")
    ),
]


def _beginning(atoms: Iterable[str]) -> str:
    """A pattern for everything that the atoms' match can begin with."""
    pattern = ""
    for atom in reversed(list(atoms)):
        pattern = f"(?:{atom}{pattern})?"
    return pattern


_WORD = re.compile(f"<(?={'|'.join(''.join(word) for word in _WORDS)})")
_BEGUN = re.compile(f"<(?:{'|'.join(_beginning(word) for word in _WORDS)})\\Z")
LONGEST_BEGINNING = _LONGEST_ADDRESS + len(r"<mailto\:")  # characters that `neutral` may hold back


def neutral(text: str, *, final: bool = True) -> str:
    """`text` without words that Slack would act on. Everything else that holds a `<` stays as it is: `a < b`,
    `List<String>`, `<!DOCTYPE html>`, `<https://example.com>`. Doing it again changes nothing.

    With `final=False` more text may follow: what could still become such a word is left out, at most
    LONGEST_BEGINNING characters.
    """
    if not final:
        position = text.find("<", max(0, len(text) - LONGEST_BEGINNING))
        while position >= 0 and (_BEGUN.match(text, position) is None or _WORD.match(text, position)):
            position = text.find("<", position + 1)
        text = text[:position] if position >= 0 else text
    return _WORD.sub(f"<{INVISIBLE}", text)
