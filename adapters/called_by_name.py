"""Skills that a message calls up with its first word: "fix this", "review: ...". Pure.

Most of their names begin ordinary sentences too ("explain how a heap works"). Those are questions in words: a skill is
only meant where there is code for it, or where the words point to what stands elsewhere.

All that is matched here begins at one place and can be read in one way only: nobody has checked yet how long it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.languages import language_meant
from adapters.wishes import parsed_wish, points, reads_like_code, reads_like_question
from conversation.model import Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS, CodeFile, Wish, is_in_words

_NAMED = re.compile(rf"({'|'.join(SKILLS)})\b(:?)[ \t]*(\r?\n)?", re.IGNORECASE)
# "code a parser" is an order, "code review" is none.
_ORDERS = re.compile(r"(?:a|an|the|me|some)\b", re.IGNORECASE)

_FILLS_IN = re.compile(r"(?:in|me|us)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Named:
    """A text that begins with a skill's name, and what stands behind that. `is_set_off`: with a colon between."""

    skill: Skill
    rest: str
    is_set_off: bool

    @property
    def is_bare(self) -> bool:
        """Nothing is said but the name."""
        return not self.rest.strip(" .:!\t\r\n")


def named(text: str) -> Named | None:
    """The skill that a text begins with; None when it begins otherwise."""
    found = _NAMED.match(text.lstrip())
    return Named(Skill(found[1].lower()), found.string[found.end() :], bool(found[2])) if found is not None else None


def wish_of(text: str, files: Sequence[CodeFile] = (), *, above: bool = False) -> Wish:
    """What a message asks that is said to us: of the skill that its first word names, or in words with its files below.
    `above`: what it points to may stand elsewhere; such a wish has no files."""
    called = named(text)
    if called is not None:
        if is_in_words(called.skill) or _has_code(called, files):
            wish = parsed_wish(called.skill, called.rest, files)
        else:
            # For these two all that is typed would be code.
            wish = Wish(called.skill, called.rest.strip())
        if _is_meant(called, wish, files, above=above):
            return wish
    return Wish(Skill.ASK, text, files=tuple(files))


def points_above(text: str) -> bool:
    """Whether a message is nothing but a skill's name that needs code: it means what stands above."""
    called = named(text)
    return called is not None and SKILLS[called.skill].needs_code and called.is_bare


def _has_code(called: Named, files: Sequence[CodeFile]) -> bool:
    """Whether a skill that works on code alone is given some."""
    rest = called.rest.lstrip()
    is_fenced_or_code = "```" in rest or reads_like_code(rest)
    if called.skill is Skill.COMPLETE:
        return bool(files) or is_fenced_or_code
    # "fill me in on f(x)" is no wish for a mark that was forgotten.
    is_marked = HOLE in rest or any(HOLE in file.text for file in files)
    return is_marked or (_FILLS_IN.match(rest) is None and (is_fenced_or_code or (bool(files) and points(rest))))


def _is_meant(called: Named, wish: Wish, files: Sequence[CodeFile], *, above: bool) -> bool:
    rest = called.rest.lstrip()
    if called.skill is Skill.CODE:
        is_order = language_meant(called.rest)[1] != called.rest or _ORDERS.match(rest) is not None
        return bool(wish.words) and (called.is_set_off or is_order)
    if is_in_words(called.skill) and (files or "```" in rest):
        return True
    if wish.files:
        return called.is_set_off or not reads_like_question(rest)
    return above and (called.is_set_off or points(rest))
