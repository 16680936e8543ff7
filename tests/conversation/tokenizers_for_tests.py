"""Tokenizers for the tests of prompts: a toy that is always there, and Code Llama's where its file is found."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import tokenizers  # type: ignore[import-untyped,unused-ignore]

from conversation.ports import Piece, Tokenizer
from conversation.prompts import LLAMA2_CONTROL_WORDS
from inference.tokenizers import FileTokenizer

_REPOSITORY = Path(__file__).parents[2]
_SHARED = _REPOSITORY.parent / "shared" / "data" / "tokenizers" / "codellama" / "tokenizer.json"


class ToyTokenizer:
    """One id for each control word in a control piece and for each run of letters or other byte in any piece.

    As a server does with text: whatever looks like a control word in a control piece becomes one.
    """

    FIRST_PLAIN_ID = 100

    def __init__(self, control_words: Sequence[str] = LLAMA2_CONTROL_WORDS) -> None:
        self.words = list(control_words)
        self._split = re.compile("(" + "|".join(map(re.escape, sorted(self.words, key=len, reverse=True))) + ")")
        self.encoded = 0  # pieces

    @property
    def fingerprint(self) -> str:
        return "toy"

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        ids: list[int] = []
        for piece in pieces:
            self.encoded += 1
            for part in self._split.split(piece.text) if piece.control else [piece.text]:
                if piece.control and part in self.words:
                    ids.append(1 + self.words.index(part))
                else:
                    ids += self._plain(part)
        return ids

    def _plain(self, text: str) -> list[int]:
        tokens = re.findall(rb" ?[A-Za-z]{1,4}|[^A-Za-z]", text.encode(errors="surrogatepass"))
        return [self.FIRST_PLAIN_ID + int.from_bytes(token) % 2**31 for token in tokens]

    def control_ids(self, ids: Sequence[int]) -> list[str]:
        """The control words that a model would read."""
        return [self.words[number - 1] for number in ids if number < self.FIRST_PLAIN_ID]


class CodeLlamaTokenizer(FileTokenizer):
    """The program's own tokenizer over Code Llama's file, and back."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.read_bytes())
        self._decoder = tokenizers.Tokenizer.from_file(str(path))

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._decoder.decode(list(ids), skip_special_tokens=False))


_: type[Tokenizer] = ToyTokenizer


def codellama_path() -> Path | None:
    """The tokenizer.json that MODEL_TOKENIZER names, or the one in ../shared; None where there is neither."""
    named = os.environ.get("MODEL_TOKENIZER", "")
    for path in (Path(named), _SHARED) if named else (_SHARED,):
        if path.is_file():
            return path
    return None


def codellama_tokenizer() -> CodeLlamaTokenizer:
    """Code Llama's tokenizer; skips the test where its file is not found."""
    path = codellama_path()
    if path is None:
        pytest.skip("Code Llama's tokenizer.json is not here: set MODEL_TOKENIZER to its path")
    return CodeLlamaTokenizer(path)
