"""Two ways to choose what of a thread a model sees: Corral's budget, and the window that slides by one pair, which is
what most bots do. Both make their prompts with the same renderer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conversation.budget import fit
from conversation.model import Message, Role, Turn
from conversation.ports import Prompt
from conversation.prompts import PromptFormat


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt, and what it leaves out."""

    prompt: Prompt
    whole_tokens: int  # what it would have with everything in it, at most the budget
    cut_moved: bool


class Window(Protocol):
    """One thread's."""

    async def ask(self, question: str) -> Asked: ...

    async def answered(self, answer: str) -> None: ...


class CorralWindow:
    """As the manager asks: cut and counts are stored between the questions."""

    name = "corral"

    def __init__(self, prompts: PromptFormat, system: str, budget: int) -> None:
        self._prompts, self._system, self._budget = prompts, system, budget
        self._turns: list[Turn] = []
        self._counts: dict[str, int] = {}
        self._cut = 0
        self._question = ""

    async def ask(self, question: str) -> Asked:
        """The prompt of the next question."""
        turn = self._turn(Role.USER, question)
        fitted = await fit(self._turns, [turn], self._system, self._prompts, self._budget, self._cut, self._counts)
        self._counts |= fitted.new_counts
        assert fitted.prompt.tokens <= self._budget
        self._cut, self._question = fitted.cut, fitted.question_texts[0]
        return Asked(fitted.prompt, min(sum(self._counts.values()), self._budget), fitted.earlier_dropped)

    async def answered(self, answer: str) -> None:
        """Question and answer are part of the thread now."""
        self._turns.append(self._turn(Role.USER, self._question))
        self._turns.append(self._turn(Role.ASSISTANT, answer))

    def _turn(self, role: Role, text: str) -> Turn:
        place = len(self._turns)
        return Turn(str(place), str(place // 2), role, text, 0.0, seq=place + 1)


class SlidingWindow:
    """The oldest pairs go whenever the prompt is over the budget."""

    name = "slide by one"

    def __init__(self, prompts: PromptFormat, system: str, budget: int) -> None:
        self._prompts, self._budget = prompts, budget
        self._head = Message(Role.SYSTEM, system)
        self._dialog: list[Message] = []
        self._sizes: list[int] = []
        self._first = 0
        self._question = Message(Role.USER, "")

    async def ask(self, question: str) -> Asked:
        """The prompt of the next question."""
        self._question, start = Message(Role.USER, question), self._first
        fixed = await self._prompts.count(self._head) + await self._prompts.opening_tokens()
        fixed += await self._prompts.count(self._question)
        while fixed + sum(self._sizes[self._first :]) > self._budget and self._first < len(self._sizes):
            self._first += 1
        prompt = await self._prompts.build([self._head, *self._dialog[2 * self._first :], self._question])
        return Asked(prompt, min(fixed + sum(self._sizes), self._budget), self._first > start)

    async def answered(self, answer: str) -> None:
        """Question and answer are part of the thread now."""
        pair = (self._question, Message(Role.ASSISTANT, answer))
        self._dialog += pair
        self._sizes.append(sum([await self._prompts.count(message) for message in pair]))
