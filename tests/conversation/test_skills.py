"""What a skill asks, and how its answer is shown."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from conversation import notices
from conversation.clipping import LeftOut
from conversation.errors import PromptError
from conversation.generation import Draft
from conversation.model import Skill
from conversation.ports import Chunk, Sampling
from conversation.prompts.infill import Hole
from conversation.shape import CodeBlock, FilledCode, Shape, Snippet
from conversation.skills import SKILLS, CodeFile, Language, Wish, ask_for, card_of, shape_of
from conversation.splitting import split

PYTHON = Language("Python", "python")
IN_WORDS = [skill for skill in SKILLS if skill not in {Skill.COMPLETE, Skill.FILL}]


def test_every_skill_has_a_card() -> None:
    """All but plain questions, each with a summary that Discord takes."""
    assert set(SKILLS) == set(Skill) - {Skill.ASK}
    assert all(0 < len(card.summary) <= 100 for card in SKILLS.values())


def test_a_snippet_is_asked_for_in_its_language() -> None:
    """The language stands in the question, and the answer begins with its block."""
    question = ask_for(Wish(Skill.CODE, "read a file", PYTHON))
    assert question.text.startswith("Write a code snippet in Python in one code block")
    assert question.text.endswith("\n\nread a file")
    assert shape_of(question.skill, question.language, question.code).opening == "```python\n"


@pytest.mark.parametrize("skill", [Skill.FIX, Skill.TEST])
def test_corrected_code_and_tests_come_first(skill: Skill) -> None:
    """In a block of the code's language; small models would talk about it."""
    question = ask_for(Wish(skill, files=(CodeFile("x = 1", "a.py", PYTHON),)))
    assert shape_of(question.skill, question.language, question.code) == Snippet.of("python")
    assert question.file_name == "a.py"


@pytest.mark.parametrize("skill", [Skill.EXPLAIN, Skill.REVIEW, Skill.FIX, Skill.TEST])
def test_code_goes_along_as_it_is(skill: Skill) -> None:
    """Tabs and what looks like a fence's end stay, in a block that they cannot end."""
    code = "if x:\n\tprint('```')\r\n\treturn"
    question = ask_for(Wish(skill, "why?", files=(CodeFile(code, "a.py", PYTHON),)))
    assert f"\n\na.py:\n````python\n{code}\n````" in question.text
    assert "why?" in question.text
    assert question.code == ""


def test_the_indentation_of_a_hole_is_seen_in_words() -> None:
    """A model that is asked in words fills the line where it stands."""
    question = ask_for(Wish(Skill.FILL, files=(CodeFile("def f():\n    <FILL_ME>\n    return a\n", "", PYTHON),)))
    assert "Before:\n```python\ndef f():\n    \n```\n\nAfter:\n```python\n\n    return a\n```" in question.text


def test_several_files_are_named() -> None:
    """Each stands below its name."""
    question = ask_for(Wish(Skill.REVIEW, files=(CodeFile("a = 1", "a.py"), CodeFile("b = 2", "b.py"))))
    assert question.text.index("a.py:\n```\na = 1") < question.text.index("b.py:\n```\nb = 2")


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (Wish(Skill.CODE), "Tell me what"),
        (Wish(Skill.FIX, "it crashes"), "Give me the code to fix"),
        (Wish(Skill.FILL, files=(CodeFile("x = 1"),)), "<FILL_ME>"),
        (Wish(Skill.FILL, files=(CodeFile("<FILL_ME>\n<FILL_ME>"),)), "<FILL_ME>"),
        (Wish(Skill.COMPLETE, files=(CodeFile("a", "a.py"), CodeFile("b", "b.py"))), "one piece of code"),
    ],
)
def test_what_is_missing_is_said(wish: Wish, sentence: str) -> None:
    """A wish that cannot be asked tells the person what to do."""
    with pytest.raises(PromptError) as caught:
        ask_for(wish)
    assert sentence in caught.value.user_notice


def test_code_above_is_enough() -> None:
    """Where earlier messages are read, the code may be there."""
    assert ask_for(Wish(Skill.EXPLAIN), above=True).text == SKILLS[Skill.EXPLAIN].instruction.format(language="")


@pytest.mark.parametrize("skill", [Skill.COMPLETE, Skill.FILL])
def test_what_works_on_code_itself_needs_code_of_its_own(skill: Skill) -> None:
    """Whatever stands above: the model would be asked about nothing."""
    with pytest.raises(PromptError, match="no code"):
        ask_for(Wish(skill), above=True)


def test_the_hole_is_never_in_the_words() -> None:
    """What later questions of the thread see has no `<FILL_ME>`, which a model must not read."""
    question = ask_for(Wish(Skill.FILL, files=(CodeFile("def f():\n    <FILL_ME>\n", "", PYTHON),)))
    assert "FILL_ME" not in question.text
    assert question.code == "def f():\n    <FILL_ME>\n"


def test_only_two_skills_choose_for_themselves() -> None:
    """Completion and infilling sample as in Meta's examples; the others as the service is set."""
    usual = Sampling(1000, 0.7, 0.5)
    for skill in IN_WORDS:
        assert card_of(skill).sampling(usual) == usual
    assert card_of(Skill.COMPLETE).sampling(usual) == Sampling(256, 0.2, 0.9)
    assert card_of(Skill.FILL).sampling(usual) == Sampling(512, 0.0, 0.9)
    assert card_of(Skill.COMPLETE).sampling(Sampling(100)).max_new_tokens == 100


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((LeftOut(900, 12),), "12 lines"),
        ((LeftOut(9, 1), LeftOut(9, 1)), "2 lines"),
        ((LeftOut(9, 1), LeftOut(4000)), "4,009 characters"),
        ((LeftOut(), LeftOut(9, 1)), "1 line"),
    ],
)
def test_what_is_left_out_is_said_in_lines_where_it_is_lines(parts: tuple[LeftOut, ...], said: str) -> None:
    """Else in characters: a part of a line is no line."""
    assert str(sum(parts, LeftOut())) == said


def test_each_skill_says_where_something_is_missing() -> None:
    """A question loses its middle, code to be gone on with its beginning, code with a gap what is far from that."""
    assert notices.clipped(LeftOut(9, 1)).endswith("1 line in its middle was left out.")
    assert notices.clipped(LeftOut(2000), Skill.COMPLETE).endswith("its first 2,000 characters were left out.")
    assert notices.clipped(LeftOut(9, 3), Skill.FILL).endswith("3 lines far from the gap were left out.")


class TestShapes:
    def test_prose_loses_the_templates_space(self) -> None:
        """A space that models begin with is not shown; nothing said is nothing shown."""
        assert Shape().shown(" Hello", ended=True) == "Hello"
        assert Shape("```python\n", is_prose=False).shown("", ended=True) == ""

    def test_a_completion_begins_with_the_open_line(self) -> None:
        """What can be copied is whole lines of code and nothing else."""
        block = CodeBlock.going_on("import os\n\ndef area(r", "python")
        assert block.shown("):\n    return 1", ended=False) == "````python\ndef area(r):\n    return 1"
        assert block.shown("):\n    return 1", ended=True) == "````python\ndef area(r):\n    return 1\n````"
        assert CodeBlock.going_on("x = 1\n", "").shown("y = 2\n", ended=True) == "````\ny = 2\n````"

    def test_a_filled_hole(self) -> None:
        """The whole code, the lines that are new, and the change."""
        shape = FilledCode.of(Hole("def f(a):\n    ", "\n    return b\n"), "python")
        assert shape.shown("b = a\n    b += 1", ended=True) == (
            "````python\ndef f(a):\n    b = a\n    b += 1\n    return b\n````\n\n"
            "Lines 2 to 3 are what I filled in:\n\n"
            "````diff\n@@ -1,3 +1,4 @@\n def f(a):\n-    \n+    b = a\n+    b += 1\n     return b\n````"
        )

    @pytest.mark.parametrize(
        ("language", "said", "shown"),
        [
            ("python", "x = 1\n```\nSo.", "```python\nx = 1\n```\nSo."),
            ("python", "\tx = 1", "```python\n\tx = 1"),
            ("python", "```python\nx = 1\n```", "```python\nx = 1\n```"),
            ("python", "\n```py\nx = 1\n```", "```python\nx = 1\n```"),
            ("", "python\nx = 1\n```", "```python\nx = 1\n```"),
            ("", " c++ \r\nint x;\r\n```", "```c++\nint x;\r\n```"),
            ("", "\nx = 1\n```", "```\nx = 1\n```"),
            ("", "x = 1\ny = 2\n```", "```\nx = 1\ny = 2\n```"),
            ("", "print(1)", "```\nprint(1)"),
            ("", "```js\nf()\n```", "```js\nf()\n```"),
            ("", "", ""),
        ],
    )
    def test_a_snippet_has_one_opening(self, language: str, said: str, shown: str) -> None:
        """Whatever the model says behind it: its language, code at once, or the same opening again."""
        assert shape_of(Skill.CODE, language, "").shown(said, ended=True) == shown

    @pytest.mark.parametrize("code", ["x\x0cy\n<>\nz\n", "a\u2028b\n<>\nc", "a\r\n<>\r\nb\r\n"])
    def test_the_change_counts_lines_as_editors_do(self, code: str) -> None:
        """A form feed ends none."""
        prefix, suffix = code.split("<>")
        shown = FilledCode.of(Hole(prefix, suffix), "").shown("new", ended=True)
        assert "Line 2 is what I filled in:" in shown
        assert [line for line in shown.split("\n") if line.startswith("+")] == ["+new" + "\r" * ("\r" in code)]

    def test_the_change_of_long_code_is_the_lines_at_its_hole(self) -> None:
        """Also where all lines are alike, which a general diff takes for changed."""
        change = FilledCode.of(Hole("x\n" * 400 + "y = ", "\n" + "x\n" * 400), "").shown("x\nx", ended=True)
        assert change.endswith("````diff\n@@ -398,7 +398,8 @@\n x\n x\n x\n-y = \n+y = x\n+x\n x\n x\n x\n````")

    def test_long_filled_code_is_shown_around_its_hole(self) -> None:
        """Where it would be too many messages; the whole is a file."""
        hole = Hole("x = 1\n" * 900 + "def f():\n    ", "\n" + "y = 2\n" * 900)
        shape = FilledCode.of(hole, "python").within(4000)
        assert shape.shown("a = 1\n    b = 2", ended=True) == (
            "````python\nx = 1\nx = 1\ndef f():\n    a = 1\n    b = 2\ny = 2\ny = 2\ny = 2\n````\n\n"
            "Lines 902 to 903 are what I filled in. The rest of the code is as it was."
        )
        assert shape.files("pass") == (("python", f"{hole.prefix}pass{hole.suffix}"),)
        assert shape.files("") == ()
        short = FilledCode.of(Hole("a\n", "\nb"), "")
        assert short.within(4000) is short
        assert short.files("pass") == ()

    def test_one_long_line_is_shown_around_its_hole(self) -> None:
        """Also where code has no line ends at all."""
        shape = FilledCode.of(Hole("a" * 9000, "b" * 9000), "").within(4000)
        assert len(shape.shown("x", ended=True)) < 4000
        assert shape.shown("x", ended=True).partition("x")[0].count("a") == 1000

    @given(*[st.text("a\n", max_size=12)] * 3)
    def test_a_change_leads_from_the_code_to_the_filled_one(self, prefix: str, said: str, suffix: str) -> None:
        """Its context and counts are those of both, wherever lines begin and end."""
        assume(said)
        shown = FilledCode.of(Hole(prefix, suffix), "").shown(said, ended=True)
        _, change = [token.content for token in MarkdownIt().parse(shown) if token.type == "fence"]
        before, after = ((code.removesuffix("\n")).split("\n") for code in (prefix + suffix, prefix + said + suffix))
        if before == after:
            assert not change.strip()
            return
        head, *lines = change.removesuffix("\n").split("\n")
        spans = [[int(number) for number in f"{span[1:]},1".split(",")[:2]] for span in head.split(" ")[1:3]]
        for (first, length), marks, code in zip(spans, (" -", " +"), (before, after), strict=True):
            held = [line[1:] for line in lines if line[0] in marks]
            assert held == code[first - 1 :][:length]
            assert len(held) == length
        first, length = spans[0]
        changed = [line[1:] for line in lines if line[0] in " +"]
        assert before[: first - 1] + changed + before[first - 1 + length :] == after
        assert sum(line[0] == " " for line in lines) <= 6

    @pytest.mark.parametrize(
        ("code", "said", "kept"),
        [
            ("x = 1\n", "```\nSure, here it is.", ""),
            ("x = 1\n", "```", ""),
            ("x = 1\n", "```python\ny = 2\n", "y = 2\n"),
            ("x = ", "```\n", "x = ```\n"),
            ("x = 1\n", '"""\n    ```\n    a\n    ```\n"""\n', '"""\n    ```\n    a\n    ```\n"""\n'),
            ("x = 1\n", "y = 2\n````\nSo.", "y = 2\n"),
        ],
    )
    def test_a_completion_is_one_block(self, code: str, said: str, kept: str) -> None:
        """Also where the model writes fences: at the beginning one without a language ends the code, one with a
        language is no line of it; a fence in a docstring stays what it is."""
        draft = Draft(shape=CodeBlock.going_on(code, ""))
        seen = [""]
        for character in said:
            draft.add(Chunk(character))
            if draft.end_if_over():
                break
            seen.append(draft.visible)
        draft.ended = True
        seen.append(draft.visible)
        assert seen[-1] == (f"````\n{kept}````" if kept else "")
        assert all(later.startswith(earlier) for earlier, later in pairwise(seen))

    @pytest.mark.parametrize("said", ['"""Doc:\n```\nx\n```\n"""\na = 1', "```\nx\n```", "a\n  ```\nb"])
    def test_filled_code_is_a_block_and_a_change(self, said: str) -> None:
        """Also where the model writes a fence: what can be copied is the whole code."""
        hole = Hole("def f():\n", "\n    return a\n")
        shown = FilledCode.of(hole, "python").shown(said, ended=True)
        whole, change = [token for token in MarkdownIt().parse(shown) if token.type == "fence"]
        assert whole.content == f"{hole.prefix}{said}{hole.suffix}"
        assert change.info == "diff"
        assert [line[1:] for line in change.content.split("\n") if line.startswith("+")] == said.split("\n")

    @pytest.mark.parametrize(
        "said", ["first\n\tsecond\r\nthird", "x = 1\ny", "```py\nz\n```\n", "\n\n  a `b`\n", "a\n```\nb\n```"]
    )
    @pytest.mark.parametrize(
        "shape",
        [
            FilledCode.of(Hole("a\n", "\nz"), "c"),
            FilledCode.of(Hole("a\n" * 99, "\nz"), "c").within(40),
            CodeBlock.going_on("```", "md"),
            CodeBlock.going_on("a\n", "c"),
            Shape(),
            Snippet.of(""),
            Snippet.of("c"),
        ],
    )
    def test_a_growing_answer_only_grows(self, shape: Shape, said: str) -> None:
        """What was shown is the beginning of what is shown next, up to the end."""
        shown = [shape.shown(said[:length], ended=False) for length in range(len(said) + 1)]
        shown.append(shape.shown(said, ended=True))
        assert shown[-1]
        assert all(later.startswith(earlier) for earlier, later in pairwise(shown))

    @pytest.mark.parametrize("code", ["x = '```'\n", "```\n````\n", "\tx\r\n"])
    def test_nothing_in_code_ends_its_block(self, code: str) -> None:
        """The fence is longer than any in the code: one block holds all of it, the other the change."""
        shown = FilledCode.of(Hole(code, "\nend"), "").shown("fill", ended=True)
        whole, change = [token for token in MarkdownIt().parse(shown) if token.type == "fence"]
        assert whole.content == f"{code}fill\nend\n".replace("\r\n", "\n")
        assert change.info == "diff"
        (part,) = split(shown, 4000)
        assert (part.text, part.closer) == (shown, "")
