"""Text that looks like a control token, made harmless for prompts that are sent as text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_CLOSING = ")]}>"


def neutralise(text: str, control_words: Iterable[str]) -> str:
    """`text` with one ASCII space inside every control word: `<s >`, `[INST ]`, `<<SYS >>`, `<|im_end| >`.

    The space stands before the word's last run of closing brackets, or after its first character where it has none.
    Words are matched exactly, case included; spaces around a word do not belong to it. The result holds none of the
    words, and doing it again changes nothing. Raises ValueError for a word of one character: no space breaks it.
    """
    pattern, broken = _compiled(tuple(control_words))
    if pattern is None:
        return text
    # Breaking one word can leave another that overlapped it (`<<s>`), so this goes on until nothing is found. It
    # ends: a space only ever widens a gap between two characters inside a word, and no word holds a gap wider than
    # the longest of them.
    while pattern.search(text):
        text = pattern.sub(lambda found: broken[found[0]], text)
    return text


@lru_cache(maxsize=32)
def _compiled(control_words: tuple[str, ...]) -> tuple[re.Pattern[str] | None, dict[str, str]]:
    words = sorted({word.strip(" ") for word in control_words} - {""}, key=lambda word: (-len(word), word))
    for word in words:
        if len(word) == 1:
            raise ValueError(f"a control word of one character cannot be made harmless: {word!r}")
    broken = {word: _with_space(word) for word in words}
    return (re.compile("|".join(map(re.escape, words))) if words else None), broken


def _with_space(word: str) -> str:
    inner = len(word.rstrip(_CLOSING))
    at = inner if 0 < inner < len(word) else 1
    return f"{word[:at]} {word[at:]}"
