"""Messages as the questions that are stored: with files, and skills that are named first."""

from __future__ import annotations

import pytest

from adapters.fetching import Read
from adapters.understanding import understood
from conversation import notices
from conversation.model import Command, InboundMessage, Language, Skill, ThreadId
from conversation.skills import CodeFile

PYTHON = Language("Python", "python")
HERE = ThreadId("discord", "1", "2", "3")


def said(text: str, **more: object) -> InboundMessage:
    return InboundMessage(HERE, "3", "4", "Ada", text, 0.0, **more)  # type: ignore[arg-type]


def heard(message: InboundMessage, *files: CodeFile, by_name: bool, remarks: str = "") -> InboundMessage:
    return understood(message, Read(files, remarks), by_name=by_name, above=bool(message.above))


@pytest.mark.parametrize(
    ("text", "above", "skill"),
    [
        ("fix this\n```py\nx.pop(i)\n```", (), Skill.FIX),
        ("Explain: `sorted(d)[-3:]`", (), Skill.EXPLAIN),
        ("test", ("thread",), Skill.TEST),
        ("review this please", ("message:1:2",), Skill.REVIEW),
        ("complete\n```py\ndef f(n):\n    \n```", (), Skill.COMPLETE),
        ("code python read a CSV file", (), Skill.CODE),
        ("explain how map() works", (), Skill.ASK),
        ("test", (), Skill.ASK),
        ("why? ```x```", (), Skill.ASK),
    ],
)
def test_a_message_may_name_a_skill(text: str, above: tuple[str, ...], skill: Skill) -> None:
    """With its first word, where there is code for it."""
    assert heard(said(text, above=above), by_name=True).skill is skill
    plain = heard(said(text, above=above), by_name=False)
    assert (plain.skill, plain.text) == (Skill.ASK, text)


def test_what_a_skill_lacks_is_told_instead_of_an_answer() -> None:
    """Not of a question that was edited: what was asked is asked then, as it says now."""
    unmarked = said("fill ```py\nx = 1\n```", above=("thread",))
    told = heard(unmarked, by_name=True)
    assert (told.command, told.text) == (Command.TELL, notices.mark_the_hole("<FILL_ME>"))
    assert told.above == ()
    edited = heard(said("fill ```py\nx = 1\n```", edited_at=1.0), by_name=True)
    assert (edited.command, edited.skill, edited.code) == (Command.ASK, Skill.FILL, "```py\nx = 1\n```")


def test_files_are_the_code() -> None:
    """Or stand below a question in words."""
    file = CodeFile("x = 1\n", "a.py", PYTHON)
    fixed = heard(said("fix it crashes"), file, by_name=True)
    assert fixed.skill is Skill.FIX
    assert fixed.text.endswith("\n\nit crashes\n\na.py:\n```python\nx = 1\n```")
    asked = heard(said("why?"), file, by_name=True)
    assert (asked.skill, asked.text) == (Skill.ASK, "why?\n\na.py:\n```python\nx = 1\n```")


def test_with_nothing_but_files_that_are_no_text_its_person_is_told() -> None:
    """Nobody asks the model about what it cannot see; of an edited question nothing is told."""
    told = heard(said("", above=("channel",)), by_name=True, remarks="a.png is a picture.")
    assert (told.command, told.text, told.remarks, told.above) == (Command.TELL, "", "a.png is a picture.", ())
    assert heard(said("", edited_at=1.0), by_name=True, remarks="x").command is Command.ASK
    assert heard(said(""), by_name=False, remarks="x").command is Command.ASK


def test_what_was_not_used_is_told_below_the_answer() -> None:
    """Words beside code that is worked on alone, then files."""
    asked = heard(
        said("complete this and explain it to me\n```\nx = (\n```"), by_name=True, remarks="b.zip is a ZIP archive."
    )
    assert (asked.skill, asked.code) == (Skill.COMPLETE, "x = (")
    assert asked.remarks.splitlines() == [
        "I complete the code alone: what was said beside it is not used.",
        "b.zip is a ZIP archive.",
    ]


def test_a_file_says_what_a_bare_mention_means() -> None:
    """What stands above in the channel is not read then; a thread's beginning is."""
    asked = heard(said("fix", above=("channel", "thread:1")), CodeFile("x = 1\n", "a.py"), by_name=True)
    assert asked.above == ("thread:1",)
