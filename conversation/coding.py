"""What a skill asks that works on the code itself, within the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from conversation.asking import Asking, Continuation, Dialog, Infilling
from conversation.clipping import LeftOut
from conversation.errors import PromptTooLong
from conversation.model import Message, Role, Skill, Turn
from conversation.ports import Prompt
from conversation.prompts.format import PromptFormat
from conversation.prompts.infill import Hole, split_hole
from conversation.skills import hole_of, shape_of

MAX_TRIES = 8
# What comes before a hole says more of what belongs into it than what comes after.
_BEFORE_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes to the model, and what became of what did not fit."""

    asking: Asking
    prompt: Prompt  # before anything was said
    texts: tuple[str, ...]  # what to store for each question turn
    cut: int = 0  # to be stored with the thread
    earlier_dropped: bool = False  # of the thread, now: the person is to be told
    left_out: LeftOut = field(default_factory=LeftOut)  # of the question
    said_tokens: int = 0  # of an answer that is gone on with: they stand behind `prompt`


async def ask_code(turn: Turn, format: PromptFormat, budget_tokens: int, *, in_words: bool = False) -> Asked:  # noqa: A002
    """The turn's code as its skill asks for it, cut to at most `budget_tokens` at its far end: at a line's end, or
    within a line that is longer than what fits. A model that was not trained for it is asked `in_words`, about all of
    the code. Raises PromptTooLong when it does not fit even so, and ModelError."""
    if turn.skill is Skill.FILL:
        hole_of(turn.code)  # an edit may have taken it away
    if in_words:
        opening = shape_of(Skill.CODE, turn.language, "").opening
        lead = opening if turn.language else f"{opening}\n"
        asking: Asking = Dialog(format, (Message(Role.USER, turn.text),), lead, until=("\n```",))
        return await _checked(Asked(asking, await asking.prompt(), (turn.text,)), budget_tokens)
    asks = _completion if turn.skill is Skill.COMPLETE else _infilling
    keep = len(turn.code)
    for _ in range(MAX_TRIES):
        asking, left_out = asks(turn.code, keep, format)
        asked = Asked(asking, await asking.prompt(), (turn.text,), left_out=left_out)
        if asked.prompt.tokens <= budget_tokens:
            return asked
        keep = int(keep * budget_tokens / asked.prompt.tokens * 0.95)
    return await _checked(asked, budget_tokens)


async def _checked(asked: Asked, budget_tokens: int) -> Asked:
    if asked.prompt.tokens > budget_tokens:
        raise PromptTooLong(f"{asked.prompt.tokens} tokens of code in a window of {budget_tokens}")
    return asked


Asks = Callable[[str, int, PromptFormat], tuple[Asking, LeftOut]]


def _completion(code: str, keep: int, format: PromptFormat) -> tuple[Asking, LeftOut]:  # noqa: A002
    """The end of the code, about `keep` characters of it, and what before that is left out."""
    tail = _tail(code, keep)
    return Continuation(format, tail, until=("\n```",)), _before(code, tail)


def _infilling(code: str, keep: int, format: PromptFormat) -> tuple[Asking, LeftOut]:  # noqa: A002
    """What stands next to the hole, and what farther away is left out."""
    hole = split_hole(code)
    before = max(int(keep * _BEFORE_SHARE), keep - len(hole.suffix))
    prefix = _tail(hole.prefix, before)
    suffix = _head(hole.suffix, keep - min(before, len(hole.prefix)))
    left_out = _before(hole.prefix, prefix) + _behind(hole.suffix, suffix)
    return Infilling(format, Hole(prefix, suffix)), left_out


def _before(text: str, tail: str) -> LeftOut:
    omitted = text[: len(text) - len(tail)]
    return LeftOut.of(omitted, whole_lines=omitted.endswith("\n"))


def _behind(text: str, head: str) -> LeftOut:
    return LeftOut.of(text[len(head) :], whole_lines=not head or head.endswith("\n"))


def _tail(text: str, keep: int) -> str:
    if len(text) <= keep:
        return text
    start = text.find("\n", len(text) - keep) + 1
    return text[start:] if start else text[len(text) - keep :]


def _head(text: str, keep: int) -> str:
    if len(text) <= keep:
        return text
    end = text.rfind("\n", 0, max(keep, 0)) + 1
    return text[: end or max(keep, 0)]
