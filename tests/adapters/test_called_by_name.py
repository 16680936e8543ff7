"""Messages whose first word is a skill's name, and those that only seem to call one up."""

from __future__ import annotations

import pytest

from adapters.called_by_name import points_above, wish_of
from conversation.errors import PromptError
from conversation.model import Skill
from conversation.skills import CodeFile, Request, Wish, ask_for

FENCED = "```python\nx = [1, 2]\n```"
FILE = CodeFile("x = 1\n", "a.py")


def question_of(text: str, files: tuple[CodeFile, ...] = (), *, above: bool = False) -> Request:
    return ask_for(wish_of(text, files, above=above), above=above)


@pytest.mark.parametrize(
    ("text", "files", "above", "skill"),
    [
        (f"fix {FENCED}", (), False, Skill.FIX),
        (f"Fix this:\n{FENCED}", (), False, Skill.FIX),
        (f"review\n{FENCED}\nmind the index", (), False, Skill.REVIEW),
        ("explain `sorted(d, key=d.get)`", (), False, Skill.EXPLAIN),
        ("explain sorted(d, key=d.get)[-3:]", (), False, Skill.EXPLAIN),
        ("test", (FILE,), False, Skill.TEST),
        ("test the edge cases", (FILE,), False, Skill.TEST),
        ("fix this", (), True, Skill.FIX),
        ("fix", (), True, Skill.FIX),
        ("Explain.", (), True, Skill.EXPLAIN),
        ("review the function above", (), True, Skill.REVIEW),
        ("test: only the parser", (), True, Skill.TEST),
        (f"complete\n{FENCED}", (), False, Skill.COMPLETE),
        ("fill\n```\na = <FILL_ME>\n```", (), False, Skill.FILL),
        ("code python read a CSV file", (), False, Skill.CODE),
        ("code: a CSV reader", (), False, Skill.CODE),
        ("code a CSV reader", (), False, Skill.CODE),
        # Sentences that only begin so.
        ("explain how a heap works", (), True, Skill.ASK),
        ("explain why f(x) is slow", (), False, Skill.ASK),
        ("explain the difference between a list and a tuple", (), True, Skill.ASK),
        ("fix this", (), False, Skill.ASK),
        ("test whether a port is open, how?", (), True, Skill.ASK),
        ("code review tips?", (), True, Skill.ASK),
        ("fixing this?", (), True, Skill.ASK),
        ("how do I fix this?", (), True, Skill.ASK),
        ("code", (), True, Skill.ASK),
        ("complete this", (), False, Skill.ASK),
        ("Complete list of HTTP status codes?", (), True, Skill.ASK),
        ("complete guide to asyncio", (), False, Skill.ASK),
        ("fill this", (), False, Skill.ASK),
        ("Fill me in on asyncio", (), True, Skill.ASK),
        ("Fill me in on asyncio.run(x)", (), True, Skill.ASK),
        ("fill me in on this", (FILE,), True, Skill.ASK),
        ("", (), False, Skill.ASK),
    ],
)
def test_what_a_message_asks_for(text: str, files: tuple[CodeFile, ...], above: bool, skill: Skill) -> None:
    """A skill where there is code for it, or something above that the words point to; else a question in words."""
    question = question_of(text, files, above=above)
    assert question.skill is skill
    if skill is Skill.ASK and not files:
        assert question.text == text


def test_files_of_a_question_in_words_stand_below_it() -> None:
    """Each in a fence, with its name."""
    assert question_of("why is x 1?", (FILE,)).text == "why is x 1?\n\na.py:\n```\nx = 1\n```"


def test_code_that_a_skill_cannot_take_is_told() -> None:
    """As a sentence: it was surely meant."""
    with pytest.raises(PromptError) as error:
        question_of("fill\n```\na = 1\n```")
    assert "<FILL_ME>" in error.value.user_notice


def test_code_keeps_its_indentation() -> None:
    """Behind the skill's name the code begins where its line does."""
    assert question_of("complete\n    def f(x):\n        return", ()).code == "    def f(x):\n        return"


@pytest.mark.parametrize(
    ("text", "points"), [("fix", True), ("Explain!", True), ("fix it now", False), ("code", False)]
)
def test_a_name_alone_points_above(text: str, points: bool) -> None:
    """As a bare mention does."""
    assert points_above(text) is points


@pytest.mark.parametrize("text", ["complete this", "complete the code above", "fill", "Fill it, please", "complete"])
def test_the_two_that_work_on_code_alone_take_no_words_for_code(text: str) -> None:
    """What they point to stands above: the word itself is not to be completed."""
    wish = wish_of(text, above=True)
    assert wish.skill in {Skill.COMPLETE, Skill.FILL}
    assert wish.files == ()
    assert wish_of(text).skill is Skill.ASK


@pytest.mark.parametrize(
    ("text", "skill", "code"),
    [
        ("complete x = (", Skill.COMPLETE, "x = ("),
        ("fill a = <FILL_ME>", Skill.FILL, "a = <FILL_ME>"),
        ("complete\n\tdef f(x):", Skill.COMPLETE, "\tdef f(x):"),
        ("complete this:\n```py\nx = (\n```", Skill.COMPLETE, "x = ("),
    ],
)
def test_what_reads_like_code_is_what_they_work_on(text: str, skill: Skill, code: str) -> None:
    """Or stands in a fence, or in a file."""
    wish = wish_of(text)
    assert (wish.skill, [file.text for file in wish.files]) == (skill, [code])


def test_a_file_is_filled_where_it_is_marked() -> None:
    """Whatever is said beside it."""
    marked = CodeFile("x = <FILL_ME>\n", "a.py")
    assert wish_of("fill me in on this", (marked,)) == Wish(Skill.FILL, "me in on this", None, (marked,))
    assert wish_of("fill this", (FILE,)).skill is Skill.FILL, "the mark was forgotten"
