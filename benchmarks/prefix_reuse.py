"""How much of a thread's prompts a server's prefix cache can reuse: `python -m benchmarks.prefix_reuse [THREADS]`.

For every question of every thread the share of the prompt's tokens that are an exact beginning of the thread's
preceding prompt, in the ids form. Uses Code Llama's tokenizer.json where there is one, and else counts words, and says
which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report import Figure, Section, run
from benchmarks.threads import system_prompt, thread
from benchmarks.tokenizer import tokenizer_file
from benchmarks.windows import Asked, CorralWindow, SlidingWindow
from conversation.ports import Piece, Tokenizer
from conversation.prompts import Llama2Template, PromptFormat
from inference.tokenizers import FileTokenizer

THREADS = 20
PAIRS = 60
REPLY_TOKENS = 1024
BARS = {16_384: 0.88}


class WordTokenizer:
    """Stands in where there is no tokenizer: a word, or any other character, is a token."""

    fingerprint = "words"

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        parts = (part for piece in pieces for part in re.findall(r" ?\w+|\W", piece.text))
        return [self._ids.setdefault(part, len(self._ids)) for part in parts]


@dataclass(slots=True)
class Tally:
    """Sums over all prompts, in tokens."""

    tokens: int = 0
    reused: int = 0
    whole: int = 0  # what the prompts would have with everything in them, at most the budget
    cuts: int = 0

    def add(self, before: Sequence[int], asked: Asked) -> None:
        ids = asked.prompt.token_ids
        assert ids is not None
        self.tokens += len(ids)
        self.reused += min(_common_beginning(before, ids), len(ids) - 1)  # a server computes the last one anew
        self.whole += asked.whole_tokens
        self.cuts += asked.cut_moved

    @property
    def share(self) -> float:
        """Of the tokens that can be reused."""
        return self.reused / self.tokens

    def words(self, threads: int) -> str:
        """The rest of the figures."""
        computed = (self.tokens - self.reused) / threads
        return (
            f"{self.share:.1%}; per thread {computed:,.0f} tokens computed and {self.cuts / threads:.1f} cuts; "
            f"{self.tokens / self.whole:.0%} of the context kept"
        )


def _common_beginning(one: Sequence[int], two: Sequence[int]) -> int:
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == two[low:middle] else (low, middle - 1)
    return low


async def tally(
    policy: type[CorralWindow] | type[SlidingWindow], tokenizer: Tokenizer, budget: int, threads: int
) -> Tally:
    """All threads under one policy."""
    found = Tally()
    prompts = PromptFormat(Llama2Template(), tokenizer, "ids", server_adds_bos=False)
    for number in range(threads):
        window = policy(prompts, system_prompt(), budget)
        before: tuple[int, ...] = ()
        for pair in thread(number, PAIRS):
            asked = await window.ask(pair.question)
            found.add(before, asked)
            before = asked.prompt.token_ids or ()
            await window.answered(pair.answer)
    return found


async def measure(threads: int = THREADS) -> Section:
    """Both policies in a large and in a small window."""
    file = tokenizer_file()
    tokenizer: Tokenizer = await FileTokenizer.load(file) if file else WordTokenizer()
    words = "Code Llama's rebuilt tokenizer" if file else "a word counted as a token (no tokenizer.json was found)"
    figures = []
    for window in (16_384, 4_096):
        sliding = await tally(SlidingWindow, tokenizer, window - REPLY_TOKENS, threads)
        ours = await tally(CorralWindow, tokenizer, window - REPLY_TOKENS, threads)
        bar = BARS.get(window)
        figures.append(
            Figure(
                f"reusable, window of {window:,}",
                ours.words(threads),
                f"slide by one: {sliding.words(threads)}",
                f"at least {bar:.0%}" if bar else "",
                ours.share >= bar if bar else None,
            )
        )
    return Section(
        "How much of a thread's prompts a prefix cache can reuse",
        "python -m benchmarks.prefix_reuse",
        f"{threads} made-up threads of {PAIRS} questions, replies of at most {REPLY_TOKENS:,} tokens, {words}. The "
        "share of each prompt that is an exact beginning of the one before, with Corral's budget and with a window "
        "that slides by one pair.",
        tuple(figures),
    )


if __name__ == "__main__":
    run(measure)
