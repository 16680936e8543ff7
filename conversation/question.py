"""What a job asks, placed in its thread."""

from __future__ import annotations

from dataclasses import dataclass, replace

from conversation import notices
from conversation.model import Command, InboundMessage, Job, Role, Skill, Thread, Turn
from conversation.shape import Shape
from conversation.skills import is_in_words, one_skill, shape_of


@dataclass(frozen=True, slots=True)
class Question:
    """New turns, or an exchange of the thread: its answer is to go on (`continued`), or it is to be answered anew."""

    thread: Thread
    new: tuple[Turn, ...] = ()  # not stored yet
    exchange: str = ""  # of the thread
    continued: Turn | None = None

    @property
    def is_empty(self) -> bool:
        """There is nothing to answer."""
        return not self.asked

    @property
    def asked(self) -> tuple[Turn, ...]:
        """The user turns to be answered. A continued answer belongs to the ones before it."""
        stored = (turn for turn in self.thread.turns if turn.exchange == self.exchange and turn.role is Role.USER)
        return tuple(stored) if self.exchange else self.new

    @property
    def skill(self) -> Skill:
        """What is to be done."""
        turn = one_skill(self.asked)
        return turn.skill if turn is not None else Skill.ASK

    @property
    def of_code(self) -> Turn | None:
        """The turn whose code itself is worked on; None for a question in words."""
        turn = one_skill(self.asked)
        return turn if turn is not None and turn.code and not is_in_words(turn.skill) else None

    @property
    def shape(self) -> Shape:
        """How the answer is shown."""
        turn = one_skill(self.asked)
        return shape_of(turn.skill, turn.language, turn.code) if turn is not None else Shape()

    @property
    def file_name(self) -> str:
        """The one file that its code came in; "" for none."""
        turn = one_skill(self.asked)
        return turn.file_name if turn is not None else ""

    @property
    def old_answer(self) -> Turn | None:
        """What the exchange was answered with before."""
        turns = (turn for turn in self.thread.turns if turn.exchange == self.exchange and turn.role is Role.ASSISTANT)
        return next(turns, None) if self.exchange else None

    @property
    def earlier(self) -> tuple[Turn, ...]:
        """What of the thread the model reads before `asked`: of an exchange that is not the last, what came before."""
        if not self.exchange:
            return self.thread.turns
        first = min((turn.seq for turn in self.asked), default=0)
        return tuple(turn for turn in self.thread.turns if turn.exchange != self.exchange and turn.seq < first)


def place(job: Job, thread: Thread) -> Question:
    """The job's question. Its turns' ids are made of the job's, so that settling twice adds them once."""
    message = job.messages[0]
    if message.command is Command.AGAIN:
        return Question(thread, exchange=message.target)
    if message.command is Command.CONTINUE:
        last = thread.turns[-1] if thread.turns else None
        if last is None or message.target not in {"", last.exchange}:
            return Question(thread)
        return Question(thread, exchange=last.exchange, continued=last if last.role is Role.ASSISTANT else None)
    new = tuple(_turn(job.id, index, message) for index, message in enumerate(job.messages))
    if not any(turn.text.strip() for turn in new):
        # Only a mention: it points to what stands above it, if there is anything.
        new = (replace(new[0], text=notices.SEE_ABOVE),) if thread.turns else ()
    return Question(thread, new)


def edited(turn: Turn, edit: InboundMessage) -> Turn:
    """The turn of a message that was edited: it asks what the edit asks, and stays in its place."""
    return replace(
        turn,
        text=edit.text,
        skill=edit.skill,
        language=edit.language,
        code=edit.code,
        file_name=edit.file_name,
        edited_at=edit.edited_at,
    )


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
        edited_at=message.edited_at,
        skill=message.skill,
        # Never the thread's preferred one: an answer begun in it could be in no other, whatever the words ask for. The
        # system prompt says which is preferred.
        language=message.language,
        code=message.code,
        file_name=message.file_name,
    )
