"""Forms, which any process understands."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Any

import pytest

from adapters.discord.forms import MOST_TYPED, filled, form
from adapters.discord.wishing import Given
from adapters.languages import languages_like
from conversation.model import Language, Skill
from conversation.skills import SKILLS
from tests.servers.discord import modals

PYTHON = Language("Python", "python")


def sent(shown: dict[str, Any], **values: str) -> dict[str, Any]:
    """What Discord delivers when it is filled in so."""
    return {"custom_id": shown["custom_id"], "components": modals.filled(shown, values)}


@pytest.mark.parametrize("skill", list(SKILLS))
@pytest.mark.parametrize("private", [True, False])
async def test_what_a_form_is_about_comes_back(skill: Skill, private: bool) -> None:
    """Skill, language and who sees the answer; Discord takes the form."""
    shown = form(Given(skill, "", PYTHON), private=private).to_dict()
    modals.check(shown)
    values = {field["custom_id"]: f"my {field['custom_id']}\n\tx" for field in modals.fields(shown)}
    back = filled(sent(shown, **values))
    assert back is not None
    assert (back.given.skill, back.given.language, back.private) == (skill, PYTHON, private)
    assert (back.given.typed, back.given.code) == (values.get("words", ""), values.get("code", ""))


async def test_every_language_has_room() -> None:
    """In the hundred characters of an id, and is the same when it comes back."""
    known = {language for letter in ascii_lowercase for language in languages_like(letter, 10_000)}
    for language in known:
        shown = form(Given(Skill.COMPLETE, "", language), private=True).to_dict()
        modals.check(shown)
        back = filled(sent(shown, code="x"))
        assert back is not None
        assert back.given.language == language


async def test_what_was_typed_is_there_already() -> None:
    """As words, for skills that work on the code itself as code; whoever typed more than fits is told so instead."""
    assert [field.get("value") for field in modals.fields(form(Given(Skill.FIX, "why?"), private=False).to_dict())] == [
        None,
        "why?",
    ]
    (code,) = modals.fields(form(Given(Skill.FILL, "x = 1"), private=False).to_dict())
    assert code["value"] == "x = 1"
    modals.check(form(Given(Skill.CODE, "x" * MOST_TYPED), private=False).to_dict())


@pytest.mark.parametrize(
    "data",
    [None, {}, {"custom_id": "corral-form:dance:p:"}, {"custom_id": "corral-form:fix:x:"}, {"custom_id": "other"}],
)
def test_others_forms_are_left_alone(data: dict[str, Any] | None) -> None:
    """Of an older version, say."""
    assert filled(data) is None
