"""A Markdown table as plain text in columns. Pure."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

from markdown_it.token import Token


def aligned(tokens: list[Token]) -> str:
    """The table that `tokens` begin with, its columns padded to one width."""
    rows, right = _cells(tokens)
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(map(_padded, row, widths, right)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    return "\n".join(lines)


def _cells(tokens: list[Token]) -> tuple[list[list[str]], list[bool]]:
    """The rows, the heading first, and which columns end at their right."""
    rows: list[list[str]] = []
    right: list[bool] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            right.append("right" in str(token.attrs.get("style", "")))
        elif token.type == "inline":
            rows[-1].append(_plain(token))
    return rows, right


def _plain(cell: Token) -> str:
    """A cell's words: in a code block its Markdown would be shown as it is."""
    words: list[str] = []
    leads_to: list[str] = []
    for token in cell.children or []:
        if token.type == "link_open":
            leads_to.append(str(token.attrs.get("href", "")))
        elif token.type == "link_close":
            address = leads_to.pop()
            words.append(f" ({address})" if address and "".join(words) != address else "")
        elif token.type == "image":
            words.append(f"{token.content} ({token.attrs.get('src', '')})")
        else:
            words.append(token.content or (" " if token.type in {"softbreak", "hardbreak"} else ""))
    return "".join(words).strip()


def _padded(cell: str, width: int, right: bool) -> str:
    room = " " * (width - _width(cell))
    return f"{room}{cell}" if right else f"{cell}{room}"


def _width(text: str) -> int:
    """Columns that a text takes in a font of one width."""
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)
