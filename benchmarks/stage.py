"""An app at work on a platform that nobody else uses, and what the platform and the model's server saw of its answers:
each a process of its own, and all by one clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from benchmarks.programs import POLL_SECONDS, Program
from benchmarks.timed_model import ANSWER_SECONDS, Generation, answer_to, generations


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asked in a channel. The answer's thread has `id`, which is the question's message."""

    number: int
    text: str
    channel: str
    id: str
    asked_at: float


# Added to the numbers of what a second app is asked at the same time: that tells its answers from the first one's in
# the model's records. A multiple of 40, so that channels and people stay the same.
OTHERS = 1000


def text_of(number: int) -> str:
    """What the question of this number says."""
    return f"Why is list number {number} of the files empty when it is read a second time?"


@dataclass(frozen=True, slots=True)
class State:
    """What a message showed from `at` on, Unix seconds."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Message:
    """The app's message in a thread. `body` is the answer's text in it now; `has_ended`: it says that no more comes."""

    id: str
    thread: str | None
    body: str
    has_ended: bool
    states: tuple[State, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question: the app's messages in the thread with all their states, and the model's work."""

    question: Question
    messages: tuple[Message, ...]
    generations: tuple[Generation, ...]

    @property
    def is_whole(self) -> bool:
        """One message, that has ended and shows all that the model says to this question."""
        return len(self.messages) == 1 and self.ends_whole

    @property
    def ends_whole(self) -> bool:
        """The last message has ended and shows all that the model says to this question."""
        if not self.messages:
            return False
        last = self.messages[-1]
        return last.has_ended and last.body.split() == answer_to(self.question.text).split()

    @property
    def states(self) -> list[State]:
        """Of all messages."""
        return [state for message in self.messages for state in message.states]

    @property
    def first_text_at(self) -> float | None:
        """When the platform showed the first text of the answer, Unix seconds."""
        word = answer_to(self.question.text).split()[0]
        return min((state.at for state in self.states if word in state.text), default=None)

    @property
    def wait(self) -> float | None:
        """Seconds from the question to that moment."""
        return None if self.first_text_at is None else self.first_text_at - self.question.asked_at

    @property
    def first_lag(self) -> float | None:
        """Seconds from the model's first token to that moment, the call included."""
        tokens = [made.first_at for made in self.generations if made.first_at is not None]
        return self.first_text_at - min(tokens) if self.first_text_at is not None and tokens else None

    @property
    def end_lag(self) -> float | None:
        """Seconds from the model's last token to the message's final state, the call included; None when the answer
        did not become whole."""
        ends = [made.last_at for made in self.generations if made.has_ended and made.last_at is not None]
        return self.states[-1].at - max(ends) if self.is_whole and ends else None


class Platform(Protocol):
    """A local platform's controls."""

    async def ask(self, number: int) -> Question:
        """Ask the app, for each number in another channel and by another person, up to 40."""

    async def messages(self) -> list[Message]:
        """All of the app's, with every state."""

    async def refused(self) -> int:
        """How many calls were answered 429."""


P = TypeVar("P", bound=Platform)


@dataclass(slots=True)
class Stage(Generic[P]):
    """An app and its platform. `model` is the address of its model's server."""

    platform: P
    model: str
    program: Program

    async def ask_all(self, numbers: Sequence[int]) -> list[Question]:
        """All at once."""
        return list(await asyncio.gather(*map(self.platform.ask, numbers)))

    async def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """How they stand now."""
        messages, made = await self.platform.messages(), await generations(self.model)
        return [
            Answer(
                question,
                tuple(one for one in messages if one.thread == question.id),
                # Two apps may be asked the same, one after the other.
                tuple(one for one in made if one.question == question.text and one.asked_at >= question.asked_at),
            )
            for question in questions
        ]

    async def until_whole(self, questions: Sequence[Question], seconds: float) -> list[Answer]:
        """The answers to questions that were just asked, as soon as all are whole, or when so many seconds are over."""
        await asyncio.sleep(ANSWER_SECONDS)  # looking costs processor time, which what is measured needs
        return await self.until(questions, lambda answer: answer.is_whole, seconds - ANSWER_SECONDS)

    async def until(
        self, questions: Sequence[Question], holds: Callable[[Answer], bool], seconds: float
    ) -> list[Answer]:
        """The answers, as soon as it holds for all of them, or when so many seconds are over."""
        end = time.monotonic() + seconds
        while True:
            answers = await self.answers(questions)
            if all(map(holds, answers)) or time.monotonic() > end:
                return answers
            await asyncio.sleep(POLL_SECONDS)
