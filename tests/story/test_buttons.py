"""What can be pressed below an answer, also after a restart: a button carries all that its press needs."""

from __future__ import annotations

import asyncio
import json

import pytest

from conversation import notices
from conversation.access import Person
from conversation.errors import ModelRefused
from conversation.manager import Manners
from conversation.model import Action, Belonging, Ending, ThreadId
from conversation.ports import Sampling
from conversation.reception import Press
from tests.story.conftest import Town
from tests.waiting import until


async def test_stop_is_offered_while_an_answer_grows_and_ends_just_that(town: Town) -> None:
    """A press that comes too late must not stop the next answer."""
    reached, gate = town.model.hold_after(2)
    async with town.worker():
        first = await town.hear("one")
        await reached.wait()
        await until("the first words are shown", lambda: bool(town.platform.messages))
        (offer,) = town.last.offers
        assert (offer.action, offer.label) == (Action.STOP, "Stop")
        assert await town.press(offer.action, offer.target) == ""
        await town.settled(first.conversation_id)
        assert town.last.ending == Ending.STOPPED
        reached.clear()
        second = await town.hear("two")
        await reached.wait()
        assert await town.press(offer.action, offer.target) == notices.NOTHING_RUNS
        gate.set()
        await town.settled(second.conversation_id)
    assert town.last.ending == Ending.COMPLETE


async def test_regenerate_replaces_the_answer_in_its_messages(town: Town) -> None:
    """The thread remembers the new answer alone, and the model is asked as it was the first time."""
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
        town.model.answer = lambda question: "Something else"
        assert [offer.action for offer in town.last.offers] == [Action.AGAIN, Action.GOOD, Action.BAD]
        assert await town.press(Action.AGAIN, accepted.job_id) == ""
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["Something else"]
    assert town.model.prompts[1] == town.model.prompts[0]
    assert await town.turns(accepted.conversation_id) == [("user", "one"), ("assistant", "Something else")]


async def test_an_older_answer_is_regenerated_from_what_stood_before_it(town: Town) -> None:
    """What was said later is not known to it."""
    async with town.worker():
        first = await town.hear("one")
        await town.settled(first.conversation_id)
        await town.hear("two")
        await town.settled(first.conversation_id)
        await town.press(Action.AGAIN, first.job_id)
        await town.settled(first.conversation_id)
    assert town.model.prompts[2] == town.model.prompts[0]
    assert [text for _, text in await town.turns(first.conversation_id)] == [
        "one",
        "You asked: one",
        "two",
        "You asked: two",
    ]


async def test_continue_is_offered_after_a_length_stop_and_goes_on_once(town: Town) -> None:
    """Pressed twice it is one continuation."""
    town.manners = Manners("", Sampling(max_new_tokens=3))
    async with town.worker():
        accepted = await town.hear("a b c d e f")
        await town.settled(accepted.conversation_id)
        assert town.last.offers[0].action is Action.CONTINUE
        assert await town.press(Action.CONTINUE, accepted.job_id) == ""
        assert await town.press(Action.CONTINUE, accepted.job_id) == notices.ALREADY_ASKED
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: a", " b c d"]


async def test_a_complete_answer_has_nothing_to_go_on_with(town: Town) -> None:
    """Its button may still stand below the first part of it."""
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
    assert await town.press(Action.CONTINUE, accepted.job_id) == notices.NOTHING_TO_CONTINUE


async def test_presses_at_the_same_moment_are_one(town: Town) -> None:
    """Whoever sees no answer at once presses again."""
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
    told = await asyncio.gather(*(town.press(Action.AGAIN, accepted.job_id) for _ in range(5)))
    assert sorted(told) == ["", *[notices.ALREADY_ASKED] * 4]
    assert await town.inbox.depth() == 1


@pytest.mark.parametrize("how", ["refused", "stopped"])
async def test_an_answer_that_cannot_be_made_anew_stays(town: Town, how: str) -> None:
    """With a sentence that says why; memory and screen agree."""
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
        asked = asyncio.Event()
        if how == "refused":
            town.model.failures.append(ModelRefused("no"))
        else:

            async def wait_for_ever(_: str) -> None:
                asked.set()
                await asyncio.Event().wait()

            town.model.before_words = wait_for_ever
        await town.press(Action.AGAIN, accepted.job_id)
        if how == "stopped":
            await asked.wait()
            await town.inbox.cancel(accepted.conversation_id)
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: one"]
    assert town.last.notice
    assert await town.turns(accepted.conversation_id) == [("user", "one"), ("assistant", "You asked: one")]


async def test_continue_below_an_older_answer_says_that_it_is_not_the_last(town: Town) -> None:
    """Going on with it would mix two answers."""
    town.manners = Manners("", Sampling(max_new_tokens=3))
    async with town.worker():
        first = await town.hear("a b c d e f")
        await town.settled(first.conversation_id)
        await town.hear("g h i j")
        await town.settled(first.conversation_id)
        await town.press(Action.CONTINUE, first.job_id)
        await town.settled(first.conversation_id)
    assert town.last.notice == notices.NOTHING_TO_CONTINUE


async def test_opinions_are_kept_with_what_the_answer_was_made_with(town: Town) -> None:
    """Model, hash of the prompt and sampling; the person's last opinion counts."""
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
    assert await town.press(Action.BAD, accepted.job_id) == notices.THANKS
    assert await town.press(Action.GOOD, accepted.job_id) == notices.THANKS
    kept = await town.redis.hgetall(town.keys.feedback(accepted.job_id))
    record = json.loads(kept[b"ada"])
    assert record["opinion"] == "good"
    assert record["made_with"]["model_id"] == "codellama/CodeLlama-34b-Instruct-hf"
    assert len(record["made_with"]["prompt_sha256"]) == 64
    assert record["made_with"]["max_new_tokens"] == 100
    assert await town.press(Action.GOOD, "unknown") == notices.NO_SUCH_ANSWER


async def test_who_may_not_ask_may_not_press(town: Town) -> None:
    """It is looked at again at every press."""
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
    outsider = Person(ThreadId("memory", "team", "channel", "t"), "eve", belonging=Belonging.EXTERNAL)
    press = Press(Action.AGAIN, accepted.job_id, outsider, "Eve", "p", 1.0, "m1")
    assert await town.reception.pressed(press) == notices.OUTSIDER
    assert not await town.reception.stop(outsider)
    assert await town.inbox.depth() == 0


async def test_a_failed_answer_can_be_tried_again(town: Town) -> None:
    """Without opinions about nothing."""
    town.model.failures.append(ModelRefused("no"))
    async with town.worker():
        accepted = await town.hear("one")
        await town.settled(accepted.conversation_id)
        assert [offer.label for offer in town.last.offers] == [notices.TRY_AGAIN]
        await town.press(Action.AGAIN, town.last.offers[0].target)
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: one"]
