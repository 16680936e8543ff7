"""Skills that a message calls up with its first word: "fix this", "review: ...". Pure.

Most of their names begin ordinary sentences too ("explain how a heap works"). Those are questions in words: a skill is
only meant where there is code for it, or where the words point to what stands above.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adapters.languages import language_meant
from adapters.wishes import parsed_wish
from conversation.model import Skill
from conversation.skills import SKILLS, CodeFile, Request, Wish, ask_for

_NAMED = re.compile(rf"\s*({'|'.join(SKILLS)})\b(:?)[ \t]*(\r?\n)?", re.IGNORECASE)
# "fix this", "review the function above": what is meant stands above.
_POINTS = re.compile(
    r"\s*(?:please\b|above\b|it\b|this\b|that\b|these\b|those\b|"
    r"the (?:above|class|code|file|function|method|query|script|snippet|test)\b|\W*\Z)",
    re.IGNORECASE,
)
# "explain why f() is slow" asks about code, and is none.
_ASKS = re.compile(
    r"\s*(?:how|why|what|when|where|which|who|whether|if|the difference|to me|me how|me why|me what)\b", re.IGNORECASE
)
# "code a parser" is an order, "code review" is none.
_ORDERS = re.compile(r"\s*(?:a|an|the|me|some)\b", re.IGNORECASE)


def question_of(text: str, files: Sequence[CodeFile] = (), *, above: bool = False) -> Request:
    """What a message asks that is said to us: of the skill that its first word names, or in words with its files below.
    `above`: what it points to may stand before it. Raises PromptError: `user_notice` says what is missing."""
    named = _NAMED.match(text)
    if named is not None:
        skill, rest = Skill(named[1].lower()), text[named.end() :]
        wish = parsed_wish(skill, rest, files)
        if _is_meant(wish, rest, is_set_off=bool(named[2]), has_files=bool(files), above=above):
            return ask_for(wish, above=above)
    return ask_for(Wish(Skill.ASK, text, files=tuple(files)))


def points_above(text: str) -> bool:
    """Whether a message is nothing but a skill's name that needs code: it means what stands above."""
    named = _NAMED.match(text)
    return named is not None and SKILLS[Skill(named[1].lower())].needs_code and not text[named.end() :].strip(" .:!")


def _is_meant(wish: Wish, rest: str, *, is_set_off: bool, has_files: bool, above: bool) -> bool:
    if wish.skill is Skill.CODE:
        return bool(wish.words) and (is_set_off or language_meant(rest)[1] != rest or _ORDERS.match(rest) is not None)
    if has_files or "```" in rest:
        return True
    if wish.files:
        return is_set_off or _ASKS.match(rest) is None
    return above and (is_set_off or _POINTS.match(rest) is not None)
