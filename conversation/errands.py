"""Jobs that need no model: they stand in the same queue, in the order of their thread, and end as surely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conversation import guide, notices, offers
from conversation.above import is_read_above
from conversation.delivery import Delivery
from conversation.model import Command, Ending, Job, Offer, Role, Settlement, Turn
from conversation.ports import ThreadStore
from conversation.publishing import show
from conversation.question import edited
from conversation.report import Reporter


async def run_errand(job: Job, threads: ThreadStore, delivery: Delivery, reporter: Reporter) -> Settlement:
    """Do what the job says and say so where it was asked; what is left to do is to settle it. Every step is safe to
    repeat. Raises LeaseLost and StoreUnavailable."""
    message = job.messages[0]
    if message.command.is_aside:
        return await _aside(job, delivery, reporter)
    # Before anything is taken away or changed: who slept past the lease must not do it to what came after.
    await delivery.save()
    if message.command is Command.FORGET:
        await threads.forget(job.conversation_id)
        # Without words nobody asked for it: the place is gone.
        return await _say(delivery, notices.FORGOTTEN) if message.text else Settlement(Ending.REMOVED)
    if message.command is Command.SHOW:
        return await show(job, threads, delivery)
    turns = await threads.turns(job.conversation_id)
    if message.command is Command.REMOVE:
        # The messages first: once the turns are gone, nobody knows which they were.
        delivery.begin_in(_answered_in(turns, message.target))
        await delivery.close(Ending.REMOVED, "")
        await threads.purge_message(job.conversation_id, message.target)
        return Settlement(Ending.REMOVED)
    return await _edited(job, turns, threads, delivery)


async def _aside(job: Job, delivery: Delivery, reporter: Reporter) -> Settlement:
    message = job.messages[0]
    if message.command is Command.HELP:
        text = guide.HELP_DIRECTLY if message.target == guide.DIRECT else guide.HELP
        return await _say(delivery, text, guide.examples())
    if message.command is Command.STATUS:
        return await _say(delivery, await reporter.report(message.address, message.author_id))
    return await _say(delivery, "\n".join(filter(None, (message.text, message.remarks))))


async def _edited(job: Job, turns: Sequence[Turn], threads: ThreadStore, delivery: Delivery) -> Settlement:
    message = job.messages[0]
    turn = next((turn for turn in turns if message.target in turn.message_ids), None)
    if turn is None or turn.edited_at > message.edited_at:
        return Settlement(Ending.REMOVED)
    is_theirs = is_read_above(
        turn.exchange
    )  # people's own conversation: it asks us nothing, and needs no remark of ours
    if is_theirs:
        message = replace(message, skill=turn.skill, language=turn.language, code=turn.code, file_name=turn.file_name)
    if _asks_the_same(edited(turn, message), turn):
        return Settlement(Ending.REMOVED)
    await threads.edit_turn(job.conversation_id, message)
    if is_theirs:
        return Settlement(Ending.REMOVED)
    return await _say(delivery, notices.YOU_EDITED, offers.answer_again(turn.exchange))


def _asks_the_same(one: Turn, other: Turn) -> bool:
    asked = [(turn.text.strip(), turn.skill, turn.language, turn.code) for turn in (one, other)]
    return asked[0] == asked[1]


async def _say(delivery: Delivery, text: str, offered: tuple[Offer, ...] = ()) -> Settlement:
    await delivery.close(Ending.COMPLETE, text, offered)
    return Settlement(Ending.COMPLETE)


def _answered_in(turns: Sequence[Turn], message_id: str) -> tuple[str, ...]:
    """Our messages that go when a person's message goes: those of the answer whose last question it is."""
    gone = {turn.id: turn for turn in turns if message_id in turn.message_ids and turn.role is Role.USER}
    left = {turn.exchange for turn in turns if turn.role is Role.USER and turn.id not in gone}
    exchanges = {turn.exchange for turn in gone.values()} - left
    answers = (turn for turn in turns if turn.role is Role.ASSISTANT and turn.exchange in exchanges)
    return tuple(dict.fromkeys(message_id for turn in answers for message_id in turn.message_ids))
