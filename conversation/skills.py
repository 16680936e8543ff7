"""What can be done with code: of each skill how it is asked in words, how the model chooses, how its answer is shown.

Adapters offer them by SKILLS; `ask_for` makes a question of what a person gave. The manager asks with `asking_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from conversation import notices
from conversation.attached import with_file
from conversation.errors import InvalidDialog, PromptError
from conversation.model import InboundMessage, Language, Skill, Turn
from conversation.ports import Sampling
from conversation.prompts.infill import HOLE, Hole, split_hole
from conversation.shape import CodeBlock, FilledCode, Shape, Snippet

__all__ = [
    "SKILLS",
    "CodeFile",
    "Language",
    "Request",
    "SkillCard",
    "Wish",
    "as_said",
    "ask_for",
    "card_of",
    "is_in_words",
    "one_skill",
    "shape_of",
]


@dataclass(frozen=True, slots=True)
class CodeFile:
    """Code that somebody pasted (without a name) or attached."""

    text: str
    name: str = ""
    language: Language | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person gave a skill."""

    skill: Skill
    words: str = ""
    language: Language | None = None
    files: tuple[CodeFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """A wish as a message carries it."""

    text: str
    skill: Skill
    language: str = ""
    code: str = ""
    file_name: str = ""  # of the one file that came with it

    def into(self, message: InboundMessage) -> InboundMessage:
        """The message that asks this; whatever else it says stays."""
        return replace(
            message,
            text=self.text,
            skill=self.skill,
            language=self.language,
            code=self.code,
            file_name=self.file_name,
        )


@dataclass(frozen=True, slots=True)
class SkillCard:
    """One skill. `summary` is at most 100 characters, Discord's limit for a command's description."""

    skill: Skill
    summary: str
    example: str  # behind the skill's name
    instruction: str  # the first line of the question in words; {language} is "" or " in Python"
    needs_code: bool = True
    needs_words: bool = False
    temperature: float | None = None  # None: as the service is set
    top_p: float | None = None
    most_tokens: int | None = None  # of one reply

    def sampling(self, usual: Sampling) -> Sampling:
        """How the model chooses."""
        return replace(
            usual,
            temperature=usual.temperature if self.temperature is None else self.temperature,
            top_p=usual.top_p if self.top_p is None else self.top_p,
            max_new_tokens=min(usual.max_new_tokens, self.most_tokens or usual.max_new_tokens),
        )


_SHORT = "Keep what you say beside the code short."

# Temperatures of completion and infilling are those of Meta's examples (codellama, example_completion.py and
# example_infilling.py). Nothing tells a completion where to end, so it goes on in portions.
_CARDS = (
    SkillCard(
        Skill.CODE,
        "Write a code snippet",
        "python read a CSV file and sum the second column",
        f"Write a code snippet{{language}} in one code block, then explain it in at most two sentences. {_SHORT}",
        needs_code=False,
        needs_words=True,
    ),
    SkillCard(
        Skill.COMPLETE,
        "Continue code that ends too early",
        "def fibonacci(n):",
        "Continue this code{language}:",
        temperature=0.2,
        top_p=0.9,
        most_tokens=256,
    ),
    SkillCard(
        Skill.FILL,
        f"Fill the place that is marked {HOLE} in code",
        f"def area(r):\\n    {HOLE}\\n    return a",
        "Fill the gap between the two parts of this code{language}:",
        temperature=0.0,
        top_p=0.9,
        most_tokens=512,
    ),
    SkillCard(
        Skill.EXPLAIN,
        "Explain code",
        "sorted(d, key=d.get)[-3:]",
        "Explain what this code{language} does, and what in it is not obvious.",
    ),
    SkillCard(
        Skill.REVIEW,
        "Review code for bugs and risks",
        "eval(input())",
        "Review this code{language}. Name its bugs and risks, the worst first, each with its line and a better way.",
    ),
    SkillCard(
        Skill.FIX,
        "Correct code",
        "for i in range(len(x)): x.pop(i)",
        f"Correct this code{{language}}. Give all of it in one code block, then say what was wrong. {_SHORT}",
    ),
    SkillCard(
        Skill.TEST,
        "Write tests for code",
        "def is_leap(year): return year % 4 == 0",
        f"Write tests for this code{{language}} in one code block, then say what they cover. {_SHORT}",
    ),
)
SKILLS = {card.skill: card for card in _CARDS}
_IN_WORDS = SkillCard(Skill.ASK, "Ask a coding question", "why is this list None?", "", needs_code=False)

# Their answers begin with a code block.
_CODE_FIRST = frozenset({Skill.CODE, Skill.FIX, Skill.TEST})


def card_of(skill: Skill) -> SkillCard:
    """The skill's card; plain questions have one too."""
    return SKILLS.get(skill, _IN_WORDS)


def is_in_words(skill: Skill) -> bool:
    """Whether the model is asked in a dialog. The others work on the code itself."""
    return skill not in {Skill.COMPLETE, Skill.FILL}


def ask_for(wish: Wish, *, above: bool = False, edited: bool = False) -> Request:
    """The question that a wish makes; with `above` the code may stand in messages before it. A
    question that was `edited` may have lost its hole: that is told where it is answered. Raises PromptError, whose
    `user_notice` tells the person what is missing."""
    card = card_of(wish.skill)
    files = tuple(file for file in wish.files if file.text.strip())
    if card.needs_code and not files and not (above and is_in_words(wish.skill)):
        raise PromptError("no code", user_notice=notices.give_code(wish.skill))
    if card.needs_words and not wish.words.strip():
        raise PromptError("no words", user_notice=notices.say_what(wish.skill))
    language = wish.language or (files[0].language if len(files) == 1 else None)
    tag = language.tag if language else ""
    name = files[0].name if len(files) == 1 else ""
    if is_in_words(wish.skill) or not files:
        return Request(_in_words(card, wish.words, language, files), wish.skill, tag, file_name=name)
    if len(files) > 1:
        raise PromptError("several files", user_notice=notices.one_piece_of_code(wish.skill))
    code = files[0].text
    if wish.skill is Skill.COMPLETE:
        return Request(_in_words(card, wish.words, language, files), wish.skill, tag, code, name)
    if edited and not _is_marked(code):
        return Request(_in_words(card, "", language, files), wish.skill, tag, code, name)
    hole = hole_of(code)
    parts = (CodeFile(hole.prefix, "Before", language), CodeFile(hole.suffix, "After", language))
    return Request(_in_words(card, "", language, parts), wish.skill, tag, code, name)


def shape_of(skill: Skill, language: str, code: str) -> Shape:
    """How the answer is shown."""
    if code and skill is Skill.COMPLETE:
        return CodeBlock.going_on(code, language)
    if code and skill is Skill.FILL and _is_marked(code):
        return FilledCode.of(split_hole(code), language)
    if skill in _CODE_FIRST:
        # The answer begins so whatever the model would rather say first: small ones talk when they are asked for code.
        return Snippet.of(language)
    return Shape()


def one_skill(turns: Sequence[Turn]) -> Turn | None:
    """The turn whose skill a question is about. Of several messages that came together none is alone."""
    return turns[0] if len(turns) == 1 and turns[0].skill is not Skill.ASK else None


def as_said(skill: Skill, text: str) -> str:
    """A question's text as its person gave it, without the instruction that its skill puts before that."""
    _, _, given = text.partition("\n\n")
    return f"{skill}: {given}" if skill in SKILLS and given else text


def _in_words(card: SkillCard, words: str, language: Language | None, files: Sequence[CodeFile]) -> str:
    text = card.instruction.format(language=f" in {language.name}" if language and not files else "")
    text = f"{text}\n\n{words.strip()}" if text and words.strip() else text or words.strip()
    for file in files:
        tag = file.language.tag if file.language else language.tag if language else ""
        text = with_file(text, file.name, file.text, tag)
    return text.strip()


def _is_marked(code: str) -> bool:
    return code.count(HOLE) == 1


def hole_of(code: str) -> Hole:
    """The code around its mark. Raises PromptError, which tells the person to set it."""
    try:
        return split_hole(code)
    except InvalidDialog as exc:
        raise PromptError(str(exc), user_notice=notices.mark_the_hole(HOLE)) from None
