"""Who may ask is looked at again: by whoever answers, by whoever goes on with an answer, and before a private one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field, replace

import pytest

from conversation import notices
from conversation.access import Person, Rule, Rules
from conversation.errors import NotAllowed
from conversation.model import Action, Belonging, Job, Segment, ThreadId
from conversation.ports import Accepted, Content, Written
from conversation.reception import Heard, Press
from tests.fakes import RecordingPlatform
from tests.story.conftest import Town
from tests.waiting import until

NO_ADA = Rules(deny=(Rule("memory", users=("ada",)),))
# Rules about a place make it worth asking the platform.
OF_THE_TEAM = Rules((Rule("memory", homes=("team",)),))


@dataclass
class KnowingPlatform(RecordingPlatform):
    """Tells whether people are still there."""

    are_there: bool = True

    async def standing(self, person: Person) -> Person | None:
        """See KnowsPeople.standing."""
        return person if self.are_there else None


@dataclass
class SlowPlatform(RecordingPlatform):
    """Shows whole answers, and never comes back from the first."""

    writing: asyncio.Event = field(default_factory=asyncio.Event)

    def is_shown_whole(self, job: Job) -> bool:
        """See ShowsWhole.is_shown_whole."""
        return True

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post."""
        self.writing.set()
        await asyncio.Event().wait()
        return Written("never")


async def privately(town: Town, text: str) -> Accepted:
    accepted = await town.reception.hear(Heard(replace(town.message(text), private=True), mentioned=True))
    assert accepted is not None
    return accepted


async def test_stricter_rules_hold_for_questions_that_wait(town: Town) -> None:
    """No model is asked, and the sentence stands where the answer would; nothing is remembered."""
    accepted = await town.hear("why?")
    town.access = NO_ADA
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert (town.last.text, town.last.notice) == ("", notices.NOT_ALLOWED)
    assert town.last.offers == ()
    assert town.model.prompts == []
    assert await town.turns(accepted.conversation_id) == []


@pytest.mark.parametrize("private", [False, True])
async def test_whoever_goes_on_with_an_answer_looks_again(town: Town, private: bool) -> None:
    """What had been made is shown no more."""
    reached, _ = town.model.hold_after(1)
    async with town.crashing_worker():
        accepted = await (privately(town, "why?") if private else town.hear("why?"))
        await reached.wait()
        await until("it has begun", lambda: bool(town.platform.messages))
    town.access = NO_ADA
    asked_before = len(town.model.prompts)
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert [(one.text, one.notice) for one in town.platform.messages.values()] == [("", notices.NOT_ALLOWED)]
    assert len(town.model.prompts) == asked_before
    assert await town.turns(accepted.conversation_id) == []


@pytest.mark.parametrize("private", [False, True])
async def test_only_a_private_answer_is_kept_back_at_its_end(town: Town, private: bool) -> None:
    """What everybody saw as it grew cannot be taken back."""
    town.platform, town.access = KnowingPlatform(), OF_THE_TEAM
    reached, gate = town.model.hold_after(1)
    async with town.worker():
        accepted = await (privately(town, "why?") if private else town.hear("why?"))
        await reached.wait()
        town.platform.are_there = False
        gate.set()
        await town.settled(accepted.conversation_id)
    shown = (town.last.text, town.last.notice)
    assert shown == (("", notices.LEFT) if private else ("You asked: why?", ""))
    assert len(await town.turns(accepted.conversation_id)) == (0 if private else 2)


async def test_a_private_answer_that_was_about_to_be_shown_is_kept_back_too(town: Town) -> None:
    """By whoever takes it over: its end was stored, and its message was on the way."""
    usual, town.platform = town.platform, (slow := SlowPlatform())
    async with town.crashing_worker():
        accepted = await privately(town, "why?")
        await slow.writing.wait()
    (job,) = await town.inbox.pending(accepted.conversation_id)
    assert '"ending":"complete"' in str(await town.redis.hgetall(town.keys.job(job.id)))
    town.platform, town.access = usual, NO_ADA
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert [(one.text, one.notice) for one in usual.messages.values()] == [("", notices.NOT_ALLOWED)]


async def test_an_old_answer_stays_when_who_wanted_a_new_one_may_not(town: Town) -> None:
    """It is everybody's."""
    async with town.worker():
        first = await town.hear("why?", author="bob")
        await town.settled(first.conversation_id)
    assert await town.press(Action.AGAIN, first.job_id) == ""
    town.access = NO_ADA
    async with town.worker():
        await town.settled(first.conversation_id)
    assert [one.text for one in town.platform.messages.values()] == ["You asked: why?"]
    assert await town.turns(first.conversation_id) == [("user", "why?"), ("assistant", "You asked: why?")]


@pytest.mark.parametrize("action", [Action.SHARE, Action.REVEAL])
async def test_what_was_to_be_shown_once_more_is_not(town: Town, action: Action) -> None:
    """Pressed before the rules became stricter. To everybody nothing is said of it."""
    async with town.worker():
        accepted = await privately(town, "why?")
        await town.settled(accepted.conversation_id)
    before = dict(town.platform.messages)
    person = Person(ThreadId("memory", "team", "channel", "t"), "ada")
    press = Press(action, accepted.job_id, person, "Ada", "press1", time.time(), "m1", private=True)
    assert await town.reception.pressed(press) == ""
    town.access = NO_ADA
    async with town.worker():
        await town.settled(accepted.conversation_id)
    new = [content.notice for name, content in town.platform.messages.items() if name not in before]
    assert new == ([notices.NOT_ALLOWED] if action is Action.REVEAL else [])


async def test_an_answer_is_shown_to_others_only_where_its_person_may_ask(town: Town) -> None:
    """Else somebody could carry it there by a button."""
    async with town.worker():
        accepted = await privately(town, "why?")
        await town.settled(accepted.conversation_id)
        town.access = Rules(deny=(Rule("memory", channels=("elsewhere",)),))
        person = Person(ThreadId("memory", "team", "channel", "t"), "ada")
        there = ThreadId("memory", "team", "elsewhere", "x")
        press = Press(Action.THREAD, accepted.job_id, person, "Ada", "p", 0.0, "m1", private=True, shown_at=there)
        assert await town.reception.pressed(press) == notices.NOT_ALLOWED
    assert await town.inbox.depth() == 0


async def test_who_may_not_ask_is_told_where_they_speak_to_us_and_nowhere_else(town: Town) -> None:
    """In people's thread it is silent, stops nothing, and leaves no trace."""
    reached, gate = town.model.hold_after(1)
    async with town.worker():
        first = await town.hear("why?")
        await reached.wait()
        for belonging, refusal in ((Belonging.GUEST, notices.GUEST), (Belonging.EXTERNAL, notices.OUTSIDER)):
            for said in ("and me?", "stop", "help"):
                message = town.message(said, author="eve", belonging=belonging)
                assert await town.reception.hear(Heard(message)) is None
                assert not await town.reception.concerns_us(Heard(message, mentioned=True))
                with pytest.raises(NotAllowed) as caught:
                    await town.reception.hear(Heard(message, mentioned=True))
                assert caught.value.user_notice == refusal
        gate.set()
        await town.settled(first.conversation_id)
    assert town.platform.texts == ["You asked: why?"]


async def test_whom_nobody_knows_may_ask_and_do_nothing_else(town: Town) -> None:
    """Before a question is answered somebody asks who they are; nobody does before a sign or an opinion counts."""
    town.access = Rules(deny=(Rule("memory", roles=("7",)),))
    unknown = town.message("why?", belonging=Belonging.UNKNOWN)
    for sign in ("help", "stop", "quiet", "forget", "status"):
        with pytest.raises(NotAllowed) as caught:
            await town.reception.hear(Heard(replace(unknown, text=sign), mentioned=True))
        assert caught.value.user_notice == notices.NOT_KNOWN
    accepted = await town.reception.hear(Heard(unknown, mentioned=True))
    assert accepted is not None
    person = Heard(unknown).author
    assert not await town.reception.stop(person)
    press = Press(Action.GOOD, accepted.job_id, person, "Ada", "p", 0.0, "m1")
    assert await town.reception.pressed(press) == notices.NOT_KNOWN
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert town.last.notice == notices.NOT_KNOWN


async def test_an_own_deletion_is_always_obeyed(town: Town) -> None:
    """Also of those who may not ask any more."""
    async with town.worker():
        accepted = await town.hear("why?", key="q")
        await town.settled(accepted.conversation_id)
        town.access = NO_ADA
        await town.reception.deleted(town.message("", key="q"))
        await town.settled(accepted.conversation_id)
    assert town.platform.messages == {}
    assert await town.turns(accepted.conversation_id) == []
