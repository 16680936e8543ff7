"""How much of a thread's prompts a server's prefix cache can reuse: `python -m benchmarks.prefix_reuse [THREADS]`.

For every question of every thread the share of the prompt's tokens that are an exact beginning of the thread's
preceding prompt, in the ids form. Corral's budget stands against a window that slides by one pair, which is what most
bots do, with the same renderer. Uses Code Llama's tokenizer.json where MODEL_TOKENIZER or ../shared has it, and else
counts words, and says which.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.threads import Pair, system_prompt, thread
from conversation.budget import fit
from conversation.model import Message, Role, Turn
from conversation.ports import Piece, Tokenizer
from conversation.prompts import Llama2Template, PromptFormat
from inference.tokenizers import FileTokenizer

REPLY_TOKENS = 1024
PAIRS = 60
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

    prompts: int = 0
    tokens: int = 0
    reused: int = 0
    whole: int = 0  # what the prompts would have with everything in them, at most the budget
    cuts: int = 0

    def add(self, before: Sequence[int], ids: Sequence[int], whole: int, *, moved: bool) -> None:
        self.prompts += 1
        self.tokens += len(ids)
        self.reused += min(_common_beginning(before, ids), len(ids) - 1)  # a server computes the last one anew
        self.whole += whole
        self.cuts += moved


def _common_beginning(one: Sequence[int], two: Sequence[int]) -> int:
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == two[low:middle] else (low, middle - 1)
    return low


async def corral(prompts: PromptFormat, pairs: Sequence[Pair], system: str, budget: int, tally: Tally) -> None:
    """One thread as the manager asks it: cut and counts are stored between the questions."""
    turns: list[Turn] = []
    counts: dict[str, int] = {}
    cut, before = 0, tuple[int, ...]()
    for number, pair in enumerate(pairs):
        question = Turn("", str(number), Role.USER, pair.question, 0.0)
        fitted = await fit(turns, [question], system, prompts, budget, cut, counts)
        counts |= fitted.new_counts
        assert fitted.prompt.token_ids is not None
        assert fitted.prompt.tokens <= budget
        whole = min(sum(counts.values()), budget)
        tally.add(before, fitted.prompt.token_ids, whole, moved=fitted.earlier_dropped)
        cut, before = fitted.cut, fitted.prompt.token_ids
        turns.append(Turn("", str(number), Role.USER, fitted.question_texts[0], 0.0, seq=2 * number + 1))
        turns.append(Turn("", str(number), Role.ASSISTANT, pair.answer, 0.0, seq=2 * number + 2))


async def sliding(prompts: PromptFormat, pairs: Sequence[Pair], system: str, budget: int, tally: Tally) -> None:
    """One thread whose oldest pair goes whenever the prompt is over the budget."""
    head = Message(Role.SYSTEM, system)
    dialog: list[Message] = []
    sizes: list[int] = []
    base, first, before = await prompts.count(head), 0, tuple[int, ...]()
    for pair in pairs:
        question, answer = Message(Role.USER, pair.question), Message(Role.ASSISTANT, pair.answer)
        asked = await prompts.count(question)
        start = first
        while base + sum(sizes[first:]) + asked > budget and first < len(sizes):
            first += 1
        ids = (await prompts.build([head, *dialog[2 * first :], question])).token_ids
        assert ids is not None
        tally.add(before, ids, min(base + sum(sizes) + asked, budget), moved=first > start)
        before = ids
        dialog += question, answer
        sizes.append(asked + await prompts.count(answer))


async def main(threads: int) -> int:
    """Print the table; 1 when a bar is missed."""
    tokenizer, words = await _tokenizer()
    print(f"{threads} threads of {PAIRS} questions, {words}; a reply may have {REPLY_TOKENS} tokens\n")
    print("window  policy        reusable  computed/thread  context kept  cuts/thread  seconds")
    missed = False
    for window in (16_384, 4_096):
        for policy in (sliding, corral):
            tally, started = Tally(), time.perf_counter()
            prompts = PromptFormat(Llama2Template(), tokenizer, "ids", server_adds_bos=False)
            for number in range(threads):
                await policy(prompts, thread(number, PAIRS), system_prompt(), window - REPLY_TOKENS, tally)
            share = tally.reused / tally.tokens
            name = "slide by one" if policy is sliding else "corral"
            print(
                f"{window:>6}  {name:<12}  {share:>8.1%}  {(tally.tokens - tally.reused) / threads:>15,.0f}"
                f"  {tally.tokens / tally.whole:>12.1%}  {tally.cuts / threads:>11.1f}"
                f"  {time.perf_counter() - started:>7.1f}",
                flush=True,
            )
            if policy is corral and share < BARS.get(window, 0.0):
                missed = True
                print(f"        under the bar of {BARS[window]:.0%}")
    return int(missed)


async def _tokenizer() -> tuple[Tokenizer, str]:
    shared = Path(__file__).parents[2] / "shared" / "data" / "tokenizers" / "codellama" / "tokenizer.json"
    path = Path(os.environ.get("MODEL_TOKENIZER", shared))
    if path.is_file():
        return await FileTokenizer.load(path), f"Code Llama's rebuilt tokenizer ({path.name})"
    return WordTokenizer(), "a word counted as a token (no tokenizer.json found)"


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)))
