"""What a person is told who asks for help, with examples to press."""

from __future__ import annotations

from collections.abc import Callable

from conversation import notices
from conversation.model import Action, Language, Offer, Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS, CodeFile, Request, Wish, ask_for

_PYTHON = Language("Python", "python")
_PRESSED = (Skill.CODE, Skill.EXPLAIN, Skill.FIX, Skill.TEST)


def help_text(called: Callable[[Skill], str] = str) -> str:
    """What can be done here; `called` is how a platform's people call a skill up, "/fix" say."""
    skills = ", ".join(f"`{called(skill)}`{f' (at `{HOLE}`)' * (skill is Skill.FILL)}" for skill in SKILLS)
    return f"{notices.HOW_TO_ASK} For code: {skills}.\n{notices.WORDS_OF_THREADS}\n{notices.WHAT_I_AM}"


def examples() -> tuple[Offer, ...]:
    """What can be pressed below it."""
    return tuple(Offer(Action.TRY, f"{skill}: {SKILLS[skill].example}", skill) for skill in _PRESSED)


def example(target: str) -> Request | None:
    """What pressing one asks; None for one that there is no more."""
    if target not in _PRESSED:
        return None
    shown = SKILLS[Skill(target)].example
    if target == Skill.CODE:
        words = shown.removeprefix(f"{_PYTHON.tag} ")
        return ask_for(Wish(Skill.CODE, words, _PYTHON))
    return ask_for(Wish(Skill(target), language=_PYTHON, files=(CodeFile(shown, "", _PYTHON),)))


HELP = help_text()
