"""Made-up threads with the lengths of real ones, the same for everybody: everything is drawn from the thread's number.

Lengths are log-normal: questions have a median of 49 tokens, a quarter of them with code or a trace pasted in (median
330 tokens), answers have a median of 257 and at most 1,000, the reply's allowance.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import log

WORDS = (
    "the", "a", "list", "of", "files", "in", "this", "function", "returns", "value", "when", "error", "server", "path",
    "for", "each", "line", "read", "write", "test", "data", "key", "type", "and", "is", "not", "to", "from", "with",
    "if", "class", "import", "default", "string", "index", "table", "query", "user", "time", "set", "call", "name",
)  # fmt: skip
SYSTEM_PROMPT_WORDS = 150


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str


def thread(number: int, pairs: int = 60) -> list[Pair]:
    """The thread of that number. One word is about one token in Llama's vocabulary."""
    draw = random.Random(number)
    made = []
    for _ in range(pairs):
        asked = draw.lognormvariate(log(49), 0.8)
        if draw.random() < 0.25:
            asked += draw.lognormvariate(log(330), 0.9)
        answered = draw.lognormvariate(log(257), 0.75)
        made.append(Pair(_text(draw, min(asked, 4000), 3), _text(draw, min(answered, 1000), 8)))
    return made


def system_prompt() -> str:
    """One for all threads."""
    return _text(random.Random("system prompt"), SYSTEM_PROMPT_WORDS, 1)


def _text(draw: random.Random, words: float, least: int) -> str:
    return " ".join(draw.choices(WORDS, k=max(int(words), least)))
