"""Links and images that show where they lead.

Links are sought everywhere but in fenced code and code spans. A span protects a link only when it is surely code for
every reader of Markdown: closed on its line, within 200 characters, over no `|` (in a table it would end there) and no
`]:`, with no lone backtick before it in its paragraph, nor a `<` that begins a tag or address around it.

Every decision looks at most 200 characters ahead, for the sake of streams: what is not decided by then is broken apart,
so that it is no link for anybody.
"""

from __future__ import annotations

import re

from markdown_it.common.normalize_url import normalizeLink
from markdown_it.common.utils import unescapeAll
from markdown_it.helpers import parseLinkDestination, parseLinkTitle

from adapters.markdown.addresses import leads_to, names
from adapters.markdown.fences import lines

INVISIBLE = "\u200b"  # zero-width space

# How far a decision looks ahead, in characters. A stream cannot show what is undecided.
_SPAN = _LINK = _IMAGE = 200
_DEPTH = 8  # brackets in an image's label; without a bound `![![![...` takes seconds

_LINE_BEGINNING = re.compile(r"(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*")  # what may stand before a definition
_CANDIDATE = re.compile(r"\][(:]|!\[")
_SPECIAL = re.compile(r"[\\`\]\[!]")
_BACKTICKS = re.compile("`+")
_TAG = re.compile(r"<[A-Za-z/!?][^<>\r\n]*")
_NO_SPAN = re.compile(rf"(?<!\\)\||\]{INVISIBLE}?:")
_LABEL_PARTS = re.compile(r"\\.|`+|[\[\]]")
_SPACE = re.compile(r"[ \t]*")
_ADDRESS = re.compile(r"[ \t\r\n>]*<?([^\s\]]*)")
# Several lines may be several paragraphs, and then what looks like a link's title can hold a link of its own.
_NO_TARGET = re.compile(r"[\r\n]|\][(:]")


def show_links(text: str, *, final: bool) -> str:
    """`text` with links and images made honest. With `final=False` more text may follow, and it ends before what is
    undecided."""
    if _CANDIDATE.search(text):
        return _Links(text, final=final).shown()
    # Most answers: their blocks need not be parsed.
    return text if final or not text.endswith(("]", "!")) else text[:-1]


class _Undecided(Exception):
    """What to show from here on depends on text that is not there yet."""


class _Links:
    """One pass over a text, line by line, that makes links and images show where they lead."""

    def __init__(self, text: str, *, final: bool) -> None:
        self._text, self._final = text, final
        self._out: list[str] = []
        self._opening: int | None = None  # the last `[` in this paragraph, when no bracket stands behind it
        self._is_stray = False  # a backtick before in this paragraph closes or opens nobody knows which code
        self._may_be_code = False  # a code span was begun before, and its end may still come

    def shown(self) -> str:
        position = 0
        try:
            for start, end, is_code in lines(self._text):
                if is_code or not self._text[start:end].strip(" \t\r\n>"):
                    self._opening = None
                    self._is_stray = False
                if end > position:
                    position = max(start, position)
                    position = self._keep(position, end) if is_code else self._line(position, end)
        except _Undecided:
            pass
        return "".join(self._out)

    def _keep(self, start: int, end: int) -> int:
        self._out.append(self._text[start:end])
        return end

    def _line(self, position: int, end: int) -> int:
        is_whole = self._final or self._text[end - 1] in "\r\n"
        self._may_be_code = False
        while special := _SPECIAL.search(self._text, position, end):
            position = self._keep(position, special.start())
            match special[0]:
                case "\\":
                    position = self._keep(position, min(position + 2, end))
                case "`":
                    position = self._backticks(position, end, is_whole=is_whole)
                case "[":
                    self._opening = position
                    position = self._keep(position, position + 1)
                case "!":
                    position = self._exclamation(position, end, is_whole=is_whole)
                case _:
                    position = self._closing_bracket(position)
        return self._keep(position, end) if position < end else position

    # --- code spans -----------------------------------------------------------------------------------------------

    def _backticks(self, position: int, end: int, *, is_whole: bool) -> int:
        """Keeps a span of code, or else only the backticks that would begin one."""
        after = self._run_end(position)
        if self._is_stray or self._may_be_code:
            return self._keep(position, after)
        closing = self._closing_run(position, end, is_whole=is_whole)
        if closing is None:
            self._may_be_code = True
        elif closing and not _NO_SPAN.search(self._text, after, closing) and not self._is_in_tag(position):
            return self._keep(position, closing)
        else:
            self._is_stray = True
        return self._keep(position, after)

    def _is_in_tag(self, position: int) -> bool:
        """Whether a backtick here may belong to an address in angle brackets."""
        return _TAG.fullmatch(self._text, max(self._text.rfind("<", 0, position), 0), position) is not None

    def _run_end(self, position: int) -> int:
        run = _BACKTICKS.match(self._text, position)
        return run.end() if run else position

    def _closing_run(self, position: int, end: int, *, is_whole: bool) -> int | None:
        """Where the code span ends that begins at `position`; 0 for nowhere on this line, None for not known yet."""
        after = self._run_end(position)
        if after == end and not is_whole:
            return None
        for run in _BACKTICKS.finditer(self._text, after, end):
            if run.start() > position + _SPAN:
                return 0
            if run.end() == end and not is_whole:
                return None  # it may grow
            if len(run[0]) == after - position:
                return run.end()
        return 0 if is_whole or end > position + _SPAN else None

    # --- links ----------------------------------------------------------------------------------------------------

    def _closing_bracket(self, position: int) -> int:
        opening, self._opening = self._opening, None
        follower = self._text[position + 1 : position + 2]
        if not follower and not self._final:
            raise _Undecided
        if follower == "(":
            return self._link(position)
        if follower == ":" and opening is not None and self._begins_line(opening):
            self._rewrite(f"]{INVISIBLE}")  # no definition
            return position + 1
        return self._keep(position, position + 1)

    def _link(self, position: int) -> int:
        """Writes `](...)`, where it leads before it."""
        limit = position + 2 + _LINK
        found = self._target(position + 2, limit)
        if found is None:
            if not self._final and len(self._text) < limit:
                raise _Undecided
            begun = _ADDRESS.match(self._text, position + 2, limit)
            if begun and ("![" in begun[1] or leads_to(unescapeAll(begun[1]))):
                self._rewrite(f"]{INVISIBLE}")  # no link for those who are less strict either
                return position + 1
            return self._keep(position, position + 1)
        destination, end = found
        where = leads_to(destination)
        # What stands behind the last bracket is surely the label's, wherever others think that the label begins.
        label = self._text[max(self._text.rfind(bracket, 0, position) for bracket in "[]") + 1 : position]
        if where and not label.endswith(f"({where})") and not names(label, where):
            self._rewrite(where if self._text.endswith("[", 0, position) else f" ({where})")
        return self._keep(position, end)

    def _target(self, position: int, limit: int) -> tuple[str, int] | None:
        """The address between a link's round brackets, and where the link ends; None for no whole link up to there."""
        text = self._text
        begin = self._skip(_SPACE, position)
        barrier = _NO_TARGET.search(text, begin, limit)
        limit = barrier.start() if barrier else min(limit, len(text))
        destination, address = parseLinkDestination(text, begin, limit), ""
        end = begin
        if destination.ok:
            end, address = self._skip(_SPACE, destination.pos), destination.str
            title = parseLinkTitle(text, end, limit)
            if title.ok and end > destination.pos:
                end = self._skip(_SPACE, title.pos)
        return (address, end + 1) if end < limit and text[end] == ")" else None

    def _skip(self, pattern: re.Pattern[str], position: int) -> int:
        found = pattern.match(self._text, position)
        return found.end() if found else position

    def _begins_line(self, position: int) -> bool:
        start = max(self._text.rfind(line_end, 0, position) for line_end in "\r\n") + 1
        return _LINE_BEGINNING.fullmatch(self._text, start, position) is not None

    def _rewrite(self, text: str) -> None:
        if self._may_be_code:
            raise _Undecided
        self._out.append(text)

    # --- images ---------------------------------------------------------------------------------------------------

    def _exclamation(self, position: int, end: int, *, is_whole: bool) -> int:
        """Writes an image as text, or an exclamation mark that makes no image."""
        follower = self._text[position + 1 : position + 2]
        if follower != "[":
            if not follower and not self._final:
                raise _Undecided
            return self._keep(position, position + 1)
        limit = position + _IMAGE
        closing = self._label_end(position + 2, min(end, limit))
        if closing is None:
            is_decided = is_whole or end >= limit
            found = None
        else:
            follower = self._text[closing + 1 : closing + 2]
            if follower != "(" and (follower or self._final):
                return self._keep(position, position + 1)
            is_decided = self._final or len(self._text) >= limit
            found = self._target(closing + 2, limit)
            if found and "`" in self._text[closing : found[1]]:
                # Dropped with the title or escaped in the address, it would no longer part what is code.
                found, is_decided = None, True
        if closing is None or found is None:
            if not is_decided:
                raise _Undecided
            self._rewrite(f"!{INVISIBLE}")  # a link at most
            return position + 1
        destination, image_end = found
        shown = self._as_text(self._text[position + 2 : closing], normalizeLink(destination))
        if self._text[max(position - 1, 0)].isalnum():  # the label would join a word
            self._rewrite(f" {shown}")
        else:
            self._rewrite(shown if shown[0].isalpha() else INVISIBLE + shown)
        return image_end

    @staticmethod
    def _as_text(label: str, address: str) -> str:
        """An image's label and address. They must not become Markdown together with what stands around them:
        `[docs]![(https://evil.example)]()` hides a link."""
        inner = _Links(label, final=True)
        inner._line(0, len(label))
        words = "".join(inner._out)
        return f"{words} ({address})" if words.strip() and address else f"{words or address}{INVISIBLE}"

    def _label_end(self, position: int, limit: int) -> int | None:
        """Where the `]` stands that closes a label, code spans left out."""
        depth = 0
        while part := _LABEL_PARTS.search(self._text, position, limit):
            position = part.end()
            if part[0][0] == "`":
                closing = self._closing_run(part.start(), limit, is_whole=True)
                if not closing:
                    return None
                position = closing
            elif part[0] == "[":
                depth += 1
                if depth > _DEPTH:
                    return None
            elif part[0] == "]":
                if not depth:
                    return part.start()
                depth -= 1
        return None
