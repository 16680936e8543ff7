"""A text too long for its place, cut down to its head and its tail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MAX_COUNTS = 8  # counting may ask a server, and costs as much as the text is long

# How much of a head or tail may be given up to end it at a line's end.
_LINE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How much of a text is missing."""

    characters: int = 0
    lines: int = 0  # 0 where a part of a line is missing: lines would say nothing of that

    @classmethod
    def of(cls, omitted: str, *, whole_lines: bool) -> LeftOut:
        """The amount of `omitted`."""
        lines = omitted.count("\n") + (not omitted.endswith("\n"))
        return cls(len(omitted), lines if omitted and whole_lines else 0)

    def __bool__(self) -> bool:
        return self.characters > 0

    def __add__(self, other: LeftOut) -> LeftOut:
        if not (self and other):
            return self or other
        lines = self.lines + other.lines if self.lines and other.lines else 0
        return LeftOut(self.characters + other.characters, lines)

    def __str__(self) -> str:
        count, what = (self.lines, "line") if self.lines else (self.characters, "character")
        return f"{count:,} {what}{'s' * (count != 1)}"


@dataclass(frozen=True, slots=True)
class Clipped:
    """A text, and what is missing from it."""

    text: str
    left_out: LeftOut = field(default_factory=LeftOut)


async def clip(text: str, keep_tokens: int, count: Callable[[str], Awaitable[int]]) -> Clipped:
    """`text` within `keep_tokens`, with a line such as `[... 120 lines left out ...]` in the middle's place.

    `count` gives a text's tokens and is awaited at most eight times. Cuts stand at line ends where lines are short
    enough; within a line the marker counts characters. The result is never over, as long as the marker alone (fewer
    than 32 tokens) fits.
    """
    total = await count(text)
    if total <= keep_tokens:
        return Clipped(text)
    best = _kept(text, 0)
    fits, too_long = 0, len(text)  # characters kept
    guess = int(len(text) * keep_tokens / total * 0.97)
    for _ in range(MAX_COUNTS - 1):
        guess = min(max(guess, fits + 1), too_long - 1)
        if guess <= fits:
            break
        candidate = _kept(text, guess)
        tokens = await count(candidate.text)
        if tokens <= keep_tokens:
            best, fits = candidate, guess
            if tokens >= 0.95 * keep_tokens:
                break
        else:
            too_long = guess
        # The next guess goes by the tokens per character of this one. A dense part can mislead it, so it stays away
        # from the ends of what is still open, which makes it a bisection at worst.
        margin = (too_long - fits) // 8
        guess = min(max(int(guess * keep_tokens / tokens * 0.98), fits + margin), too_long - margin)
    return best


def _kept(text: str, characters: int) -> Clipped:
    head, tail = text[: characters - characters // 2], text[len(text) - characters // 2 :]
    line_end = head.rfind("\n") + 1
    if len(head) - line_end <= _LINE_SHARE * len(head):
        head = head[:line_end]
    line_start = tail.find("\n") + 1
    if 0 < line_start <= _LINE_SHARE * len(tail):
        tail = tail[line_start:]
    omitted = text[len(head) : len(text) - len(tail)]
    whole_lines = (not head or head.endswith("\n")) and (not tail or omitted.endswith("\n"))
    left_out = LeftOut.of(omitted, whole_lines=whole_lines)
    before = "" if not head or head.endswith("\n") else "\n"
    after = "\n" if tail else ""
    return Clipped(f"{head}{before}[... {left_out} left out ...]{after}{tail}", left_out)
