"""What a model's Markdown becomes in Discord."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.discord.formatting import to_discord
from adapters.discord.rendering import MAX_CONTENT, MAX_TEXT, shown
from adapters.markdown.links import INVISIBLE
from conversation.ports import Content

TABLE = """Sizes:

| Name | Bytes | What |
|:-----|------:|------|
| `int` | 4 | a **whole** number |
| [docs](https://docs.example/int) | 1000 | 数 |
| empty | | |

That is all.
"""


def tokens_of(markdown: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many tokens Markdown's parser makes on the way."""
    made: list[int] = []
    parse = MarkdownIt.parse

    def counted(self: MarkdownIt, text: str) -> list[Token]:
        tokens = parse(self, text)
        made.append(len(tokens))
        return tokens

    monkeypatch.setattr(MarkdownIt, "parse", counted)
    to_discord(markdown, MAX_CONTENT)
    return sum(made)


def discord(markdown: str, room: int = MAX_CONTENT) -> str:
    """The text, with what cannot be seen shown as ·."""
    return to_discord(markdown, room).replace(INVISIBLE, "·")


@pytest.mark.parametrize(
    "text",
    [
        "Use `a < b`, **not** *that*, ~~never~~.\n\n- one\n  - two\n1. three\n\n> a quote\n\n# One\n## Two\n### Three",
        "```python\nprint('@everyone || >>> ')\n```",
        "`@everyone` and ``a ` || b``",
        "a | b, and no table\nobj[0](x) in text, user@example.com",
        "",
    ],
)
def test_most_texts_stay_as_they_are(text: str) -> None:
    """Discord reads Markdown."""
    assert discord(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@everyone and @here", "@·everyone and @·here"),
        ("<@123>, <@!123>, <@&123>", "<@·123>, <@·!123>, <@·&123>"),
        ("`code` @everyone `", "`code` @·everyone `"),
        ("`not code @everyone\n`", "`not code @·everyone\n`"),
        ("if a || b or c || d:", r"if a \|\| b or c \|\| d:"),
        (">>> print(1)\n2", "·>>> print(1)\n2"),
        ("  -# as small as ours", "  ·-# as small as ours"),
        ("#### Four ####\n###### Six **bold**", "**Four**\nSix **bold**"),
        ("+ one\n  + two", "- one\n  - two"),
        ("[docs](https://evil.example/x)", "[docs (evil.example)](https://evil.example/x)"),
        ("![Logo](https://x.example/a.png)", "Logo (https://x.example/a.png)"),
        ("~~~py title=3\nx\n~~~", "```py\nx\n```"),
        ("````md\n```py\n```\n````\nend", "```md\n``·`py\n``·`\n```\nend"),
        ("1. a\n   ```C++\n   x\n   ```", "1. a\n   ```C++\n   x\n   ```"),
        ("```not a language!\nx", "```not\nx"),
    ],
)
def test_what_discord_reads_otherwise_is_changed(text: str, expected: str) -> None:
    """Each for its reason, which the module tells."""
    assert discord(text) == expected


def test_a_table_becomes_columns() -> None:
    """Discord shows none; wide characters take two columns, numbers stand at the right."""
    assert discord(TABLE) == (
        "Sizes:\n\n```\n"
        "Name                            | Bytes | What\n"
        "--------------------------------+-------+---------------\n"
        "int                             |     4 | a whole number\n"
        "docs (https://docs.example/int) |  1000 | 数\n"
        "empty                           |       |\n"
        "```\n\nThat is all.\n"
    )


def test_a_table_that_does_not_fit_is_shown_as_it_was_written() -> None:
    """As code while that fits, else as text; nothing of it is lost."""
    as_code = discord(TABLE, len(TABLE) + 40)
    assert "```\n| Name | Bytes | What |" in as_code
    table = f"| a | b |\n|---|---|\n| {'x' * 40} | 2 |"
    assert discord(table, len(table) + 5) == table


def test_a_table_in_a_quote_stays_text() -> None:
    """A code block there would need the quote's signs on every line."""
    assert "```" not in discord("> | a | b |\n> |---|---|\n> | 1 | 2 |")


def test_line_ends_that_markdown_does_not_know_move_nothing() -> None:
    """Python's own splitting knows more of them."""
    text = "a\u2028b\x0bc\x85d\n\n```py\nx = '\u2028'\n```\nafter @everyone"
    assert discord(text) == text.replace("@everyone", "@·everyone")


_PIECES = st.sampled_from([
    "@everyone", "@here", "<@1>", "<@&2>", "||", "`", "```", "```py\n", "~~~", "\n", "\n\n", ">>> ", "-# ", "#### ",
    "| a ", "|---|---|\n", "[x](https://e.example)", "![x](https://e.example/i.png)", "](", "> ", "1. ", "+ ", "word ",
    "数", "\\", "<", "\u2028",
])  # fmt: skip


@given(st.lists(_PIECES, max_size=60).map("".join), st.integers(0, 200))
def test_nothing_ever_becomes_too_long(text: str, more: int) -> None:
    """Whatever the model writes, it fits where it fitted before."""
    assert len(to_discord(text, len(text) + more)) <= len(text) + more


@given(st.lists(_PIECES, max_size=60).map("".join))
def test_outside_of_code_nobody_is_ever_called(text: str) -> None:
    """Defence in depth: no word that calls survives but within backticks."""
    sent = to_discord(text, 10_000)
    if "`" not in text and "~~~" not in text and "|---|" not in text:
        assert re.search(r"@(?:everyone|here)|<@[!&]?\d", sent) is None


@example("#### #### ", "")  # Discord shows nothing for it
@given(st.lists(_PIECES, max_size=400).map("".join), st.text(max_size=400))
def test_text_and_notice_always_fit_a_message(text: str, notice: str) -> None:
    """Both are there, and the message is never empty."""
    content = shown(Content(text[:MAX_TEXT], notice=notice, final=True))
    assert 0 < len(content) <= MAX_CONTENT
    assert content.strip()


@pytest.mark.parametrize("columns", [5, 100, 400])
def test_a_table_whose_rows_are_much_shorter_than_its_first_one_stays_text(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filled up it would have so many cells that everybody waits for seconds."""
    wide = "\n".join(["|".join("a" * columns), "|".join("-" * columns), *["1|2"] * 400])[:MAX_TEXT]
    assert discord(wide) == wide
    assert tokens_of(wide, monkeypatch) < 10_000
    assert discord(f"{TABLE}\n{wide[:200]}").startswith("Sizes:\n\n```\n")
