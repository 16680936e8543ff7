"""Forms, where people type code of many lines. What one is about stands in its custom_id, so that any process
understands it when it is sent back.

Source: discord.com/developers/docs/components/reference (Label, Text Input) and
.../interactions/receiving-and-responding. Discord takes one as the first response to a command only, and not to another
form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import discord

from adapters.discord.payloads import Json, part, parts, string
from adapters.discord.wishing import Given
from adapters.languages import language_named
from conversation.model import Skill
from conversation.prompts.infill import HOLE
from conversation.skills import SKILLS, is_in_words

MOST_TYPED = 4000  # characters of an input
_CODE, _WORDS = "code", "words"
_PRIVATE, _PUBLIC = "p", "a"
_ID = re.compile(rf"corral-form:(?P<skill>{'|'.join(SKILLS)}):(?P<who>[{_PRIVATE}{_PUBLIC}]):(?P<language>.*)")

_PASTE = "Up to 4,000 characters; longer code as the command's `file`."
_MARK = f"Mark the place to fill with {HOLE}. "
_TITLES = {Skill.FILL: "Fill the marked place in code"}  # where the skill's own line is longer than the 45 of a title
_LABELS = {
    Skill.EXPLAIN: "What do you want to know?",
    Skill.REVIEW: "What is to be looked at?",
    Skill.FIX: "What is wrong with it?",
    Skill.TEST: "What is to be tested, and with what?",
}


@dataclass(frozen=True, slots=True)
class Filled:
    """A form that somebody sent."""

    given: Given
    private: bool


def form(given: Given, *, private: bool) -> discord.ui.Modal:
    """A form for what the skill needs, filled in with what was given, at most MOST_TYPED characters of each. To be made
    while the loop runs."""
    skill = given.skill
    tag = given.language.tag if given.language is not None else ""
    made = discord.ui.Modal(
        title=_TITLES.get(skill) or SKILLS[skill].summary,
        custom_id=f"corral-form:{skill}:{_PRIVATE if private else _PUBLIC}:{tag}",
    )
    if skill is Skill.CODE:
        made.add_item(_input(_WORDS, "What is it to do?", given.typed, required=True))
    elif is_in_words(skill):
        made.add_item(_input(_CODE, "Code", given.code, _PASTE, required=True))
        made.add_item(_input(_WORDS, _LABELS[skill], given.typed, required=False))
    else:
        hint = f"{_MARK}{_PASTE}" if skill is Skill.FILL else _PASTE
        made.add_item(_input(_CODE, "Code", given.code or given.typed, hint, required=True))
    made.stop()  # or discord.py would keep it, and hear of it here only, and be deaf to it after a restart
    return made


def filled(data: Mapping[str, Any] | None) -> Filled | None:
    """What was typed into one of our forms; None for what is none. `data` is the interaction's."""
    body = part(data) if data is not None else {}
    named = _ID.fullmatch(string(body, "custom_id"))
    if named is None:
        return None
    typed = {string(one, "custom_id"): string(one, "value") for one in _inputs(parts(body, "components"))}
    given = Given(Skill(named["skill"]), typed.get(_WORDS, ""), language_named(named["language"]), typed.get(_CODE, ""))
    return Filled(given, private=named["who"] == _PRIVATE)


def _input(name: str, label: str, value: str, hint: str = "", *, required: bool) -> discord.ui.Label[Any]:
    field: discord.ui.TextInput[Any] = discord.ui.TextInput(
        custom_id=name,
        style=discord.TextStyle.paragraph,
        default=value or None,
        required=required,
        max_length=MOST_TYPED,
    )
    return discord.ui.Label(text=label, description=hint or None, component=field)


def _inputs(components: list[Json]) -> Iterator[Json]:
    for one in components:
        yield one
        yield from _inputs(parts(one, "components"))
        if inner := part(one, "component"):
            yield from _inputs([inner])
