"""A model's Markdown as Discord shows it. Pure.

Discord renders bold, italic, strikethrough, three sizes of headings, lists, quotes, inline code, code blocks with
highlighting, and links with a label (support.discord.com, "Markdown Text 101"). It does not render tables, images,
smaller headings and fences of tildes or of more than three backticks; and some of what it renders is no Markdown.

What is changed, and nothing else:
- A table becomes a code block with its columns aligned.
- A fence becomes three backticks with the language alone behind them; within its code no three of them stay together.
- Headings of the fourth size on become bold; `+` becomes `-` at the beginning of a list's item.
- Links and images show where they lead (`adapters.markdown.links`).
- Outside of code `@everyone`, `@here`, `<@id>` and `<@&id>` are broken by a zero-width space. They call nobody anyway:
  `allowed_mentions` sees to that.
- Outside of code `-# ` (small print, which is ours), `>>> ` (a quote up to the message's end; the model means Python's
  prompt) and `||` (a text to be uncovered; the model means "or") lose what they mean to Discord.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.discord.tables import aligned
from adapters.markdown.links import INVISIBLE, show_links

_PLAIN = MarkdownIt("commonmark", {"html": False, "maxNesting": 100})
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "maxNesting": 100}).enable("table")
# No table that fits a message has more cells of its own. The parser gives each row as many as the first one has, which
# can be sixty thousand, and takes seconds with them.
MAX_CELLS = 1000

# As Markdown counts them: str.splitlines knows more line ends.
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+.#-]+")
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)([^\n]+?)(?<!`)\1(?!`)")
_CALL = re.compile(r"@(?=everyone|here)|(?<=<)@(?=[!&]?\d)")
_SMALL_HEADING = re.compile(r"^#{4,6}[ \t]+([^\n]*?)[ \t]*#*$", re.MULTILINE)
_PLUS = re.compile(r"^([ \t]*)\+(?=[ \t])", re.MULTILINE)
_DISCORDS_OWN = re.compile(r"^([ \t]*)(?=-# |>>> )", re.MULTILINE)
_OR = re.compile(r"(?<!\\)\|\|")


class _Tables(Enum):
    """How tables are shown, the best way first."""

    ALIGNED = auto()
    AS_CODE = auto()
    AS_TEXT = auto()


def to_discord(markdown: str, room: int) -> str:
    """What to send for `markdown`, in at most `room` characters, which it must not exceed itself.

    Where the changes make it too long, the least necessary ones are left out: tables are no longer aligned, then are
    text; at last nothing is made longer, links are broken and not shown.
    """
    lines = _LINE.findall(markdown)
    tokens = _parsed(markdown, lines)
    for tables in _Tables:
        text = _changed(lines, tokens, tables)
        if len(text) <= room:
            return text
    return _CALL.sub("＠", markdown).replace("](", "] ")[:room]  # noqa: RUF001 (the wide @ takes no more room)


def _parsed(markdown: str, lines: list[str]) -> list[Token]:
    if not ("```" in markdown or "~~~" in markdown or "|" in markdown):
        return []
    return (_MARKDOWN if _most_cells(lines) <= MAX_CELLS else _PLAIN).parse(markdown)


def _most_cells(lines: list[str]) -> int:
    """How many cells the parser may make, at most: a table ends at a blank line at the latest."""
    cells = rows = columns = 0
    for line in [*lines, ""]:
        if line.strip(" \t\r\n"):
            rows, columns = rows + 1, max(columns, line.count("|") + 1)
        else:
            cells, rows, columns = cells + (rows * columns if columns > 1 else 0), 0, 0
    return cells


def _changed(lines: list[str], tokens: list[Token], tables: _Tables) -> str:
    shown, position = [], 0
    for index, token in enumerate(tokens):
        if token.map is None or token.map[0] < position or token.type not in {"fence", "table_open"}:
            continue
        begin, end = token.map
        source = "".join(lines[begin:end])
        block = _fence(source, token) if token.type == "fence" else _table(source, tokens[index:], tables)
        if block is not None:
            shown += [_text("".join(lines[position:begin])), block]
            position = end
    return "".join([*shown, _text("".join(lines[position:]))])


def _fence(source: str, token: Token) -> str | None:
    """The fence as Discord knows it; None where it stands in a quote."""
    opener, *code = _LINE.findall(source)
    before = opener.partition(token.markup)[0]
    if ">" in before:
        return None
    closer = ""
    if code and code[-1].strip().startswith(token.markup) and not code[-1].strip(f" \t\r\n{token.markup[0]}"):
        last = code.pop()
        closer = f"{last[: len(last) - len(last.lstrip())]}```{_line_end(last)}"
    language = _LANGUAGE.match(token.info.strip())
    kept = "".join(code).replace("```", f"``{INVISIBLE}`")
    return f"{before}```{language[0] if language else ''}{_line_end(opener)}{kept}{closer}"


def _table(source: str, tokens: list[Token], tables: _Tables) -> str | None:
    """The table as a code block; None where it stands in a quote, or stays text."""
    before = source[: len(source) - len(source.lstrip())]
    if tables is _Tables.AS_TEXT or source.lstrip().startswith(">"):
        return None
    inner = aligned(tokens) if tables is _Tables.ALIGNED else source.strip("\r\n")
    inner = inner.replace("```", f"``{INVISIBLE}`")
    return f"{before}```\n{inner}\n```{_line_end(source)}"


def _line_end(text: str) -> str:
    return text[len(text.rstrip("\r\n")) :]


def _text(text: str) -> str:
    """What stands outside of code blocks and tables."""
    if not text.strip():
        return text
    text = show_links(text, final=True)
    pieces, position = [], 0
    for code in _INLINE_CODE.finditer(text):
        pieces += [_harmless(text[position : code.start()]), code[0]]
        position = code.end()
    pieces.append(_harmless(text[position:]))
    text = _SMALL_HEADING.sub(_bold, "".join(pieces))
    return _DISCORDS_OWN.sub(rf"\1{INVISIBLE}", _PLUS.sub(r"\1-", text))


def _harmless(text: str) -> str:
    return _OR.sub(r"\\|\\|", _CALL.sub(f"@{INVISIBLE}", text))


def _bold(heading: re.Match[str]) -> str:
    return heading[1] if "**" in heading[1] or not heading[1] else f"**{heading[1]}**"
