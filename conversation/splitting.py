"""A long answer as messages that a platform takes, each with its code fences whole.

Where a message begins is decided once: while an answer grows, the messages that are full stay as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

MIN_LIMIT = 128  # below it a fence's own lines could fill a message

# Longer ones are no fences here, so that closing and reopening them has a bound.
_MAX_FENCE_RUN, _MAX_FENCE_LINE, _MAX_LANGUAGE = 16, 60, 24
_RUN = rf"(`{{3,{_MAX_FENCE_RUN}}}(?!`)|~{{3,{_MAX_FENCE_RUN}}}(?!~))([^\n]*)"
_FENCE = re.compile(rf"([ \t]*){_RUN}")
# A fence may begin a list's item.
_OPENER = re.compile(rf"([ \t]*(?:(?:[-*+]|\d{{1,9}}[.)])[ \t]+)*){_RUN}")
# A fence that stands more than so much farther to the right than the one that opened the block is code, as in a
# docstring (CommonMark 4.5, without what it says of tabs).
_CLOSES_WITHIN = 3

# Kept free in every message for closing a fence. Always, since room that came and went as fences open and close
# would move the beginnings of messages that are already sent.
_CLOSING_ROOM = 1 + _MAX_FENCE_RUN

# A nicer place is taken only where it leaves the message at least this full.
_LEAST_FULL = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """One message: what it shows, and where in the whole text that begins (characters, starts at 0)."""

    start: int
    text: str
    closer: str = ""  # the end of `text` that only closes a block which is still being written


@dataclass(frozen=True, slots=True)
class _Fence:
    """An open code block."""

    run: str
    language: str
    column: int = 0  # where its fence stands, starts at 0

    @property
    def opener(self) -> str:
        return f"{self.run}{self.language}\n"

    @property
    def closer(self) -> str:
        # In its own column: farther to the left it would end a list's item, and open a block of its own.
        return (
            f"{self.run:>{self.column + len(self.run)}}" if self.column + len(self.run) <= _MAX_FENCE_RUN else self.run
        )


def split(
    text: str, limit: int, begin: int = 0, breaks: Sequence[int] = (), *, in_bytes: bool = False
) -> tuple[Part, ...]:
    """`text` from `begin` on as messages of at most `limit` characters (or bytes of UTF-8), fence lines that were added
    included.

    Parts end at a blank line or before a code block where they can, else at a line's end, a space, or between two
    visible characters; and wherever `breaks` says. A fence that a part leaves open is closed in it and opened in the
    next, with its language. The same text with more behind it has the same starts and then perhaps more; only the last
    part changes. Nothing to show gives no part. Raises ValueError for a limit under 128.
    """
    if limit < MIN_LIMIT:
        raise ValueError(f"a message needs room for at least {MIN_LIMIT} characters, not {limit}")
    parts = []
    start, fence = begin, _fence_after(text[:begin], None, at_line_start=True)
    while start < len(text):
        stop = min((place for place in breaks if start < place < len(text)), default=len(text))
        room = limit - _CLOSING_ROOM - (len(fence.opener) if fence else 0)
        if in_bytes:
            room = len(text[start : start + room].encode()[:room].decode(errors="ignore"))
        fits = stop - start <= room
        is_last = fits and stop == len(text)
        at_line_start = start == 0 or text[start - 1] == "\n"
        end = stop if fits else start + _cut(text[start : start + room + 1], room, fence, at_line_start)
        body = text[start:end]
        # A line that is cut is none of a fence's own, though its beginning may look like one.
        lines = body if is_last else body[: body.rfind("\n") + 1]
        after = _fence_after(lines, fence, at_line_start=at_line_start)
        shown, closer = _shown(body, fence, after, at_line_start=at_line_start, is_last=is_last)
        if shown.strip():
            parts.append(Part(start, shown + closer, closer))
        start, fence = end, after
    return tuple(parts)


def long_blocks(text: str, limit: int, begin: int = 0) -> tuple[tuple[str, str], ...]:
    """The code blocks with more than `limit` characters of code, each as (language, code), whole; those that end
    behind `begin` (characters of the text). Without the indentation that a list gives them."""
    found: list[tuple[str, str]] = []
    fence: _Fence | None = None
    code, position = "", 0
    for line in [*re.findall(r"[^\n]*\n|[^\n]+", text), None]:
        after = _fence_step(fence, line.removesuffix("\n")) if line is not None else None
        position += len(line or "")
        if fence is None or after is None:
            if fence is not None and len(code) > limit and position > begin:
                found.append((fence.language, code))
            code = ""
        elif line is not None:
            code += line[min(fence.column, len(line) - len(line.lstrip(" "))) :]
        fence = after
    return tuple(found)


def _cut(window: str, room: int, fence: _Fence | None, at_line_start: bool) -> int:
    """How many of the window's characters the message takes. The window is one longer than `room`, and the decision
    sees nothing behind it."""
    least = int(room * _LEAST_FULL)
    block = line = position = 0  # the last good places: around a block of text or code, and at a line's end
    while True:
        line_end = window.find("\n", position) + 1
        text = window[position:line_end] if line_end else window[position:]
        before = fence
        if at_line_start:
            fence = _fence_step(fence, text)
        if before is None and fence is not None:
            block = position
        if not line_end or line_end > room:
            if fence != before and position:
                return block if block >= least else position  # never inside a fence's own line
            break
        position = line = line_end
        at_line_start = True
        if fence is None and (before is not None or not text.strip()):
            block = position
    for place in block, line:
        if place >= least:
            return place
    return window.rfind(" ", least, room) + 1 or _visible_boundary(window, room)


def _visible_boundary(window: str, at: int) -> int:
    """The last place up to `at` that parts no visible character: no accent, emoji sequence, flag or line end."""
    for place in range(at, max(at - 32, 0), -1):
        before, after = window[place - 1], window[place]
        joined = (
            unicodedata.combining(after)
            or unicodedata.category(after) in {"Mn", "Me", "Mc"}
            or "\u200d" in (before, after)
            or "\U0001f3fb" <= after <= "\U0001f3ff"  # skin tones
            or (_is_flag_half(after) and _flag_halves_before(window, place) % 2)
            or (before == "\r" and after == "\n")
            or "\udc00" <= after <= "\udfff"
        )
        if not joined:
            return place
    return at


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves_before(window: str, place: int) -> int:
    first = place
    while first and _is_flag_half(window[first - 1]):
        first -= 1
    return place - first


def _fence_after(text: str, fence: _Fence | None, *, at_line_start: bool) -> _Fence | None:
    """The fence that is open behind `text`, when `fence` was open in front of it."""
    for line in text.split("\n"):
        if at_line_start:
            fence = _fence_step(fence, line)
        at_line_start = True
    return fence


def _fence_step(fence: _Fence | None, line: str) -> _Fence | None:
    """The fence that is open behind a line, by CommonMark's rules but for the indentation: lists indent their code."""
    if len(line) > _MAX_FENCE_LINE or (match := (_OPENER if fence is None else _FENCE).match(line)) is None:
        return fence
    column, run, info = len(match[1].expandtabs(4)), match[2], match[3].strip()
    if fence is None:
        if run[0] == "`" and "`" in info:
            return None  # inline code that begins a line
        language = info.split()[0] if info else ""
        return _Fence(run, language if len(language) <= _MAX_LANGUAGE else "", column)
    is_near = column <= fence.column + _CLOSES_WITHIN
    closes = run[0] == fence.run[0] and len(run) >= len(fence.run) and not info and is_near
    return None if closes else fence


def _shown(
    body: str, fence: _Fence | None, after: _Fence | None, *, at_line_start: bool, is_last: bool
) -> tuple[str, str]:
    """What a message shows of `body`: fences made whole, no empty code block and no blank lines at its ends; and what
    closes the block that it leaves open."""
    if fence is not None:
        first, _, rest = body.partition("\n")
        # When the block ends at once, its last line of code stands in the message before.
        ends_at_once = at_line_start and _fence_step(fence, first) is None
        body = rest.lstrip("\n") if ends_at_once else fence.opener + _closed_at_margin(body, fence, at_line_start)
        at_line_start = True
    elif body.startswith("\n"):
        body, at_line_start = body.lstrip("\n"), True
    if after is not None and not is_last:
        head, _, _ = body.rstrip("\n").rpartition("\n")
        if _fence_after(head, None, at_line_start=at_line_start) is None:
            return head.rstrip(), ""  # the block only opens here: the next message has its code
    if after is not None:
        closer = after.closer if after is not fence else after.run
        return body, f"{'' if body.endswith(chr(10)) else chr(10)}{closer}"
    return (body if is_last else body.rstrip()), ""


def _closed_at_margin(body: str, fence: _Fence, at_line_start: bool) -> str:
    """The rest of a block that is opened again at the margin: the fence that closes it stands there too, or it would
    close nothing."""
    if fence.column <= _CLOSES_WITHIN:
        return body
    lines = body.split("\n")
    for index, line in enumerate(lines):
        if (index or at_line_start) and _fence_step(fence, line) is None:
            lines[index] = line.lstrip(" \t")
            break
    return "\n".join(lines)
