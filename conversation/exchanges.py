"""A thread's turns as a dialog that alternates, whatever people and failures made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from conversation.model import Ending, Role, Turn

MAX_NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class Exchange:
    """Questions and the answer that they got. `questions` is never empty; `answers` is while the question is open."""

    questions: tuple[Turn, ...]
    answers: tuple[Turn, ...] = ()

    @property
    def seq(self) -> int:
        """The place of its first turn; 0 when that is not stored yet."""
        return self.questions[0].seq

    @property
    def last_seq(self) -> int:
        return max(turn.seq for turn in self.turns)

    @property
    def turns(self) -> tuple[Turn, ...]:
        return self.questions + self.answers

    @property
    def user(self) -> str:
        """What the model reads as the user's turn: one person's messages as paragraphs, several people's as
        `Name: text` lines."""
        if len(self.questions) == 1:
            return self.questions[0].text
        return ("\n" if self._several else "\n\n").join(part for part in self.parts if part.strip())

    @property
    def parts(self) -> tuple[str, ...]:
        """The questions one by one, as they stand in `user`."""
        if len(self.questions) == 1:
            return (self.questions[0].text,)
        return tuple(
            f"{_name(turn)}: {turn.text.strip()}" if self._several else turn.text.strip() for turn in self.questions
        )

    @property
    def assistant(self) -> str | None:
        """The answer; None while there is none."""
        if len(self.answers) == 1:
            return self.answers[0].text
        return "\n\n".join(turn.text.strip() for turn in self.answers) if self.answers else None

    @property
    def _several(self) -> bool:
        return len({turn.author_id or turn.author_name for turn in self.questions}) > 1


def merge_turns(turns: Iterable[Turn]) -> tuple[Exchange, ...]:
    """The dialog, oldest exchange first; only the last can be without an answer.

    Neighbouring user turns become one. Left out are system turns (a thread's system prompt stands apart), empty and
    removed answers, and answers whose question is gone: those that follow no question, or none of their own exchange.
    An answer in several turns (imported from a platform that splits long messages) is one. A turn that stands alone
    keeps its text as it is; texts that are joined lose the white space around them.
    """
    merged: list[Exchange] = []
    for turn in turns:
        last = merged[-1] if merged else None
        if turn.role is Role.ASSISTANT:
            seen = turn.text.strip() and turn.ending is not Ending.REMOVED
            if seen and last is not None and _answers(turn, last.questions):
                merged[-1] = Exchange(last.questions, (*last.answers, turn))
        elif turn.role is Role.SYSTEM:
            continue
        elif last is None or last.answers:
            merged.append(Exchange((turn,)))
        else:
            merged[-1] = Exchange((*last.questions, turn))
    return tuple(merged)


def _answers(answer: Turn, questions: Sequence[Turn]) -> bool:
    return not answer.exchange or any(turn.exchange in {"", answer.exchange} for turn in questions)


def _name(turn: Turn) -> str:
    # One line, or a name could look like another person's message.
    return " ".join((turn.author_name or turn.author_id).split())[:MAX_NAME_CHARACTERS] or "Somebody"
