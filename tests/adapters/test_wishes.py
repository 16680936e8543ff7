"""What is typed behind a skill's name: words, language and code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wishes import entered_wish, fenced, parsed_wish, unused_words
from conversation.model import Skill
from conversation.skills import CodeFile, Wish, ask_for

IN_WORDS = [Skill.EXPLAIN, Skill.REVIEW, Skill.FIX, Skill.TEST]
RAW = [Skill.COMPLETE, Skill.FILL]
NESTED = 'def f():\n    """\n```\nx\n```\n    """\n    <FILL_ME>'


def taken(skill: Skill, typed: str) -> tuple[str, str, list[tuple[str, str]]]:
    """Words, language, and code with its own language."""
    wish = parsed_wish(skill, typed)
    files = [(file.text, file.language.tag if file.language else "") for file in wish.files]
    return wish.words, wish.language.tag if wish.language else "", files


@pytest.mark.parametrize(
    ("skill", "typed", "words", "language", "files"),
    [
        (Skill.CODE, "python read a CSV file", "read a CSV file", "python", []),
        (Skill.CODE, "read a CSV file", "read a CSV file", "", []),
        (Skill.CODE, "python", "", "python", []),
        (Skill.CODE, "", "", "", []),
        (Skill.CODE, "go make this async ```x = 1```", "make this async", "go", [("x = 1", "")]),
        (Skill.FIX, "this crashes ```for i in x: x.pop(i)```", "this crashes", "", [("for i in x: x.pop(i)", "")]),
        (Skill.FIX, "this:\n```py\n\tx\r\n\ty\r\n```\nplease", "this:\nplease", "", [("\tx\r\n\ty", "python")]),
        (Skill.REVIEW, "```py\na\n``` and\n```js\nb\n```", "and", "", [("a", "python"), ("b", "javascript")]),
        (Skill.TEST, "js ```\nf()\n```", "", "javascript", [("f()", "")]),
        (Skill.FIX, "````md\n```py\nx\n```\n````", "", "", [("```py\nx\n```", "markdown")]),
        (Skill.FIX, "~~~c\nint x\n~~~", "", "", [("int x", "c")]),
        (Skill.FIX, "```py\nprint('```')\n```", "", "", [("print('```')", "python")]),
        (Skill.FIX, "it ends too early ```py\nx = (", "it ends too early", "", [("x = (", "python")]),
        (Skill.FIX, "```no such tag\nx```", "", "", [("no such tag\nx", "")]),
        (Skill.FIX, "``` ```", "", "", []),
    ],
)
def test_words_language_and_code_are_told_apart(
    skill: Skill, typed: str, words: str, language: str, files: list[tuple[str, str]]
) -> None:
    """Around fences of every kind, closed or not."""
    assert taken(skill, typed) == (words, language, files)


@pytest.mark.parametrize("skill", IN_WORDS)
@pytest.mark.parametrize(
    ("typed", "words", "language", "code"),
    [
        ("sorted(d, key=d.get)[-3:]", "", "", "sorted(d, key=d.get)[-3:]"),
        ("eval(input())", "", "", "eval(input())"),
        ("SELECT a FROM b", "", "", "SELECT a FROM b"),
        ("ls -la | wc", "", "", "ls -la | wc"),
        ("`x`", "", "", "x"),
        ("\tif x:\n\t\ty\n", "", "", "\tif x:\n\t\ty\n"),
        ("python def f(): return 1", "", "python", "def f(): return 1"),
        ("python\nprint(1)", "", "python", "print(1)"),
        ("this crashes:\nfor i in x:\n\tx.pop(i)", "this crashes:", "", "for i in x:\n\tx.pop(i)"),
        ("make\n./a.out && ls", "", "", "make\n./a.out && ls"),
        ("properties\nx = 1", "", "", "properties\nx = 1"),
        ("why does it crash?", "why does it crash?", "", None),
        ("the file(s) above, (really)", "the file(s) above, (really)", "", None),
        ("import fails on my machine", "import fails on my machine", "", None),
        ("two lines\nof words", "two lines\nof words", "", None),
    ],
)
def test_code_without_a_fence(skill: Skill, typed: str, words: str, language: str, code: str | None) -> None:
    """What reads like code is code, and a first line of words stays words."""
    files = [] if code is None else [(code, "")]
    assert taken(skill, typed) == (words, language, files)


@pytest.mark.parametrize("skill", IN_WORDS)
def test_with_files_what_is_typed_is_words(skill: Skill) -> None:
    """Though it may look like code; a fence is code all the same."""
    file = CodeFile("a = 1", "a.py")
    assert parsed_wish(skill, "why does f(x) fail?", [file]).words == "why does f(x) fail?"
    assert parsed_wish(skill, "why ```b```", [file]).files == (CodeFile("b"), file)


@pytest.mark.parametrize("skill", RAW)
@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("\tif <FILL_ME>:\r\n\t\ty", "\tif <FILL_ME>:\r\n\t\ty"),
        ("  x = <FILL_ME>\n\n", "  x = <FILL_ME>\n\n"),
        ("```py\n\tx = <FILL_ME>\r\n```", "\tx = <FILL_ME>"),
        ("```<FILL_ME>```", "<FILL_ME>"),
        ("make it fast\n```\n<FILL_ME>\n```\n", "<FILL_ME>"),
        ("python\n<FILL_ME>", "<FILL_ME>"),
        ("```py\n<FILL_ME>", "<FILL_ME>"),
        ("make <FILL_ME> # a list", "make <FILL_ME> # a list"),
        ("make\n./<FILL_ME>", "make\n./<FILL_ME>"),
        ("docker\n<FILL_ME>", "docker\n<FILL_ME>"),
        ("email\n<FILL_ME>", "email\n<FILL_ME>"),
        (NESTED, NESTED),
    ],
)
def test_raw_code_is_exactly_what_was_pasted(skill: Skill, typed: str, code: str) -> None:
    """But for the lines of a fence around all of it."""
    assert ask_for(parsed_wish(skill, typed)).code == code


@pytest.mark.parametrize("skill", IN_WORDS + RAW)
@pytest.mark.parametrize(
    "code", ["make\n./a.out\n", "  x\n\n", "It fails:\n```\nx\n```", "why?", "python\nx", "\n`x`\n"]
)
def test_a_field_for_code_holds_exactly_that(skill: Skill, code: str) -> None:
    """Whatever it looks like; the words have a field of their own."""
    wish = entered_wish(skill, " f(x) fails ", code, None)
    assert [file.text for file in wish.files] == [code]
    assert (wish.words, wish.language) == ("f(x) fails", None)


@pytest.mark.parametrize("skill", IN_WORDS)
def test_a_fence_that_was_pasted_along_is_taken_away(skill: Skill) -> None:
    """Its language counts where none was chosen, and what stands below it are words."""
    wish = entered_wish(skill, "why?", "```py\n\tx\n```\nin line 1", None)
    assert [(file.text, file.language.tag if file.language else "") for file in wish.files] == [("\tx", "python")]
    assert wish.words == "why?\nin line 1"


@pytest.mark.parametrize(
    ("skill", "words", "is_told"),
    [
        (Skill.COMPLETE, "explain this to me", True),
        (Skill.FILL, "make it fast", True),
        (Skill.COMPLETE, "this, please", False),
        (Skill.FILL, "", False),
        (Skill.FIX, "make it fast", False),
    ],
)
def test_whose_words_are_not_used_is_told(skill: Skill, words: str, is_told: bool) -> None:
    """Completing and filling work on the code alone."""
    assert bool(unused_words(Wish(skill, words))) is is_told


@given(st.text(alphabet="a `~\n\r\t(<", max_size=60))
def test_nothing_pasted_is_lost_or_changed(code: str) -> None:
    """Whatever is fenced by more backticks than it has comes back as it was."""
    (block,) = fenced(f"``````py\n{code}\n``````")
    assert block.code == code.removesuffix("\r")


@given(st.text(alphabet="a `~\npy", max_size=80), st.sampled_from(list(Skill)))
def test_every_text_is_a_wish(typed: str, skill: Skill) -> None:
    """However broken its fences are; blocks follow each other and lie within it."""
    wish = parsed_wish(skill, typed)
    assert all(file.text in typed for file in wish.files)
    places = [place for block in fenced(typed) for place in (block.begin, block.end)]
    assert places == sorted(places)
    assert not places or places[-1] <= len(typed)
