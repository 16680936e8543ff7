"""What people wrote before a question that points to it: read once, kept in the thread, told in the answer."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from conversation import notices
from conversation.errors import DeliveryError
from conversation.intake import storable
from conversation.model import Job, Thread, ThreadId, Turn
from conversation.ports import Earlier, History, ThreadStore

log = logging.getLogger(__name__)


_MARK = ":above"


def is_read_above(exchange: str) -> bool:
    """Whether a turn's exchange says that it was read, and not said to us."""
    return f"{_MARK}:" in exchange


@dataclass(frozen=True, slots=True)
class Above:
    """The thread with what was read, and what the person is told about it."""

    thread: Thread
    notice: str = ""


async def read_above(
    job: Job, thread: Thread, threads: ThreadStore, history: History | None, assure: Callable[[], Awaitable[None]]
) -> Above:
    """Add what the job's messages point to to the thread, but for what was to be forgotten. Whoever begins the job
    again adds nothing twice, and tells the same. A platform that does not let us read is told of, and the question is
    answered without. `assure` raises LeaseLost when the job is not ours any more: reading can take long."""
    if history is None or not any(message.above for message in job.messages):
        return Above(thread)
    exchange = f"{job.id}{_MARK}"
    known = {message_id for turn in thread.turns for message_id in turn.message_ids}
    known.update(message.message_id for message in job.messages)
    try:
        found = await history.earlier(job, known)
    except DeliveryError as error:
        log.warning("what job %s points to could not be read: %s", job.id, error)
        found = Earlier(notice=error.user_notice)
    if turns := [turn for turn in found.turns if turn.at > thread.forgotten_at]:
        await assure()
        # First: whoever deletes one of them meanwhile has it removed after this.
        await threads.cite([_source(job, turn, found) for turn in turns], job.messages[0].address)
        await threads.add(
            thread.conversation_id,
            [_kept(turn, f"{exchange}:{turn.id}") for turn in turns],
        )
        thread = await threads.open(thread.conversation_id, thread.system_prompt, thread.preferences)
    read = sum(turn.exchange.startswith(f"{exchange}:") for turn in thread.turns)
    said = [notices.read_above(read) if read else "", found.notice]
    return Above(thread, "\n".join(sentence for sentence in said if sentence))


def _source(job: Job, turn: Turn, found: Earlier) -> ThreadId:
    at = job.messages[0].address
    return ThreadId(at.platform, at.tenant, found.elsewhere.get(turn.id, at.channel), turn.message_ids[0])


def _kept(turn: Turn, name: str) -> Turn:
    return replace(
        turn,
        id=name,
        exchange=name,
        text=storable(turn.text),
        author_id=storable(turn.author_id),
        author_name=storable(turn.author_name),
    )
