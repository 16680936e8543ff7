"""Every failure ends in a sentence that says what happened, and nothing is left half done."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest

from adapters.slack.asides import PROMISE
from bot.roles import Role
from conversation import notices
from conversation.errors import ModelUnavailable
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from tests.servers.behaviour import Behaviour
from tests.servers.slack import ALICE, GENERAL, SlackServer, dm_of
from tests.story.slack.conftest import AGAIN, AT_ONCE, CONTINUE, FEEDBACK, QUESTION, Office, actions
from tests.waiting import until

HOUR = 3600


async def test_a_model_that_restarts_is_waited_for_and_the_thread_says_so(office: Office, slack: SlackServer) -> None:
    """The question is queued, and answered when the model is back."""
    office.model.behaviour = Behaviour(asleep=True)
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await until("the status says it", lambda: notices.MODEL_STARTING in slack.statuses[ts])
        assert not slack.bot_messages()
        office.model.behaviour = AT_ONCE
        await office.settled()
    assert office.answer(ts).body == office.expected()


async def test_a_model_that_stays_away_is_given_up_with_a_sentence(office: Office, slack: SlackServer) -> None:
    """And with a button to try again, which answers in the same message."""
    office.model.behaviour = Behaviour(asleep=True)
    async with office.replica(model_patience_seconds=1):
        ts = await slack.mention(QUESTION)
        await office.settled()
        failed = office.answer(ts)
        assert failed.shown == ModelUnavailable.user_notice
        assert [button.label for button in failed.buttons] == [notices.TRY_AGAIN]
        office.model.behaviour = AT_ONCE
        await slack.press(failed.ts, AGAIN)
        await office.settled()
    assert office.answer(ts).ts == failed.ts
    assert office.answer(ts).body == office.expected()


async def test_an_answer_that_breaks_off_once_goes_on(office: Office, slack: SlackServer) -> None:
    """Nobody notices: the model goes on behind its own words."""
    office.model.next_behaviours.extend([Behaviour(cut_after=5), AT_ONCE])
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert office.answer(ts).notice == ""
    assert len(office.model.requests) == 2


async def test_an_answer_that_is_cut_off_again_and_again_says_so(office: Office, slack: SlackServer) -> None:
    """What there is stays, marked; Continue goes on from it."""
    office.model.next_behaviours.extend([Behaviour(cut_after=5), Behaviour(cut_after=0)])
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        cut = office.answer(ts)
        assert cut.body.split() == office.expected().split()[:5]
        assert "cut off" in cut.notice
        assert actions(cut) == [CONTINUE, AGAIN, FEEDBACK, FEEDBACK]
        office.model.behaviour = AT_ONCE
        await slack.press(cut.ts, CONTINUE)
        await office.settled()
    first, second = office.thread(ts)
    assert first.body + second.body == office.expected()


async def test_a_message_that_is_too_long_is_refused_with_the_limit(office: Office, slack: SlackServer) -> None:
    """Where it was asked; the model does not see it."""
    async with office.replica(max_input_chars=100):
        ts = await slack.mention("why? " * 50)
        await office.settled()
    assert "I take up to 100" in office.answer(ts).shown
    assert not office.model.requests


async def test_who_waits_for_the_model_is_told_the_place(office: Office, slack: SlackServer) -> None:
    """One answer at a time: the second question sees its number in the queue."""
    async with office.replica(model_slots=1):
        first = await slack.mention(QUESTION)
        await office.begun(first)
        second = await slack.mention(QUESTION, user="U0HUMAN005")
        await until("the place is told", lambda: notices.in_line(1) in slack.statuses[second])
        await office.settled()
    assert office.answer(first).body == office.answer(second).body == office.expected()


@pytest.mark.parametrize(
    ("act", "why", "streams"),
    [
        ("archive", "This channel is archived.", True),
        ("archive", "This channel is archived.", False),
        ("leave", "I am not in this channel.", True),
    ],
)
async def test_where_nothing_can_be_written_any_more_the_person_gets_one_direct_message(
    office: Office, slack: SlackServer, act: str, why: str, streams: bool
) -> None:
    """It says why, and what was asked; nothing is tried for ever."""
    if not streams:
        slack.fail("chat.startStream", "unknown_method")
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        await getattr(slack, act)(GENERAL)
        await office.settled()
        (told,) = slack.bot_messages(dm_of(ALICE))
        assert why in told.shown
        assert QUESTION in told.shown
        calls = len(slack.calls)
        await slack.dm(QUESTION)
        await office.settled()
    assert not [call for call in slack.calls[calls:] if call.channel == GENERAL]
    assert len(slack.bot_messages(dm_of(ALICE))) == 2


async def test_an_old_question_is_not_answered_before_its_person_says_so(
    office: Office, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage of hours they may have found out themselves."""
    office.model.behaviour = AT_ONCE
    long_ago = f"{int(time.time()) - 3 * HOUR}.000001"
    async with office.replica(Role.LISTENER):
        with monkeypatch.context() as clock:
            clock.setattr(slack.home, "now", lambda: long_ago)
            ts = await slack.mention(QUESTION)
        await until("it is stored", lambda: not slack.unacked)
    async with office.replica():
        await office.settled()
        asked = office.answer(ts)
        assert asked.shown == notices.asked_long_ago(3 * HOUR)
        assert [button.label for button in asked.buttons] == [notices.ANSWER_NOW]
        assert not office.model.requests
        await slack.press(asked.ts, AGAIN)
        await office.settled()
    assert office.answer(ts).ts == asked.ts
    assert office.answer(ts).body == office.expected()


async def test_while_the_store_is_down_nothing_is_lost_and_the_channel_is_told_once(
    office: Office, slack: SlackServer, redis_server_factory: Callable[..., EmbeddedValkey]
) -> None:
    """Slack brings the questions again, and each is answered once."""
    office.model.behaviour = AT_ONCE
    store = redis_server_factory()
    url = await asyncio.to_thread(store.start)
    async with open_redis(url) as office.redis, office.replica(redis_url=url):
        os.kill(int((await office.redis.info("server"))["process_id"]), signal.SIGKILL)
        first = await slack.mention(QUESTION)
        second = await slack.mention(QUESTION, user="U0HUMAN005")
        await until("it is promised", lambda: bool(slack.bot_messages()))
        assert len(slack.unacked) >= 4
        await asyncio.to_thread(store.start)
        await office.settled()
    told = [message.shown for message in slack.bot_messages() if message.body != office.expected()]
    assert told == [PROMISE]
    for ts in (first, second):
        assert [one.body for one in office.thread(ts) if one.shown != PROMISE] == [office.expected()]
    assert len(office.model.requests) == 2


async def test_an_answer_outlives_the_loss_of_the_socket(office: Office, slack: SlackServer) -> None:
    """Answers go over HTTP; what is asked afterwards comes over a new socket."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        slack.cut()
        await office.settled()
        assert office.answer(ts).body == office.expected()
        again = await slack.mention(QUESTION)
        await office.settled()
    assert office.answer(again).body == office.expected()


async def test_a_status_that_slack_does_not_take_away_at_once_is_told_until_it_does(
    office: Office, slack: SlackServer
) -> None:
    """Though the worker that is to tell it ends meanwhile: the next one finds it as it finds an answer."""
    slack.fail("chat.startStream", "unknown_method")
    async with office.replica(drain_seconds=0.1):
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        slack.fail("agents.sessions.setStatus", status=503, times=100)
        slack.fail("assistant.threads.setStatus", status=503, times=100)
        await until("the answer has ended", lambda: actions(office.answer(ts)) == [AGAIN, FEEDBACK, FEEDBACK])
        assert await office.redis.zcard(office.keys.backlog()) == 1
    slack.faults.mend()
    assert slack.sessions[GENERAL, ts]["status"] == "processing"
    async with office.replica():
        await office.settled()
    assert slack.sessions[GENERAL, ts]["status"] == "active"
    assert len(office.model.requests) == 1
