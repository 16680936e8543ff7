"""What a person is told who asks for help, with examples to press."""

from __future__ import annotations

from collections.abc import Callable

from conversation import notices
from conversation.model import Action, Language, Offer, Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS, CodeFile, Request, SkillCard, Wish, ask_for

_PYTHON = Language("Python", "python")
_PRESSED = (Skill.CODE, Skill.EXPLAIN, Skill.FIX, Skill.TEST)


# What `help` is about where nobody else is.
DIRECT = "direct"


def help_text(called: Callable[[Skill], str] = str, *, commands: str = "", direct: bool = False) -> str:
    """What can be done here, in Markdown; `called` is how a platform's people call a skill up, "/fix" say, and
    `commands` what else its commands do. `direct`: in direct messages, where nobody is mentioned."""
    how = notices.HOW_TO_ASK_DIRECTLY if direct else notices.HOW_TO_ASK
    skills = "\n".join(f"- `{called(skill)}`: {_summary(card)}" for skill, card in SKILLS.items())
    words = notices.WORDS_DIRECTLY if direct else notices.WORDS_OF_THREADS
    parts = (how, commands, f"For code, begin with:\n{skills}", notices.ABOUT_FILES, words, notices.WHAT_I_AM)
    return "\n\n".join(filter(None, parts))


def _summary(card: SkillCard) -> str:
    return card.summary.replace(HOLE, f"`{HOLE}`").lower().replace(HOLE.lower(), HOLE)


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


HELP, HELP_DIRECTLY = help_text(), help_text(direct=True)
