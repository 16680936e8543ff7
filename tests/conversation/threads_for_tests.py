"""Threads for the tests of the budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversation.budget import Fitted, fit
from conversation.model import Ending, Role, Turn
from conversation.prompts import Llama2Template, PromptFormat
from tests.conversation.tokenizers_for_tests import ToyTokenizer

SYSTEM = "Answer briefly."


def user(text: str, seq: int = 0, *, author: str = "Ann", exchange: str = "") -> Turn:
    """A question as the store keeps it; `seq` 0 is not stored yet."""
    return Turn(f"u{seq}", exchange, Role.USER, text, 0.0, author_id=author.lower(), author_name=author, seq=seq)


def bot(text: str, seq: int = 0, *, exchange: str = "", ending: Ending = Ending.COMPLETE) -> Turn:
    """An answer as the store keeps it."""
    return Turn(f"a{seq}", exchange, Role.ASSISTANT, text, 0.0, ending=ending, seq=seq)


def words(count: int) -> str:
    """A text of `count` toy tokens."""
    return "word" + " word" * (count - 1) if count else ""


def thread(*sizes: tuple[int, int]) -> list[Turn]:
    """Exchanges whose question and answer have so many toy tokens, numbered from 1."""
    turns: list[Turn] = []
    for index, (question, answer) in enumerate(sizes):
        job = f"job{index}"
        turns += user(words(question), 2 * index + 1, exchange=job), bot(words(answer), 2 * index + 2, exchange=job)
    return turns


def toy_format() -> PromptFormat:
    return PromptFormat(Llama2Template(), ToyTokenizer(), "ids", False)


async def fit_toy(
    turns: Sequence[Turn],
    question: str | Sequence[Turn],
    budget: int,
    *,
    stored_cut: int = 0,
    system: str = SYSTEM,
    prompts: PromptFormat | None = None,
    counts: Mapping[str, int] | None = None,
) -> Fitted:
    """`fit` with the toy tokenizer."""
    asked = [user(question)] if isinstance(question, str) else question
    return await fit(turns, asked, system, prompts or toy_format(), budget, stored_cut, counts or {})
