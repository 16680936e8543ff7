"""Markdown on a terminal while it is being written."""

from __future__ import annotations

import io

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from adapters.terminal.formatting import BEGUN_ANEW, MarkdownStream, finished_length, harmless, render

ANSWER = """Use `sorted`:

```python
def sort(items):
    return sorted(items)
```

- it is stable
- it copies

Done."""


def screen_after(states: list[tuple[str, str]], notice: str = "") -> list[str]:
    """The lines that a person sees after an answer went through these (text, status) states."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=20, color_system=None)
    with MarkdownStream(console) as stream:
        for text, status in states:
            stream.show(text, status)
        stream.end(states[-1][0], notice)
    assert isinstance(console.file, io.StringIO)
    screen = pyte.HistoryScreen(60, 20, history=1000)
    screen.set_mode(pyte.modes.LNM)  # the terminal driver's line feed is also a carriage return
    pyte.Stream(screen).feed(console.file.getvalue())
    gone = ["".join(row[column].data for column in range(60)) for row in screen.history.top]
    return "\n".join(line.rstrip() for line in [*gone, *screen.display]).strip("\n").split("\n")


def test_blocks_before_the_last_are_finished() -> None:
    """The text of a block may still change its look, the one before it not any more."""
    assert finished_length("one\n\ntwo") == len("one\n\n")
    assert finished_length("one\ntwo") == 0
    assert finished_length("```py\nx = 1\n\ny = 2") == 0


def test_an_open_code_block_is_not_finished_by_blank_lines() -> None:
    """Only what follows the closing fence ends it."""
    code = "```py\nx = 1\n\ny = 2\n```\n"
    assert finished_length(code) == 0
    assert finished_length(f"{code}\nend") == len(code) + 1


@given(st.integers(min_value=0, max_value=len(ANSWER)))
def test_what_is_finished_stays_finished(length: int) -> None:
    """The finished part of a beginning is a beginning of the whole's finished part."""
    assert finished_length(ANSWER[:length]) <= finished_length(ANSWER)


def test_however_the_text_arrives_the_same_stays_on_the_screen() -> None:
    """A character at a time or all at once: the blocks stand there once each, in order."""
    for states in ([ANSWER], [ANSWER[:end] for end in range(1, len(ANSWER) + 1)]):
        lines = screen_after([(state, "") for state in states])
        assert [line.strip() for line in lines if line.strip()] == [
            "Use sorted:",
            "def sort(items):",
            "return sorted(items)",
            "• it is stable",
            "• it copies",
            "Done.",
        ]


def test_an_answer_longer_than_the_screen_loses_nothing() -> None:
    """What scrolls away is the answer, once, and not its repaintings."""
    lines = [f"row{number:03}" for number in range(60)]
    text = "```\n" + "\n".join(lines) + "\n```\n"
    seen = screen_after([(text[:end], "") for end in range(1, len(text) + 1, 7)] + [(text, "")])
    assert [line.strip() for line in seen if line.strip()] == lines


def test_a_model_cannot_move_the_cursor_or_set_the_title() -> None:
    """Control characters are dropped, line feeds and tabs stay."""
    assert harmless("a\x1b]0;title\x07b\x1b[2Jc\td\ne\r\x9b1m") == "a]0;titleb[2Jc\td\ne1m"
    assert screen_after([("one \x1b[2Jtwo", "")]) == ["one [2Jtwo"]


def test_a_status_leaves_no_trace() -> None:
    """The spinner's line is erased when the text comes."""
    assert screen_after([("", "Thinking…"), ("hello", "")]) == ["hello"]


def test_the_notice_comes_last() -> None:
    """Our own sentence stands below the model's words."""
    assert screen_after([("text", "")], "Stopped.")[-1] == "Stopped."


def test_a_restarted_answer_is_not_mixed_with_the_old_one() -> None:
    """What was printed of the old one stays; the new one is whole below it."""
    seen = screen_after([("Old one.\n\nOld two.\n\nOld three.", ""), ("New", ""), ("New one.\n\nNew two.", "")])
    assert "\n".join(seen[-3:]) == "New one.\n\nNew two."
    assert BEGUN_ANEW in seen


def test_unicode_line_ends_do_not_double_a_block() -> None:
    """Markdown knows one line end; Python's splitlines knows more."""
    seen = screen_after([("```\nprint(1)\u2028print(2)\n```\n\nend", "")])
    assert [line.strip() for line in seen if line.strip()] == ["print(1)", "print(2)", "end"]


def test_a_link_shows_where_it_leads() -> None:
    """Its text may name another host."""
    assert "evil.example" in "".join(screen_after([("[bank.example](http://evil.example/x)", "")]))


def test_code_is_highlighted_in_its_language() -> None:
    """A keyword and a string have colours of their own; the same words in prose have none."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, color_system="standard")
    assert isinstance(console.file, io.StringIO)
    console.print(render("```python\nreturn 'text'\n```"))
    coloured = console.file.getvalue()
    assert "\x1b[94mreturn" in coloured or "\x1b[34mreturn" in coloured
    console.file.truncate(0)
    console.print(render("return text"))
    assert "m" + "return" not in console.file.getvalue()
