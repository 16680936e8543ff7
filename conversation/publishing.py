"""A private answer that is shown to everybody: in its own conversation, or as the beginning of a new one.

The second is for platforms where one person's private questions are one conversation: who shares an answer does not
share what else was asked.
"""

from __future__ import annotations

from dataclasses import replace

from conversation import notices, offers
from conversation.delivery import Delivery
from conversation.model import Ending, Job, Role, Settlement, Turn
from conversation.ports import ThreadStore
from conversation.shape import Shape
from conversation.skills import one_skill, shape_of


def of_elsewhere(exchange: str, conversation_id: str) -> str:
    """The `target` of a SHOW whose exchange is in another conversation."""
    return f"{conversation_id}/{exchange}"


async def show(job: Job, threads: ThreadStore, delivery: Delivery) -> Settlement:
    """From now on these messages show the answer. Safe to repeat. Raises LeaseLost and StoreUnavailable."""
    conversation_id, is_elsewhere, exchange = job.messages[0].target.rpartition("/")
    turns = await threads.turns(conversation_id or job.conversation_id)
    found = [turn for turn in turns if turn.exchange == exchange]
    answer = next((turn for turn in found if turn.role is Role.ASSISTANT), None)
    if answer is None:
        return Settlement(Ending.REMOVED)  # forgotten meanwhile
    ending = answer.ending or Ending.COMPLETE
    private = job.messages[0].private
    offered = offers.after(ending, job.id if is_elsewhere else exchange, has_text=True, private=private)
    asked = one_skill([turn for turn in found if turn.role is Role.USER])
    delivery.file_name = next((turn.file_name for turn in found if turn.file_name), "")
    delivery.repeat(answer.text, answer.code, shape_of(asked.skill, asked.language, asked.code) if asked else Shape())
    await delivery.close(ending, notices.of_ending(ending), offered)
    # What everybody saw meanwhile is what is made anew and gone on with.
    if delivery.barred is not None or private:
        return Settlement(ending)
    shown = replace(answer, message_ids=delivery.message_ids, last_start=delivery.last_start)
    # Here it is one answer in two places, and the private one can no longer be made anew: everybody's would stay as it
    # is, and what is said below it would be about another.
    return Settlement(ending, turns=_copied(job, found, shown) if is_elsewhere else (replace(shown, shared=True),))


def _copied(job: Job, turns: list[Turn], shown: Turn) -> tuple[Turn, ...]:
    """The exchange as one of this job's, with its answer as it is shown now."""
    asked = [turn for turn in turns if turn.role is Role.USER]
    copies = [
        replace(turn, id=f"{job.id}:{number}", exchange=job.id, message_ids=(), seq=0)
        for number, turn in enumerate(asked)
    ]
    return (*copies, replace(shown, id=f"{job.id}:answer", exchange=job.id, seq=0))
