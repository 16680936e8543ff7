"""Long answers as several messages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from conversation.splitting import MIN_LIMIT, Part, long_blocks, split


def test_what_fits_is_one_message() -> None:
    """A short answer is shown as it is; nothing to show is no message."""
    assert split("Use `ls`.\n", 2000) == (Part(0, "Use `ls`.\n"),)
    assert split("", 2000) == ()
    assert split(" \n\n", 2000) == ()


def test_a_limit_too_small_for_fences_is_an_error() -> None:
    """Below it a message could hold nothing but fences."""
    with pytest.raises(ValueError, match="at least 128"):
        split("x", MIN_LIMIT - 1)


def test_paragraphs_stay_whole() -> None:
    """The blank line is the best place, then a line's end, then a space."""
    paragraph = "word " * 20 + "end."
    assert [part.text for part in split(f"{paragraph}\n\n{paragraph}\n\nlast", 200)] == [
        paragraph,
        f"{paragraph}\n\nlast",
    ]
    lines = "\n".join(["x" * 40] * 5)
    assert [part.text for part in split(lines, 130)] == ["\n".join(["x" * 40] * 2)] * 2 + ["x" * 40]
    assert all(part.text.endswith("word") for part in split("word " * 100, 150)[:-1])


def test_a_code_block_is_closed_and_opened_again_with_its_language() -> None:
    """Every message shows its code as code; the fence's own lines count."""
    code = "".join(f"line {number:03}\n" for number in range(60))
    parts = split(f"Here:\n\n```python\n{code}```\nDone.", 200)
    assert len(parts) > 3
    for part in parts[:-1]:
        assert part.text.endswith("\n```")
    for part in parts[1:]:
        assert part.text.startswith("```python\nline ")
    assert parts[-1].text.endswith("line 059\n```\nDone.")
    shown = re.findall(r"line \d\d\d", "".join(part.text for part in parts))
    assert shown == [f"line {number:03}" for number in range(60)]


def test_a_code_block_that_would_be_parted_begins_a_message() -> None:
    """A block near the end of a message moves to the next one whole."""
    text = "word " * 20 + "\n```py\n" + "x = 1\n" * 14 + "```\n"
    first, second = split(text, 200)
    assert first.text == ("word " * 20).rstrip()
    assert second.text == "```py\n" + "x = 1\n" * 14 + "```\n"


@pytest.mark.parametrize("fence", ["~~~", "````", "  ```"])
def test_other_fences(fence: str) -> None:
    """Tildes, longer runs and indented fences are known, and shorter runs inside do not close them."""
    inner = "```\n" if fence != "  ```" else "~~~\n"
    text = f"{fence}md\n{inner}" + "some code\n" * 40 + f"{inner}{fence}\nend"
    parts = split(text, 200)
    run = fence.strip()
    assert all(part.text.startswith(f"{run}md\n") for part in parts[1:])
    assert parts[0].text.endswith(f"\n{fence}")
    assert all(part.text.endswith(f"\n{run}") for part in parts[1:-1])
    assert parts[-1].text.endswith(f"{fence}\nend")


def test_no_message_shows_an_empty_code_block() -> None:
    """Wherever the limit falls, a block is not opened without code, at the end or at the beginning of a message."""
    text = "a" * 90 + "\n```py\n" + "b" * 90 + "\n```\n" + "c" * 90
    for limit in range(MIN_LIMIT, 320):
        for part in split(text, limit):
            assert not re.search(r"```(py)?\n+```", part.text), (limit, part)


def test_going_on_inside_a_code_block() -> None:
    """What is shown from the middle of a text on knows that it is code."""
    text = "```py\na = 1\nb = 2\n```\n"
    assert split(text, 200, begin=12) == (Part(12, "```py\nb = 2\n```\n"),)


LINES = "".join(f"    line {number}\n" for number in range(60))
DOCSTRING = f'def f():\n    """\n    ```\n    f()\n    ```\n    """\n{LINES}'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"Here:\n```py\n{LINES}```\nDone.", LINES),
        (f"Here:\n```py\n{LINES}", LINES),
        (f"```\n{LINES}```", LINES),
        (f"```py\n{DOCSTRING}```\nDone.", DOCSTRING),
        (f"````md\n```py\nx\n```\n{LINES}````\nDone.", f"```py\nx\n```\n{LINES}"),
        (f"~~~\n```\n{LINES}~~~\n", f"```\n{LINES}"),
        (f"```js\n{LINES}```js\nx\n```\nDone.", f"{LINES}```js\nx\n"),
        ("Here:\r\n```py\r\n" + LINES.replace("\n", "\r\n") + "```\r\nDone.", LINES.replace("\n", "\r\n")),
        ("```make\n" + LINES.replace("    ", "\t") + "```\nDone.", LINES.replace("    ", "\t")),
        ("1. Do:\n\n   ```py\n" + LINES.replace("    ", "   ") + "   ```\n\n2. Done.", LINES.replace("    ", "")),
        (
            "- a\n\n    - b\n\n        ```py\n" + LINES.replace("    ", 8 * " ") + "        ```\n\n- c",
            LINES.replace("    ", ""),
        ),
        ("- ```py\n" + LINES.replace("    ", "  ") + "  ```\n\nDone.", LINES.replace("    ", "")),
        ("- a\n\n    - b\n\n        ```py\n" + LINES.replace("    ", 8 * " "), LINES.replace("    ", "")),
    ],
)
@pytest.mark.parametrize("limit", [MIN_LIMIT, 300, 4000])
def test_broken_and_nested_fences(text: str, code: str, limit: int) -> None:
    """However a model writes its fences, each message is whole Markdown with one block, and all blocks are the code."""
    shown = []
    for part in split(text, limit):
        blocks = [token for token in MarkdownIt().parse(part.text) if token.type in {"fence", "code_block"}]
        assert len(blocks) <= 1, part
        assert all(token.content.strip() for token in blocks), part
        shown += [token.content for token in blocks]
    assert [line.strip() for block in shown for line in block.split("\n") if line.strip()] == [
        line.strip() for line in code.split("\n") if line.strip()
    ]
    ((_, whole),) = long_blocks(text, 100)
    assert whole == code


@pytest.mark.parametrize("character", ["e\u0301", "👍🏽", "🇩🇪", "👩\u200d💻", "\r\n"])
def test_visible_characters_stay_whole(character: str) -> None:
    """Accents, skin tones, flags, joined emoji and line ends are not cut apart."""
    for shift in range(8):
        text = "x" * (100 + shift) + character * 60
        for part in split(text, MIN_LIMIT)[:-1]:
            assert len(re.sub("^x*", "", text[: part.start])) % len(character) == 0
        for part in split(text, MIN_LIMIT)[1:]:
            assert (part.start - 100 - shift) % len(character) == 0


def texts(fences: list[str], alphabet: str) -> st.SearchStrategy[str]:
    """Paragraphs, long words and fences, mixed."""
    return st.lists(
        st.one_of(
            st.sampled_from(["\n", "\n\n", "`x`", " ", "\r\n", *fences]),
            st.text(alphabet=alphabet, max_size=12),
            st.integers(1, 300).map(lambda count: "lorem ip " * (count // 9 + 1)),
            st.integers(1, 300).map("x".__mul__),
        ),
        max_size=25,
    ).map("".join)


# An opener's other words are not repeated with its language, so these have none.
orderly = texts(["\n```\n", "\n```py\n", "\n~~~\n", "\n````md\n", "\n  ```\n"], "ab \né🙂")
wild = texts(["```\n", "```py\n", "\n```\n", "~~~\n", "````md\n", "  ```\n", "``` QQ RR"], "ab \n`~é🙂")


@given(orderly, st.integers(MIN_LIMIT, 400))
@settings(max_examples=300, deadline=None)
def test_everything_is_shown(text: str, limit: int) -> None:
    """Every visible character outside of fence lines is shown, in order."""
    parts = split(text, limit)

    def visible(shown: str) -> str:
        return re.sub(r"[\s`~]|py|md", "", shown)

    assert visible("".join(part.text for part in parts)) == visible(text)


@given(wild, st.integers(MIN_LIMIT, 400))
@settings(max_examples=150, deadline=None)
def test_full_messages_stay_as_they_are_while_the_text_grows(text: str, limit: int) -> None:
    """Character by character, starts are only added, and all messages but the last are final."""
    before: tuple[Part, ...] = ()
    for end in range(0, len(text) + 1, 7):
        parts = split(text[:end], limit)
        assert [part.start for part in parts][: len(before)] == [part.start for part in before]
        assert parts[: len(before) - 1] == before[:-1]
        before = parts


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(MIN_LIMIT, 400))
@settings(max_examples=200, deadline=None)
def test_every_message_has_whole_fences(lines: list[int], limit: int) -> None:
    """Fence lines open and close in turn in each message."""
    text = "".join("```py\n" if size == 0 else "```\n" if size == 1 else "code " * size + "\n" for size in lines)
    for part in split(text, limit):
        inside = False
        for line in part.text.split("\n"):
            if line == "```py" and not inside:
                inside = True
            elif line == "```":
                inside = not inside
        assert not inside


@given(wild, st.integers(MIN_LIMIT, 400))
@settings(max_examples=300, deadline=None)
def test_messages_are_within_the_limit_and_never_empty(text: str, limit: int) -> None:
    """However fences, long lines and blank lines follow each other."""
    parts = split(text, limit)
    assert all(0 < len(part.text) <= limit and part.text.strip() for part in parts)
    assert [part.start for part in parts] == sorted({part.start for part in parts})
