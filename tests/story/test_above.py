"""Mentioned in the middle of people's conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from conversation import notices
from conversation.errors import DeliveryError
from conversation.model import Ending, Job
from conversation.ports import Earlier
from conversation.reception import Heard
from tests.story.conftest import Town
from tests.waiting import until


async def _mention(town: Town, text: str) -> str:
    heard = Heard(replace(town.message(text, key="q"), above=("thread:t",)), mentioned=True)
    accepted = await town.reception.hear(heard)
    assert accepted is not None
    await town.settled(accepted.conversation_id)
    return accepted.conversation_id


async def test_the_thread_so_far_is_read_named_and_announced(town: Town) -> None:
    """The model sees who said what; people see that it was read."""
    town.history.messages = [("1", "Bob", "it crashes"), ("2", "Eve", "on line 3?")]
    async with town.worker():
        conversation_id = await _mention(town, "what is wrong?")
    assert town.model.prompts == ["[INST] Bob: it crashes\nEve: on line 3?\nAda: what is wrong? [/INST]"]
    assert town.last.notice == notices.read_above(2)
    assert (await town.turns(conversation_id))[:2] == [("user", "it crashes"), ("user", "on line 3?")]


async def test_what_was_read_once_is_not_read_again(town: Town) -> None:
    """The next mention adds only what people wrote since."""
    town.history.messages = [("1", "Bob", "it crashes")]
    async with town.worker():
        await _mention(town, "what is wrong?")
        town.history.messages += [("q", "Ada", "what is wrong?"), ("3", "Bob", "still")]
        heard = Heard(replace(town.message("now?", key="q2"), above=("thread:t",)), mentioned=True)
        accepted = await town.reception.hear(heard)
        assert accepted is not None
        await town.settled(accepted.conversation_id)
    assert town.model.prompts[1].endswith("[INST] Bob: still\nAda: now? [/INST]")
    assert town.last.notice == notices.read_above(1)


async def test_a_mention_without_words_means_see_above(town: Town) -> None:
    """With nothing above it is told that something can be asked."""
    town.history.messages = [("1", "Bob", "why is the sky blue?")]
    async with town.worker():
        await _mention(town, "  ")
        assert notices.SEE_ABOVE in town.model.prompts[0]
        assert "why is the sky blue?" in town.model.prompts[0]
        town.history.messages = []
        accepted = await town.hear("", thread="other")
        await town.settled(accepted.conversation_id)
    assert town.last.notice == notices.ASK_ME


async def test_what_may_not_be_read_is_told_and_the_question_answered(town: Town) -> None:
    """The platform's refusal is a sentence below the answer."""
    town.history.failure = DeliveryError("missing_scope", certain=True, user_notice="I may not read this channel.")
    async with town.worker():
        await _mention(town, "why?")
    assert (town.last.text, town.last.notice) == ("You asked: why?", "I may not read this channel.")


async def test_a_message_that_was_read_goes_when_its_author_deletes_it(town: Town) -> None:
    """Other people's words are kept no longer than they want."""
    town.history.messages = [("1", "Bob", "my secret"), ("2", "Eve", "hm")]
    town.model.answer = lambda question: "It is the cable"
    async with town.worker():
        conversation_id = await _mention(town, "what is wrong?")
        await town.reception.deleted(town.message("", key="1"))
        await town.settled(conversation_id)
    assert "secret" not in str(await town.turns(conversation_id))
    assert ("user", "what is wrong?") in await town.turns(conversation_id)
    assert town.platform.texts == ["It is the cable"]


async def test_a_worker_that_takes_over_reads_nothing_twice(town: Town) -> None:
    """And announces what its predecessor read."""
    town.history.messages = [("1", "Bob", "it crashes")]
    reached, gate = town.model.hold_after(1)
    heard = Heard(replace(town.message("why?", key="q"), above=("thread:t",)), mentioned=True)
    async with town.crashing_worker():
        accepted = await town.reception.hear(heard)
        assert accepted is not None
        await reached.wait()
    gate.set()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert [text for _, text in await town.turns(accepted.conversation_id)].count("it crashes") == 1
    assert town.last.notice == notices.read_above(1)


async def test_what_was_forgotten_is_not_read_again(town: Town) -> None:
    """The next mention begins with what people wrote since."""
    town.history.messages = [("1", "Bob", "my secret")]
    async with town.worker():
        conversation_id = await _mention(town, "why?")
        await town.hear("forget")
        await town.settled(conversation_id)
        heard = Heard(replace(town.message("hello", key="q2"), above=("thread:t",)), mentioned=True)
        assert await town.reception.hear(heard) is not None
        await town.settled(conversation_id)
    assert town.model.prompts[-1] == "[INST] hello [/INST]"


async def test_people_hear_nothing_when_one_of_them_edits(town: Town) -> None:
    """What was read changes with its author's words, and their conversation goes on undisturbed."""
    town.history.messages = [("1", "Bob", "it crashes")]
    async with town.worker():
        conversation_id = await _mention(town, "why?")
        await town.reception.edited(Heard(town.message("it hangs", author="bob", key="1")), "1/edited")
        await town.settled(conversation_id)
    assert len(town.platform.messages) == 1
    assert (await town.turns(conversation_id))[0] == ("user", "it hangs")


async def test_a_status_and_a_stop_come_before_the_reading(town: Town) -> None:
    """Reading may wait for the platform for half a minute."""
    reading, read = asyncio.Event(), asyncio.Event()
    earlier = town.history.earlier

    async def slow(job: Job, known: Collection[str]) -> Earlier:
        reading.set()
        await read.wait()
        return await earlier(job, known)

    town.history.earlier = slow  # type: ignore[method-assign]
    heard = Heard(replace(town.message("why?", key="q"), above=("thread:t",)), mentioned=True)
    async with town.worker():
        accepted = await town.reception.hear(heard)
        assert accepted is not None
        await reading.wait()
        await until("there is a status", lambda: notices.THINKING in town.platform.statuses)
        await town.inbox.cancel(accepted.conversation_id)
        await town.settled(accepted.conversation_id)
    assert town.last.ending == Ending.STOPPED


async def test_half_a_character_that_was_read_ends_nothing(town: Town) -> None:
    """Bots cut texts in the middle of an emoji."""
    town.history.messages = [("1", "Bo\ud83d", "it \ud83d crashes")]
    async with town.worker():
        conversation_id = await _mention(town, "why?")
    assert (await town.turns(conversation_id))[0] == ("user", "it \ufffd crashes")
    assert town.last.ending == Ending.COMPLETE
