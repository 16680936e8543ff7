"""What a job asks, placed in its thread."""

from __future__ import annotations

from dataclasses import dataclass

from conversation.model import Command, InboundMessage, Job, Role, Thread, Turn


@dataclass(frozen=True, slots=True)
class Question:
    """New turns, or an answer of the thread that is to go on, or a question of the thread that got no answer."""

    thread: Thread
    new: tuple[Turn, ...] = ()  # not stored yet
    continued: Turn | None = None
    unanswered: str = ""  # the exchange that Continue asks for anew

    @property
    def is_empty(self) -> bool:
        """There is nothing to answer: Continue was asked for where no answer stands last."""
        return not self.new and not self._exchange

    @property
    def _exchange(self) -> str:
        return self.continued.exchange if self.continued is not None else self.unanswered

    @property
    def asked(self) -> tuple[Turn, ...]:
        """The user turns to be answered. A continued answer belongs to the ones before it."""
        here = (turn for turn in self.thread.turns if turn.exchange == self._exchange and turn.role is Role.USER)
        return tuple(here) if self._exchange else self.new

    @property
    def earlier(self) -> tuple[Turn, ...]:
        """The thread without `asked` and its answer."""
        return tuple(turn for turn in self.thread.turns if turn.exchange != self._exchange)


def place(job: Job, thread: Thread) -> Question:
    """The job's question. Its turns' ids are made of the job's, so that settling twice adds them once."""
    if job.messages[0].command is Command.CONTINUE:
        if not thread.turns:
            return Question(thread)
        last = thread.turns[-1]
        return (
            Question(thread, continued=last)
            if last.role is Role.ASSISTANT
            else Question(thread, unanswered=last.exchange)
        )
    return Question(thread, tuple(_turn(job.id, index, message) for index, message in enumerate(job.messages)))


def _turn(job_id: str, index: int, message: InboundMessage) -> Turn:
    return Turn(
        id=f"{job_id}:{index}",
        exchange=job_id,
        role=Role.USER,
        text=message.text,
        at=message.sent_at,
        author_id=message.author_id,
        author_name=message.author_name,
        message_ids=(message.message_id,),
    )
