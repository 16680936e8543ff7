"""What a job asks, placed in its thread."""

from __future__ import annotations

from dataclasses import dataclass

from conversation.model import Command, InboundMessage, Job, Role, Thread, Turn


@dataclass(frozen=True, slots=True)
class Question:
    """Either new turns, or an answer of the thread that is to go on."""

    thread: Thread
    new: tuple[Turn, ...] = ()  # not stored yet
    continued: Turn | None = None

    @property
    def is_empty(self) -> bool:
        """There is nothing to answer: Continue was asked for where no answer stands last."""
        return not self.new and self.continued is None

    @property
    def asked(self) -> tuple[Turn, ...]:
        """The user turns to be answered. A continued answer belongs to the ones before it."""
        if self.continued is None:
            return self.new
        exchange = self.continued.exchange
        return tuple(turn for turn in self.thread.turns if turn.exchange == exchange and turn.role is Role.USER)

    @property
    def earlier(self) -> tuple[Turn, ...]:
        """The thread before `asked`."""
        if self.continued is None:
            return self.thread.turns
        here = {turn.id for turn in self.asked} | {self.continued.id}
        return tuple(turn for turn in self.thread.turns if turn.id not in here)


def place(job: Job, thread: Thread) -> Question:
    """The job's question. Its turns' ids are made of the job's, so that settling twice adds them once."""
    if job.messages[0].command is Command.CONTINUE:
        last = thread.turns[-1] if thread.turns else None
        return Question(thread, continued=last if last is not None and last.role is Role.ASSISTANT else None)
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
