"""How an answer is shown: what stands around the words of the model. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from conversation.attached import fence_for
from conversation.prompts.infill import Hole

_WORD = r"[\w.+#-]{0,24}"  # a language, as it stands behind a fence
_TAG = re.compile(rf"[ \t]*({_WORD})[ \t]*\r?(?:\n|\Z)")
_OPENED_AGAIN = re.compile(rf"\s*```({_WORD})[ \t]*\r?\n")
# Of a code block that a model opens though it was to go on with code.
_OPENED_BELOW = re.compile(rf"```({_WORD})[ \t]*\r?(?:\n|\Z)")
_FENCE_BEGINS = re.compile(rf"`{{1,3}}{_WORD}[ \t]*\r?")
# Longer than what models write, so that a fence in the code that they write does not end the block around it. How long
# is decided before they say anything: what is shown only grows.
_LEAST_AROUND = 4
_CONTEXT_LINES = 3
_FIRST_LINE_BEGINS = re.compile(rf"\s*`{{0,3}}{_WORD}[ \t]*\r?")


@dataclass(frozen=True, slots=True)
class Shape:
    """`opening` and then what the model says. A growing answer only grows: its end alone adds something below."""

    opening: str = ""
    is_prose: bool = True  # models begin a text with a space that belongs to the template; in code it counts

    def shown(self, said: str, *, ended: bool) -> str:
        """What people see of an answer of which the model has said this much; "" before it has said anything."""
        body = said.lstrip() if self.is_prose else said
        return self.opening + body + (self.closing(said) if ended else "") if body else ""

    def closing(self, said: str) -> str:
        """What stands below an answer that has ended."""
        return ""

    @property
    def grows_inside(self) -> bool:
        """Whether an answer that goes on grows above what stands below it, so that its messages are written anew."""
        return False

    def within(self, most: int) -> Shape:
        """The same for a place where more than about `most` characters are too many, and files can be sent."""
        return self

    def files(self, said: str) -> tuple[tuple[str, str], ...]:
        """What belongs to the answer and is not all shown, as (language, code)."""
        return ()

    def end(self, said: str) -> int | None:
        """Where the answer is over though the model goes on (characters of `said`); None while it is not."""
        return None


@dataclass(frozen=True, slots=True)
class Snippet(Shape):
    """A code block first. The model goes on from its opening; one that opens it once more, or writes code where the
    block's language should stand, gets no second fence and loses no line."""

    @classmethod
    def of(cls, language: str) -> Snippet:
        """Without a language the model names one itself."""
        return cls(f"```{language}\n" if language else "```", is_prose=False)

    def shown(self, said: str, *, ended: bool) -> str:
        if not ended and self._is_open(said):
            return ""  # what it is shows at the line's end
        if again := _OPENED_AGAIN.match(said):
            opening = self.opening if self._has_language else f"{self.opening}{again[1]}\n"
            return opening + said[again.end() :]
        if self._has_language or not said:
            return Shape.shown(self, said, ended=ended)
        tag = _TAG.match(said)
        return f"{self.opening}{tag[1]}\n{said[tag.end() :]}" if tag else f"{self.opening}\n{said}"

    def _is_open(self, said: str) -> bool:
        may_open_again = said.lstrip()[:1] in {"", "`"}
        return (may_open_again or not self._has_language) and _FIRST_LINE_BEGINS.fullmatch(said) is not None

    @property
    def _has_language(self) -> bool:
        return self.opening.endswith("\n")


@dataclass(frozen=True, slots=True)
class CodeBlock(Shape):
    """Nothing but code."""

    fence: str = "`" * _LEAST_AROUND

    @classmethod
    def going_on(cls, code: str, language: str) -> CodeBlock:
        """A block for what comes after `code`. It begins with the line that this leaves open, or what is to be copied
        would begin within a line."""
        fence = fence_for(code, _LEAST_AROUND)
        return cls(f"{fence}{language}\n{code[code.rfind(chr(10)) + 1 :]}", is_prose=False, fence=fence)

    def shown(self, said: str, *, ended: bool) -> str:
        if not self._leaves_a_line_open:
            if not ended and _FENCE_BEGINS.fullmatch(said):
                return ""  # what it is shows at the line's end
            if opened := _OPENED_BELOW.match(said):
                said = said[opened.end() :]
        return Shape.shown(self, said if ended else _surely_within(said), ended=ended)

    def closing(self, said: str) -> str:
        return f"{'' if said.endswith(chr(10)) else chr(10)}{self.fence}"

    def end(self, said: str) -> int | None:
        opened = None if self._leaves_a_line_open else _OPENED_BELOW.match(said)
        # A fence without a language ends the code, as the model saw it; one with a language begins the code anew.
        return 0 if opened and not opened[1] and opened[0].endswith("\n") else _found(self.fence, said)

    @property
    def _leaves_a_line_open(self) -> bool:
        return not self.opening.endswith("\n")


@dataclass(frozen=True, slots=True)
class FilledCode(Shape):
    """The code with its hole filled, then which lines that are, and the change as a diff. Of code that is too long for
    its place only the lines `around` the hole are shown: they are the change already, and the whole is a file."""

    hole: Hole = field(default_factory=lambda: Hole("", ""))
    fence: str = "`" * _LEAST_AROUND
    language: str = ""
    around: Hole | None = None

    @classmethod
    def of(cls, hole: Hole, language: str, around: Hole | None = None) -> FilledCode:
        fence = fence_for(f"{hole.prefix}\n{hole.suffix}", _LEAST_AROUND)
        opening = f"{fence}{language}\n{(around or hole).prefix}"
        return cls(opening, is_prose=False, hole=hole, fence=fence, language=language, around=around)

    def within(self, most: int) -> Shape:
        hole = self.hole
        if len(hole.prefix) + len(hole.suffix) <= most:
            return self
        share = most // 4  # of each side: code may be one long line, and what is filled in needs room
        above = "\n".join(hole.prefix.split("\n")[-1 - _CONTEXT_LINES :])[-share:]
        below = "\n".join(hole.suffix.split("\n", _CONTEXT_LINES + 1)[: 1 + _CONTEXT_LINES])[:share]
        return FilledCode.of(hole, self.language, Hole(above, below))

    def files(self, said: str) -> tuple[tuple[str, str], ...]:
        whole = f"{self.hole.prefix}{said}{self.hole.suffix}"
        return ((self.language, whole),) if self.around is not None and said else ()

    def shown(self, said: str, *, ended: bool) -> str:
        return Shape.shown(self, said if ended else _surely_within(said), ended=ended)

    @property
    def grows_inside(self) -> bool:
        return True

    def end(self, said: str) -> int | None:
        return _found(self.fence, said)

    def closing(self, said: str) -> str:
        hole, shown = self.hole, self.around or self.hole
        first = hole.prefix.count("\n") + 1
        last = first + said.rstrip("\n").count("\n")
        lines = f"Line {first} is" if first == last else f"Lines {first} to {last} are"
        end = "" if (said + shown.suffix).endswith("\n") else "\n"
        block = f"{shown.suffix}{end}{self.fence}"
        if self.around is not None:
            return f"{block}\n\n{lines} what I filled in. The rest of the code is as it was."
        change = f"{self.fence}diff\n{self._diff(said)}\n{self.fence}"
        return f"{block}\n\n{lines} what I filled in:\n\n{change}"

    def _diff(self, said: str) -> str:
        """The change as a unified diff's one hunk. Made of where the hole stands and not by comparing: a general diff
        of long code with few different lines takes seconds, or calls all of it changed."""
        above = self.hole.prefix.split("\n")[-1 - _CONTEXT_LINES :]
        below = "\n".join(self.hole.suffix.split("\n", _CONTEXT_LINES + 2)[: _CONTEXT_LINES + 2])
        before, after = _lines("\n".join(above) + below), _lines("\n".join(above) + said + below)
        most = min(len(before), len(after))
        start = min(len(above) - 1, most)
        behind = 0
        while behind < most - start and before[-1 - behind] == after[-1 - behind]:
            behind += 1
        while start < most - behind and before[start] == after[start]:
            start += 1
        gone, come = before[start : len(before) - behind], after[start : len(after) - behind]
        if not gone and not come:
            return ""
        context = before[max(0, start - _CONTEXT_LINES) : start], after[start + len(come) :][:_CONTEXT_LINES]
        around = len(context[0]) + len(context[1])
        first = self.hole.prefix.count("\n") + 2 - len(above) + max(0, start - _CONTEXT_LINES)
        head = f"@@ -{_span(first, around + len(gone))} +{_span(first, around + len(come))} @@"
        marked = zip(" -+ ", (context[0], gone, come, context[1]), strict=True)
        return "\n".join((head, *(mark + line for mark, lines in marked for line in lines)))


def _span(first: int, length: int) -> str:
    """Lines in a hunk's head: from `first` on, `length` of them where that is not 1 (POSIX, diff -u)."""
    return f"{first}" if length == 1 else f"{first},{length}"


def _surely_within(said: str) -> str:
    """Without backticks that may become the fence that ends the block."""
    return said.rstrip("`")


def _found(fence: str, said: str) -> int | None:
    return at if (at := said.find(fence)) >= 0 else None


def _lines(code: str) -> list[str]:
    # Not splitlines: a form feed in code ends no line, and the numbers would be others than an editor's.
    return code.removesuffix("\n").split("\n")
