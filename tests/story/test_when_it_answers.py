"""What people say where others hear it, and what of that becomes a question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conversation import guide, notices
from conversation.errors import NotAllowed
from conversation.model import Action, Belonging, Command, Ending
from conversation.reception import Heard
from tests.story.conftest import Town


async def test_a_follow_up_in_its_thread_needs_no_mention(town: Town) -> None:
    """Who was answered once is understood without being asked to repeat the name."""
    async with town.worker():
        first = await town.hear("why?")
        await town.settled(first.conversation_id)
        second = await town.hear("and then?", mentioned=False)
        await town.settled(first.conversation_id)
    assert second.conversation_id == first.conversation_id
    assert town.platform.texts == ["You asked: why?", "You asked: and then?"]


@pytest.mark.parametrize(
    ("thread", "belonging", "how"),
    [
        ("elsewhere", Belonging.MEMBER, {}),  # a thread that it takes no part in
        ("t", Belonging.MEMBER, {"elsewhere": True}),  # "@bob what do you think?"
        ("t", Belonging.EXTERNAL, {}),  # somebody of another organisation
        ("t", Belonging.GUEST, {}),
    ],
)
async def test_what_is_not_said_to_it_is_left_alone(
    town: Town, thread: str, belonging: Belonging, how: dict[str, bool]
) -> None:
    """People talk to each other beside it, and nothing of that is stored."""
    await town.hear("why?")
    said = town.message("so what", thread=thread, belonging=belonging)
    assert await town.reception.hear(Heard(said, **how)) is None
    assert await town.inbox.depth() == 1


async def test_quiet_leaves_it_answering_mentions_only(town: Town) -> None:
    """Until it is called back."""
    async with town.worker():
        for said in ("why?", "Quiet"):
            await town.settled((await town.hear(said)).conversation_id)
        assert await town.reception.hear(Heard(town.message("we are talking"))) is None
        for said in ("you there?", "back"):
            await town.settled((await town.hear(said)).conversation_id)
        last = await town.reception.hear(Heard(town.message("and now?")))
        assert last is not None
        await town.settled(last.conversation_id)
    assert [content.notice or content.text for content in town.platform.messages.values()] == [
        "You asked: why?",
        notices.QUIET,
        "You asked: you there?",
        notices.BACK,
        "You asked: and now?",
    ]


async def test_stop_ends_the_answer_and_says_so_when_there_is_none(town: Town) -> None:
    """Said as a mention or plainly in its thread."""
    reached, _ = town.model.hold_after(1)
    async with town.worker():
        first = await town.hear("why?")
        await reached.wait()
        assert await town.reception.hear(Heard(town.message("stop"))) is None
        await town.settled(first.conversation_id)
        assert town.last.ending == Ending.STOPPED
        assert await town.reception.hear(Heard(town.message("stop"))) is None
        await town.hear("stop")
        await town.settled(first.conversation_id)
    assert town.last.notice == notices.NOTHING_RUNS


async def test_forget_removes_the_thread_and_confirms_it(town: Town) -> None:
    """The next question stands alone."""
    async with town.worker():
        first = await town.hear("my name is Bob")
        await town.settled(first.conversation_id)
        await town.hear("forget")
        await town.settled(first.conversation_id)
        assert town.last.notice == notices.FORGOTTEN
        assert await town.turns(first.conversation_id) == []
        await town.hear("who am I?")
        await town.settled(first.conversation_id)
    assert "Bob" not in town.model.prompts[-1]


async def test_help_and_what_is_too_long_are_answered_without_a_model(town: Town) -> None:
    """They stand in the thread, and are no part of what the model reads."""
    async with town.worker():
        for said, answer in (("help", guide.HELP), ("x" * 10_001, notices.too_long(10_001, 10_000))):
            accepted = await town.hear(said)
            await town.settled(accepted.conversation_id)
            assert (town.last.text, town.last.notice) == ("", answer)
            assert await town.turns(accepted.conversation_id) == []
    assert town.model.prompts == []


@pytest.mark.parametrize("said", ["help", "quiet"])
async def test_a_sentence_of_ours_is_no_taking_part(town: Town, said: str) -> None:
    """People go on among themselves in their thread."""
    async with town.worker():
        accepted = await town.hear(said, thread="theirs")
        await town.settled(accepted.conversation_id)
        assert await town.reception.hear(Heard(town.message("lunch?", thread="theirs", author="bob"))) is None


async def test_a_sign_that_is_delivered_again_does_nothing_more(town: Town) -> None:
    """A platform's second "stop" must not stop the next question, nor its late "quiet" undo "back"."""
    stop, quiet = (Heard(town.message(word, key=word), mentioned=True) for word in ("stop", "quiet"))
    reached, gate = town.model.hold_after(1)
    async with town.worker():
        first = await town.hear("one")
        await reached.wait()
        await town.reception.hear(stop)
        await town.settled(first.conversation_id)
        reached.clear()
        second = await town.hear("two")
        await reached.wait()
        assert await town.reception.hear(stop) is None
        gate.set()
        await town.settled(second.conversation_id)
        await town.reception.hear(quiet)
        await town.hear("back")
        assert await town.reception.hear(quiet) is None
        await town.settled(second.conversation_id)
    assert "You asked: two" in town.platform.texts
    assert notices.NOTHING_RUNS not in [content.notice for content in town.platform.messages.values()]
    assert not (await town.inbox.standing(stop.message.address)).muted


async def test_who_was_refused_does_not_get_in_by_editing(town: Town) -> None:
    """Nothing of theirs is stored, whatever they make of it."""
    eve = town.message("let me in", author="eve", key="x", belonging=Belonging.EXTERNAL)
    with pytest.raises(NotAllowed) as caught:
        await town.reception.hear(Heard(eve, mentioned=True))
    assert caught.value.user_notice == notices.OUTSIDER
    assert await town.reception.edited(Heard(replace(eve, text="tell me all"), mentioned=True), "x/1") is None
    assert await town.inbox.depth() == 0


async def test_an_edit_that_comes_again_after_the_next_one_is_old(town: Town) -> None:
    """What was not acknowledged is delivered once more, whatever came meanwhile."""
    accepted = await town.hear("v0", key="q")
    first, second = (
        Heard(replace(town.message(f"v{at}", key="q"), edited_at=float(at)), mentioned=True) for at in (1, 2)
    )
    for edit in (first, second, first):
        await town.reception.edited(edit, f"q/{edit.message.edited_at}")
    (job,) = await town.inbox.pending(accepted.conversation_id)
    assert job.messages[0].text == "v2"


async def test_an_edit_there_and_back_leaves_the_first_words(town: Town) -> None:
    """Also when both wait behind an answer."""
    async with town.worker():
        accepted = await town.hear("A", key="q")
        await town.settled(accepted.conversation_id)
        reached, gate = town.model.hold_after(1)
        await town.hear("long")
        await reached.wait()
        for number, text in enumerate("BA"):
            await town.reception.edited(Heard(town.message(text, key="q"), mentioned=True), f"q/{number}")
        gate.set()
        await town.settled(accepted.conversation_id)
    assert (await town.turns(accepted.conversation_id))[0] == ("user", "A")


async def test_a_question_that_is_edited_to_a_sign_stays_a_question(town: Town) -> None:
    """The model is not asked to "forget"."""
    await town.hear("why?", key="q")
    assert await town.reception.edited(Heard(town.message("forget", key="q"), mentioned=True), "q/1") is None
    (job,) = await town.inbox.pending((await town.hear("why?", key="q")).conversation_id)
    assert job.messages[0].text == "why?"


async def test_a_deletion_stops_the_answer_that_is_being_made_anew(town: Town) -> None:
    """It does not run to its end before it goes."""
    async with town.worker():
        accepted = await town.hear("why?", key="q")
        await town.settled(accepted.conversation_id)
        reached, _ = town.model.hold_after(1)
        await town.press(Action.AGAIN, accepted.job_id)
        await reached.wait()
        await town.reception.deleted(town.message("", key="q"))
        await town.settled(accepted.conversation_id)
    assert town.platform.messages == {}
    assert await town.turns(accepted.conversation_id) == []


async def test_an_edit_while_it_streams_restarts_the_answer_in_place(town: Town) -> None:
    """One message, one answer, to what the question says now."""
    reached, gate = town.model.hold_after(2)
    async with town.worker():
        accepted = await town.hear("old", key="q")
        await reached.wait()
        town.model.gates.clear()
        assert await town.reception.edited(Heard(town.message("new", key="q"), mentioned=True), "q/1") is None
        gate.set()
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: new"]


async def test_an_edit_afterwards_offers_to_answer_again(town: Town) -> None:
    """The thread says what the question says; pressing replaces the answer and takes the offer away."""
    async with town.worker():
        accepted = await town.hear("old", key="q")
        await town.settled(accepted.conversation_id)
        await town.reception.edited(Heard(town.message("new", key="q"), mentioned=True), "q/1")
        await town.settled(accepted.conversation_id)
        assert town.last.notice == notices.YOU_EDITED
        (offer,) = town.last.offers
        assert (offer.action, offer.target) == (Action.AGAIN, accepted.job_id)
        assert (await town.turns(accepted.conversation_id))[0] == ("user", "new")
        assert await town.press(Action.AGAIN, offer.target, message_id="m2") == ""
        await town.settled(accepted.conversation_id)
    assert {key: content.text for key, content in town.platform.messages.items()} == {"m1": "You asked: new"}
    assert await town.turns(accepted.conversation_id) == [("user", "new"), ("assistant", "You asked: new")]


async def test_an_edit_that_changes_nothing_is_nothing(town: Town) -> None:
    """Platforms report previews of links as edits."""
    async with town.worker():
        accepted = await town.hear("same", key="q")
        await town.settled(accepted.conversation_id)
        await town.reception.edited(Heard(town.message("same ", key="q"), mentioned=True), "q/1")
        await town.settled(accepted.conversation_id)
    assert len(town.platform.messages) == 1


async def test_a_mention_that_was_forgotten_can_be_added(town: Town) -> None:
    """The edited message is then a question like any other, once."""
    heard = Heard(town.message("why?", key="q"), mentioned=True)
    assert await town.reception.edited(replace(heard, mentioned=False), "q/1") is None
    accepted = await town.reception.edited(heard, "q/2")
    assert accepted is not None
    assert accepted.is_new
    assert await town.reception.edited(heard, "q/2") is None
    assert await town.inbox.depth() == 1


@pytest.mark.parametrize("words", [2, 100])
async def test_a_deleted_question_takes_its_answer_along(town: Town, words: int) -> None:
    """Half-way or long after it: no message, no turn, no prompt has it any more."""
    reached, gate = town.model.hold_after(words)
    async with town.worker():
        kept = await town.hear("keep", key="k")
        await town.settled(kept.conversation_id) if words == 100 else await reached.wait()
        if words == 100:
            await town.hear("secret", key="q")
            await town.settled(kept.conversation_id)
            await town.reception.deleted(town.message("", key="q"))
        else:
            await town.reception.deleted(town.message("", key="k"))
        gate.set()
        await town.settled(kept.conversation_id)
    assert town.platform.texts == (["You asked: keep"] if words == 100 else [])
    assert await town.turns(kept.conversation_id) == (
        [("user", "keep"), ("assistant", "You asked: keep")] if words == 100 else []
    )


async def test_deleting_what_it_does_not_know_is_nothing(town: Town) -> None:
    """Most messages that people delete never concerned it."""
    await town.reception.deleted(town.message("", key="unknown"))
    assert await town.inbox.depth() == 0


async def test_a_question_that_waited_for_hours_is_asked_about_first(town: Town) -> None:
    """After an outage nobody gets a flood of answers that they no longer need; pressing brings one."""
    async with town.worker():
        old = replace(town.message("why?"), sent_at=town.message("").sent_at - 5 * 3600)
        accepted = await town.reception.hear(Heard(old, mentioned=True))
        assert accepted is not None
        await town.settled(accepted.conversation_id)
        assert town.last.notice == notices.asked_long_ago(5 * 3600)
        assert "5 hours" in town.last.notice
        assert town.model.prompts == []
        (offer,) = town.last.offers
        await town.press(offer.action, offer.target)
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: why?"]
    assert await town.turns(accepted.conversation_id) == [("user", "why?"), ("assistant", "You asked: why?")]


async def test_what_is_delivered_twice_is_one_question(town: Town) -> None:
    """Platforms repeat what they think was lost."""
    accepted = await town.hear("why?", key="q")
    again = await town.hear("why?", key="q")
    assert (again.job_id, again.is_new) == (accepted.job_id, False)


async def test_commands_other_than_questions_never_join_one(town: Town) -> None:
    """What is written within a second is one question; a sentence of ours between is none, and waits for nobody."""
    first = await town.hear("one")
    help_ = await town.hear("help")
    second = await town.hear("two")
    assert second.job_id == first.job_id
    (asked,), (told,) = [await town.inbox.pending(one.conversation_id) for one in (first, help_)]
    assert [message.text for message in asked.messages] == ["one", "two"]
    assert told.messages[0].command is Command.HELP


async def test_a_question_that_was_deleted_before_it_came_is_not_answered(town: Town) -> None:
    """What was not acknowledged is delivered again, also after its author took it back."""
    question = Heard(town.message("why?", key="q"), mentioned=True)
    await town.reception.deleted(question.message)
    accepted = await town.reception.hear(question)
    assert accepted is not None
    assert not accepted.is_new
    await town.reception.deleted(question.message)
    assert await town.inbox.depth() == 0


async def test_an_old_edit_that_comes_after_the_answer_changes_nothing(town: Town) -> None:
    """The thread says what the question says now, and nobody is told of an edit that was long known."""
    first, second = (
        Heard(replace(town.message(f"v{at}", key="q"), edited_at=float(at)), mentioned=True) for at in (1, 2)
    )
    async with town.worker():
        accepted = await town.hear("v0", key="q")
        await town.reception.edited(first, "q/1")
        await town.reception.edited(second, "q/2")
        await town.settled(accepted.conversation_id)
        await town.reception.edited(first, "q/1")
        await town.settled(accepted.conversation_id)
    assert (await town.turns(accepted.conversation_id))[0] == ("user", "v2")
    assert len(town.platform.messages) == 1
