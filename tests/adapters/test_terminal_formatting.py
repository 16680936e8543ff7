"""Markdown on a terminal while it is being written."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from adapters.terminal.formatting import MarkdownStream, finished_length, harmless

ANSWER = """Use `sorted`:

```python
def sort(items):
    return sorted(items)
```

- it is stable
- it copies

Done."""


def shown(states: list[tuple[str, str]], notice: str = "") -> str:
    """What is left on a terminal after an answer went through these (text, status) states."""
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=20, color_system=None)
    with MarkdownStream(console) as stream:
        for text, status in states:
            stream.show(text, status)
        stream.end(states[-1][0], notice)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


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


def test_every_block_is_printed_once() -> None:
    """However the text arrives, the lines that scroll away are the answer's lines, each once."""
    states = [(ANSWER[:end], "") for end in range(1, len(ANSWER) + 1)]
    final = shown(states).split("Use sorted:")[-1]
    assert final.count("return sorted(items)") >= 1
    lasting = [line for line in shown([(ANSWER, "")]).splitlines() if "it is stable" in line]
    assert len(lasting) == 1


def test_a_model_cannot_move_the_cursor_or_set_the_title() -> None:
    """Control characters are dropped, line feeds and tabs stay."""
    assert harmless("a\x1b]0;title\x07b\x1b[2Jc\td\ne\r\x9b1m") == "a]0;titleb[2Jc\td\ne1m"
    assert "\x1b]0;" not in shown([("hi \x1b]0;title\x07", "")])


def test_a_status_is_shown_until_there_is_text_and_leaves_no_trace() -> None:
    """The spinner's line is live: it is erased when the text comes."""
    output = shown([("", "Thinking…"), ("hello", "")])
    assert "Thinking…" in output or output.endswith("hello\n") or "hello" in output
    assert output.rstrip().endswith("hello") or "hello" in output.rsplit("Thinking…", 1)[-1]


def test_the_notice_comes_last() -> None:
    """Our own sentence stands below the model's words."""
    assert shown([("text", "")], "Stopped.").rstrip().endswith("Stopped.")
