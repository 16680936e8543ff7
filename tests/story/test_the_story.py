"""What the service does, one idea a test: read from the top as a tutorial."""

from __future__ import annotations

import pytest

from conversation import notices
from conversation.errors import DeliveryError, MessageTooLong, ModelRefused, ModelUnavailable, StreamCut
from conversation.manager import Manners
from conversation.model import Command, Ending
from conversation.ports import Sampling
from tests.story.conftest import Town
from tests.waiting import until


async def test_a_question_gets_one_message_that_holds_the_answer(town: Town) -> None:
    """Accept, claim, answer, show, settle: the thread then holds both turns and the queue nothing."""
    async with town.worker():
        accepted = await town.ask("how do I sort a list?")
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: how do I sort a list?"]
    assert town.last.ending == Ending.COMPLETE
    assert await town.turns(accepted.conversation_id) == [
        ("user", "how do I sort a list?"),
        ("assistant", "You asked: how do I sort a list?"),
    ]
    assert await town.inbox.depth() == 0


async def test_text_is_shown_while_the_model_still_speaks(town: Town) -> None:
    """The first words are posted before the last ones exist."""
    reached, go_on = town.model.hold_after(2)
    async with town.worker():
        await town.ask("hello there")
        await reached.wait()
        await until("the beginning is shown", lambda: town.platform.texts == ["You asked:"])
        go_on.set()
        await until("the end is shown", lambda: town.platform.texts == ["You asked: hello there"])
    assert sum(write.startswith("post") for write in town.platform.writes) == 1


async def test_a_thread_is_remembered(town: Town) -> None:
    """The second prompt begins with the first one and its answer, byte for byte."""
    async with town.worker():
        accepted = await town.ask("one")
        await town.settled(accepted.conversation_id)
        again = await town.ask("two")
        await town.settled(accepted.conversation_id)
    assert again.conversation_id == accepted.conversation_id
    assert town.model.prompts == ["[INST] one [/INST]", "[INST] one [/INST] You asked: one </s><s>[INST] two [/INST]"]


async def test_two_threads_know_nothing_of_each_other(town: Town) -> None:
    """Each conversation's prompt holds its own words only."""
    async with town.worker():
        first = await town.ask("secret", thread="t1")
        second = await town.ask("other", thread="t2")
        await town.settled(first.conversation_id)
        await town.settled(second.conversation_id)
    assert sorted(town.model.prompts) == ["[INST] other [/INST]", "[INST] secret [/INST]"]


async def test_a_redelivered_message_is_answered_once(town: Town) -> None:
    """The platform may deliver twice; the model is asked once."""
    message = town.message("again?", key="same")
    async with town.worker():
        first = await town.inbox.accept(message)
        second = await town.inbox.accept(message)
        await town.settled(first.conversation_id)
    assert (first.job_id, second.is_new) == (second.job_id, False)
    assert len(town.model.prompts) == 1


async def test_messages_within_a_second_are_one_question(town: Town) -> None:
    """What the same person adds at once restarts the answer in the same message."""
    reached, go_on = town.model.hold_after(1)
    async with town.worker():
        accepted = await town.ask("how do I")
        await reached.wait()
        joined = await town.ask("sort a list?")
        go_on.set()
        await town.settled(accepted.conversation_id)
    assert joined.joined
    assert town.platform.texts == ["You asked: how do I\n\nsort a list?"]
    assert [role for role, _ in await town.turns(accepted.conversation_id)] == ["user", "user", "assistant"]


async def test_stop_keeps_what_there_is_and_says_so(town: Town) -> None:
    """The word stop ends the model's stream; the partial answer stays, marked, also in the thread."""
    reached, _ = town.model.hold_after(2)
    async with town.worker():
        accepted = await town.ask("tell me everything")
        await reached.wait()
        await town.inbox.cancel(accepted.conversation_id)
        await town.settled(accepted.conversation_id)
    assert (town.last.text, town.last.ending) == ("You asked:", Ending.STOPPED)
    assert town.last.notice == notices.of_ending(Ending.STOPPED)
    assert (await town.turns(accepted.conversation_id))[-1] == ("assistant", "You asked:")
    assert town.model.open_streams == 0


async def test_continue_goes_on_where_the_length_limit_ended_the_answer(town: Town) -> None:
    """The model gets prompt + partial answer; the new text comes in a new message, the thread has one whole turn."""
    town.manners = Manners("", Sampling(max_new_tokens=3))
    async with town.worker():
        accepted = await town.ask("a b c")
        await town.settled(accepted.conversation_id)
        assert (town.last.text, town.last.ending) == ("You asked: a", Ending.LENGTH)
        await town.ask("", command=Command.CONTINUE)
        await town.settled(accepted.conversation_id)
    assert town.model.prompts[1] == "[INST] a b c [/INST] You asked: a"
    assert town.platform.texts == ["You asked: a", " b c"]
    assert (await town.turns(accepted.conversation_id))[-1] == ("assistant", "You asked: a b c")


async def test_continue_without_an_answer_says_so(town: Town) -> None:
    """There is nothing to go on with in a new thread."""
    async with town.worker():
        accepted = await town.ask("", command=Command.CONTINUE)
        await town.settled(accepted.conversation_id)
    assert town.last.notice == notices.NOTHING_TO_CONTINUE


async def test_a_cut_stream_is_continued_in_place(town: Town) -> None:
    """People see one answer; the model was asked to go on from its own words."""
    town.model.cuts.append((2, StreamCut("the server went away")))
    async with town.worker():
        accepted = await town.ask("x y")
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: x y"]
    assert town.model.prompts == ["[INST] x y [/INST]", "[INST] x y [/INST] You asked:"]
    assert town.last.ending == Ending.COMPLETE


async def test_a_model_that_starts_is_waited_for(town: Town) -> None:
    """The person is told that the question is queued, and then gets the answer."""
    town.model.failures.extend([ModelUnavailable("refused"), ModelUnavailable("refused")])
    async with town.worker():
        accepted = await town.ask("hi")
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: hi"]
    assert notices.MODEL_STARTING in town.platform.statuses
    assert town.platform.statuses[-1] == ""


async def test_a_failure_ends_in_a_sentence_and_keeps_the_question(town: Town) -> None:
    """The next question is asked together with the one that was never answered, so that roles still alternate."""
    town.model.failures.append(ModelRefused("no", user_notice="The model cannot take this."))
    async with town.worker():
        accepted = await town.ask("first")
        await town.settled(accepted.conversation_id)
        assert (town.last.text, town.last.notice) == ("", "The model cannot take this.")
        await town.ask("second", author="bob")
        await town.settled(accepted.conversation_id)
    assert town.model.prompts[-1] == "[INST] Ada: first\nBob: second [/INST]"


async def test_after_a_crash_the_same_message_goes_on(town: Town) -> None:
    """Another worker takes the job over after the lease and finishes what people already see the beginning of."""
    reached, go_on = town.model.hold_after(2)
    async with town.crashing_worker():
        accepted = await town.ask("a b c")
        await reached.wait()
        await until("the beginning is shown", lambda: town.platform.texts == ["You asked:"])
    go_on.set()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: a b c"]
    assert town.model.prompts[-1] == "[INST] a b c [/INST] You asked:"
    assert sum(write.startswith("post") for write in town.platform.writes) == 1


async def test_a_message_whose_sending_was_not_confirmed_is_found_again(town: Town) -> None:
    """A lost reply to a post does not lead to a second message."""
    town.platform.failures.append(DeliveryError("time-out", certain=False))
    async with town.worker():
        accepted = await town.ask("hi")
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: hi"]
    assert "find" in town.platform.writes


async def test_a_drained_answer_is_handed_over_and_finished_elsewhere(town: Town) -> None:
    """SIGTERM in mid-answer: the next worker goes on at once, in the same message, and no crash is counted."""
    reached, go_on = town.model.hold_after(2)
    async with town.worker(drain_seconds=0):
        accepted = await town.ask("a b")
        await reached.wait()
    (claim,) = await town.queue().claim(1)
    assert (claim.attempts, claim.checkpoint.text) == (1, " You asked:")
    await town.queue().release(claim)
    go_on.set()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: a b"]


async def test_a_question_that_kills_its_workers_is_set_aside(town: Town) -> None:
    """After three crashes without progress the person gets a sentence and the job is a dead letter."""
    accepted = await town.ask("poison")
    for _ in range(3):
        claims: list[object] = []

        async def claimed(claims: list[object] = claims) -> bool:
            claims.extend(await town.queue().claim(1))
            return bool(claims)

        await until("the job can be claimed again", claimed)
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert town.last.notice == notices.poisoned(accepted.job_id)
    assert await town.redis.xlen(town.keys.dead()) == 1


async def test_an_edited_question_restarts_its_answer(town: Town) -> None:
    """The answer to the new words takes the old one's place."""
    reached, go_on = town.model.hold_after(2)
    async with town.worker():
        message = town.message("old words", key="m1")
        accepted = await town.inbox.accept(message)
        await reached.wait()
        await town.inbox.replace(town.message("new words", key="m1"))
        go_on.set()
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: new words"]
    assert await town.turns(accepted.conversation_id) == [("user", "new words"), ("assistant", "You asked: new words")]


async def test_a_deleted_question_takes_its_answer_with_it(town: Town) -> None:
    """Neither a message nor a turn is left."""
    reached, _ = town.model.hold_after(2)
    async with town.worker():
        message = town.message("forget this", key="m1")
        accepted = await town.inbox.accept(message)
        await reached.wait()
        await until("the beginning is shown", lambda: bool(town.platform.messages))
        await town.inbox.remove(message.key)
        await town.settled(accepted.conversation_id)
    assert town.platform.messages == {}
    assert await town.turns(accepted.conversation_id) == []


async def test_a_long_answer_becomes_several_messages(town: Town) -> None:
    """A platform's limit is kept, no word is lost, and each message is posted once."""
    town.platform.message_limit = 128
    town.model.answer = lambda question: " ".join(f"word{number}" for number in range(60))
    async with town.worker():
        accepted = await town.ask("talk")
        await town.settled(accepted.conversation_id)
    assert len(town.platform.messages) > 1
    assert all(len(text) <= 128 for text in town.platform.texts)
    assert " ".join(town.platform.texts).split() == [f"word{number}" for number in range(60)]


async def test_a_person_is_told_once_when_the_earlier_part_is_no_longer_seen(town: Town) -> None:
    """The notice comes with the answer at which the cut moved, and not with every later one."""
    town.model.context_tokens = 700
    town.model.answer = lambda question: "word " * 40
    told = []
    async with town.worker():
        for number in range(12):
            accepted = await town.ask(f"question {number}")
            await town.settled(accepted.conversation_id)
            told.append(notices.EARLIER_DROPPED in town.last.notice)
    assert any(told)
    first = told.index(True)
    assert not told[first + 1], "the cut leaves room: it does not move at each turn"


async def test_a_message_above_the_limit_is_refused_with_the_limit_stated(town: Town) -> None:
    """Nothing is stored, and the sentence says what is taken."""
    with pytest.raises(MessageTooLong) as refusal:
        await town.ask("x" * 10_001)
    assert "10,000" in refusal.value.user_notice
    assert await town.inbox.depth() == 0


async def test_what_follows_a_shown_answer_is_a_question_of_its_own(town: Town) -> None:
    """Also within the second in which messages join: the person has read the end of the answer."""
    async with town.worker():
        first = await town.ask("one")
        await until("the end is shown", lambda: bool(town.platform.messages) and town.last.ending == Ending.COMPLETE)
        second = await town.ask("two")
        await town.settled(first.conversation_id)
    assert not second.joined
    assert town.platform.texts == ["You asked: one", "You asked: two"]
