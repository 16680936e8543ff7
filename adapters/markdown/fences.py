"""Which lines of a Markdown text are fenced code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt

# Only the blocks; without HTML, which chats show as text.
_BLOCKS = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).disable("reference")
_BLOCKS.core.ruler.enableOnly(["normalize", "block"])

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|\Z)")


def lines(text: str) -> Iterator[tuple[int, int, bool]]:
    """Each line's beginning, its end behind its line end, and whether it is fenced code. The line that opens a fence is
    none, the line that closes it is."""
    code = _fenced(text)
    for number, line in enumerate(_LINE.finditer(text)):
        if line[0]:
            yield *line.span(), number in code


def _fenced(text: str) -> set[int]:
    if "```" not in text and "~~~" not in text:
        return set()
    fences = (token.map for token in _BLOCKS.parse(text) if token.type == "fence" and token.map)
    return {number for begin, end in fences for number in range(begin + 1, end)}
