"""What people want done, as a message carries it and as others read it."""

from __future__ import annotations

import pytest

from adapters.discord.events import File
from adapters.discord.wishing import Given
from conversation import notices
from conversation.errors import PromptError
from conversation.model import Language, Skill

PYTHON = Language("Python", "python")
CODE = "for i in x:\n\tx.pop(i)\r\n"


@pytest.mark.parametrize("skill", [Skill.EXPLAIN, Skill.REVIEW, Skill.FIX, Skill.TEST])
def test_a_form_has_words_and_code_apart(skill: Skill) -> None:
    """The words may look like code, and the code like words."""
    given = Given(skill, "why x.pop(i)?", PYTHON, "read the file\nthen stop")
    question = given.question()
    assert question.skill is skill
    assert question.language == "python"
    assert question.text.endswith("\n\nwhy x.pop(i)?\n\n```python\nread the file\nthen stop\n```")


@pytest.mark.parametrize("skill", [Skill.COMPLETE, Skill.FILL])
@pytest.mark.parametrize("pasted", ["{}", "```python\n{}\n```"])
def test_pasted_code_stays_as_it_is(skill: Skill, pasted: str) -> None:
    """Tabs and line ends; only a fence around all of it goes."""
    code = "def f():\r\n\treturn <FILL_ME>" if skill is Skill.FILL else "def f():\r\n\treturn "
    assert Given(skill, code=pasted.format(code)).question().code == code


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Given(Skill.CODE), notices.say_what(Skill.CODE)),
        (Given(Skill.FIX, "it crashes"), notices.give_code(Skill.FIX)),
        (Given(Skill.COMPLETE), notices.give_code(Skill.COMPLETE)),
        (Given(Skill.FILL, code="x = 1"), notices.mark_the_hole("<FILL_ME>")),
    ],
)
def test_what_is_missing_is_told(given: Given, why: str) -> None:
    """In a sentence."""
    with pytest.raises(PromptError) as error:
        given.question()
    assert error.value.user_notice == why


@pytest.mark.parametrize(
    ("given", "files", "shown", "title"),
    [
        (Given(Skill.ASK, "why?"), (), "why?", "why?"),
        (Given(Skill.ASK, "why?"), ("a.py",), "why?\n(with a.py)", "why?"),
        (Given(Skill.CODE, "sort a list", PYTHON), (), "code in Python: sort a list", "sort a list"),
        (Given(Skill.FIX, "it crashes"), ("x`.py",), "fix: it crashes\n(with x_.py)", "it crashes"),
        (Given(Skill.FIX), ("a.py",), "fix\n(with a.py)", "fix a.py"),
        (Given(Skill.EXPLAIN, "f(x)[0]"), (), "explain\n```\nf(x)[0]\n```", "explain f(x)[0]"),
        (
            Given(Skill.REVIEW, "and fast?", PYTHON, "\nx = 1\ny"),
            (),
            "review in Python: and fast?\n```python\n\nx = 1\ny\n```",
            "and fast?",
        ),
        (Given(Skill.FILL, code="a <FILL_ME>"), (), "fill\n```\na <FILL_ME>\n```", "fill a <FILL_ME>"),
        (Given(Skill.FIX, code="x = '```'"), (), "fix\n````\nx = '```'\n````", "fix x = '"),
    ],
)
def test_everybody_reads_what_was_asked(given: Given, files: tuple[str, ...], shown: str, title: str) -> None:
    """In a person's words, with the code; the thread is called after it."""
    attached = [File(name, "https://x.test", 1, "") for name in files]
    assert given.shown(attached) == shown
    assert given.title("Ada", attached) == title
