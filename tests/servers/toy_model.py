"""A model whose answers can be known: a function of the question alone, which goes on from any beginning of itself.

Vocabulary: 0 `<unk>`, 1 `<s>`, 2 `</s>`, then the 256 bytes, then whole words with the space before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

BOS, EOS = 1, 2
SPECIAL = {"<unk>": 0, "<s>": BOS, "</s>": EOS}
FIRST_BYTE = 3
FIRST_WORD = FIRST_BYTE + 256
# fmt: off
WORDS = tuple(" " + word for word in (
    "the", "loop", "list", "value", "index", "returns", "prints", "reads", "writes", "each", "line", "file", "name",
    "type", "error", "stack", "queue", "node", "first", "last", "next", "empty", "sorted", "copy", "with", "without",
    "before", "after", "while", "until", "because", "it", "is", "not", "only", "safe", "pure", "naïve", "日本", "🎉",
))
# fmt: on
_IDS = {word: FIRST_WORD + number for number, word in enumerate(WORDS)}
_SPLIT = re.compile("(" + "|".join(map(re.escape, sorted(SPECIAL, key=len, reverse=True))) + ")")
_WORD = re.compile("|".join(re.escape(word) for word in sorted(WORDS, key=len, reverse=True)))

# An answer that begins with a code block: its language, whether that line has ended, and the code.
_OPENED = re.compile(r"\s*```([\w.+#-]*)(\n?)(.*)", re.DOTALL)
_CLOSER = "\n```"
# Where an answer begins, and where its question does: Llama 2's and ChatML's.
_ANSWERS = ("[/INST]", "<|im_start|>assistant\n")
_QUESTIONS = ("[INST]", "<|im_start|>user\n")


@dataclass(frozen=True, slots=True)
class Token:
    """One token of an answer; `text` is empty while a character is not whole."""

    id: int
    text: str
    special: bool = False


class ToyModel:
    """Answers with `answer_tokens` words drawn by the question, and the end token."""

    def __init__(self, answer_tokens: int = 40) -> None:
        self.answer_tokens = answer_tokens

    def answer_to(self, question: str) -> str:
        """The whole answer, with its leading space, to a question without its system text."""
        draw = Random(question.strip())
        return "".join(draw.choice(WORDS) for _ in range(self.answer_tokens))

    def snippet_for(self, question: str, tag: str = "python") -> str:
        """The whole answer to a question where the model has to begin with a code block."""
        return f"```{tag}\n{self.answer_to(question)}\n```"

    def go_on(self, prompt: str) -> Iterator[Token]:
        """The tokens that follow a prompt, up to the end token. A prompt that ends within an answer is gone on with,
        also where it opens a code block for it; one that ends with something that is no beginning of the answer gets a
        sentence that says so. What is no dialog at all is gone on with as if nothing had been asked."""
        is_dialog = any(mark in prompt for mark in _ANSWERS)
        head, partial = _divided(prompt, _ANSWERS)
        _, question = _divided(head, _QUESTIONS)
        whole = self.answer_to(question.rpartition("<</SYS>>")[2].removesuffix("<|im_end|>\n") if is_dialog else "")
        if not is_dialog:
            said = next(length for length in range(len(whole), -1, -1) if prompt.endswith(whole[:length]))
            rest = whole[said:]
        elif (opened := _OPENED.match(partial)) is not None:
            tag, begun = opened[1], opened[3]
            opening = "" if opened[2] else f"{'python'.removeprefix(tag)}\n"
            rest = f"{opening}{_rest(f'{whole}{_CLOSER}', begun, partial)}"
        else:
            # A prompt's writer may have cut the leading space of a partial answer, or put one more before it.
            rest = _rest(whole, " " + partial.lstrip() if partial.strip() else "", partial)
        yield from tokens_of(rest)
        yield Token(EOS, "</s>", special=True)


def _rest(whole: str, begun: str, partial: str) -> str:
    return whole[len(begun) :] if whole.startswith(begun) else f" This is no beginning of my answer: {partial!r}"


def tokens_of(text: str) -> Iterator[Token]:
    """`text` as an answer's tokens: a word is one, any other character as many as it has bytes."""
    at = 0
    while at < len(text):
        if word := _WORD.match(text, at):
            yield Token(_IDS[word[0]], word[0])
            at = word.end()
            continue
        character = text[at]
        data = character.encode()
        for number, byte in enumerate(data, start=1):
            yield Token(FIRST_BYTE + byte, character if number == len(data) else "")
        at += 1


def pieces_of(text: str) -> Iterator[Token]:
    """`text`'s tokens with its special ones parsed, without BOS."""
    for part in _SPLIT.split(text):
        if part in SPECIAL:
            yield Token(SPECIAL[part], part, special=True)
        else:
            yield from tokens_of(part)


def encode(text: str, *, parse_special: bool) -> list[int]:
    """`text`'s ids, without BOS."""
    return [token.id for token in (pieces_of(text) if parse_special else tokens_of(text))]


def decode(ids: Sequence[int]) -> str:
    """The text of ids; special tokens as they are written."""
    names = {number: name for name, number in SPECIAL.items()}
    data = bytearray()
    for number in ids:
        if number in names:
            data += names[number].encode()
        elif number < FIRST_WORD:
            data.append(number - FIRST_BYTE)
        else:
            data += WORDS[number - FIRST_WORD].encode()
    return data.decode("utf-8", "replace")


def _divided(text: str, marks: Sequence[str]) -> tuple[str, str]:
    at, mark = max(((text.rfind(mark), mark) for mark in marks), key=lambda found: found[0])
    return (text, "") if at < 0 else (text[:at], text[at + len(mark) :])
