"""Draws a recorded thread as SVG: `python -m benchmarks.thread_picture docs/thread.json docs/thread.svg`."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from markdown_it import MarkdownIt

WIDTH, LEFT, TOP = 720, 64, 34
LINE, GAP, PADDING = 19, 14, 8
# Characters to a line: the fonts are the reader's own, so there must be room for wide ones.
WORDS, CODE = 84, 72
COLOURS = {"Corral": "#b4532a", "Ada": "#0072b2", "Ben": "#009e73"}
KILLED = "here the process was killed (kill -9); started again, it went on in this message"


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    kind: str  # words, code, mark, or the end of all


_END = _Line("", "end")


def picture(recorded: dict[str, Any]) -> str:
    """The thread as an SVG document."""
    parts: list[str] = []
    y = TOP
    for entry in recorded["entries"]:
        begun = len(parts)
        parts.append(_head(entry["who"], y))
        y += LINE + 4
        block_from = None
        for line in [*_lines(entry["text"], entry["killed_at"]), _END]:
            if line.kind == "code" and block_from is None:
                block_from = y
                y += PADDING
            elif line.kind in {"words", "end"} and block_from is not None:
                parts.insert(begun, _box(block_from, y - LINE + PADDING))
                block_from = None
                y += PADDING
            if line.kind != "end":
                parts.append(_text(line, y))
                y += LINE
        y += GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" '
        f'role="img" aria-label="A thread">\n<style>text{{font:14px sans-serif;fill:#1d1c1d;white-space:pre}}'
        f".code{{font:13px monospace}}.mark{{font:italic 12px sans-serif;fill:#c0392b}}"
        f'.who{{font-weight:bold}}.face{{fill:#ffffff;font-weight:bold}}</style>\n<rect width="{WIDTH}" height="{y}" '
        f'rx="8" fill="#ffffff" stroke="#dddddd"/>\n{body}\n</svg>\n'
    )


def _head(who: str, y: int) -> str:
    return (
        f'<rect x="20" y="{y - 14}" width="32" height="32" rx="6" fill="{COLOURS[who]}"/>'
        f'<text class="face" x="36" y="{y + 7}" text-anchor="middle">{who[0]}</text>'
        f'<text class="who" x="{LEFT}" y="{y}">{escape(who)}</text>'
    )


def _box(top: int, bottom: int) -> str:
    return (
        f'<rect x="{LEFT}" y="{top - 14}" width="{WIDTH - LEFT - 24}" height="{bottom - top + 14}" rx="4" '
        f'fill="#f4f4f4" stroke="#dddddd"/>'
    )


def _text(line: _Line, y: int) -> str:
    at = LEFT + (10 if line.kind == "code" else 0)
    return f'<text class="{line.kind}" x="{at}" y="{y}">{escape(line.text)}</text>'


def _lines(text: str, killed_at: int | None) -> Iterator[_Line]:
    """The answer as lines of the picture; behind the line in which the process was killed, a mark."""
    source = text.splitlines()
    killed_in = text[:killed_at].count("\n") if killed_at is not None else -1
    in_code = {
        number
        for token in MarkdownIt().parse(text)
        if token.type == "fence" and token.map
        for number in range(*token.map)
    }
    for number, line in enumerate(source):
        is_fence = number in in_code and line.startswith("```")
        if not is_fence:
            kind, width = ("code", CODE) if number in in_code else ("words", WORDS)
            for part in textwrap.wrap(line, width, drop_whitespace=kind == "words", replace_whitespace=False) or [""]:
                yield _Line(part.replace("`", "") if kind == "words" else part, kind)
        if number == killed_in:
            yield _Line(f"✂ {KILLED}", "mark")


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(picture(json.loads(Path(sys.argv[1]).read_text())))
