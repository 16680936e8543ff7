"""What is typed behind a skill's name: words, language and code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.wishes import fenced, parsed_wish
from conversation.model import Skill
from conversation.skills import CodeFile, ask_for

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
        (NESTED, NESTED),
    ],
)
def test_raw_code_is_exactly_what_was_pasted(skill: Skill, typed: str, code: str) -> None:
    """But for the lines of a fence around all of it."""
    assert ask_for(parsed_wish(skill, typed)).code == code


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
