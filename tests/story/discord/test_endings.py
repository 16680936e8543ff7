"""Every failure ends in a sentence that says what happened, and nothing is left half done."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from adapters.discord.asides import PROMISE
from conversation import notices
from conversation.errors import ModelUnavailable
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from tests.servers.behaviour import Behaviour
from tests.servers.discord import ALICE, BOB, BOT_USER, GENERAL, PEOPLE, DiscordServer, dm_of, snowflakes
from tests.servers.discord.routes import TYPING
from tests.story.discord.conftest import (
    AGAIN,
    AT_ONCE,
    BAD,
    CONTINUE,
    GOOD,
    HELP,
    OTHER_QUESTION,
    QUESTION,
    STOP,
    WHOLE,
    Office,
    actions,
)
from tests.waiting import until

HOUR = 3600


async def test_a_model_that_restarts_is_waited_for(office: Office, discord: DiscordServer) -> None:
    """The thread is there and somebody types in it; the answer comes when the model is back."""
    office.model.behaviour = Behaviour(asleep=True)
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await until("somebody types", lambda: [call.channel for call in discord.calls_of(TYPING)] == [asked])
        assert office.thread(asked) == []
        office.model.behaviour = AT_ONCE
        await office.settled()
    assert office.answer(asked).body == office.expected()


async def test_a_model_that_stays_away_is_given_up_with_a_sentence(office: Office, discord: DiscordServer) -> None:
    """And with a button to try again, which answers in the same message."""
    office.model.behaviour = Behaviour(asleep=True)
    async with office.replica(model_patience_seconds=1):
        asked = await discord.mention(QUESTION)
        await office.settled()
        failed = office.answer(asked)
        assert failed.shown == ModelUnavailable.user_notice
        assert [button.label for button in failed.buttons] == [notices.TRY_AGAIN]
        office.model.behaviour = AT_ONCE
        await office.press(failed, AGAIN)
        await office.settled()
    assert (office.answer(asked).id, office.answer(asked).body) == (failed.id, office.expected())


async def test_an_answer_that_breaks_off_once_goes_on(office: Office, discord: DiscordServer) -> None:
    """Nobody notices: the model goes on behind its own words."""
    office.model.next_behaviours.extend([Behaviour(cut_after=5), AT_ONCE])
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
    assert (office.answer(asked).body, office.answer(asked).notice) == (office.expected(), "")
    assert len(office.model.requests) == 2


async def test_an_answer_that_is_cut_off_again_and_again_says_so(office: Office, discord: DiscordServer) -> None:
    """What there is stays, marked; Continue goes on from it."""
    office.model.next_behaviours.extend([Behaviour(cut_after=5), Behaviour(cut_after=0)])
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        cut = office.answer(asked)
        assert cut.body.split() == office.expected().split()[:5]
        assert "cut off" in cut.notice
        assert actions(cut) == [CONTINUE, AGAIN, GOOD, BAD]
        office.model.behaviour = AT_ONCE
        await office.press(cut, CONTINUE)
        await office.settled()
    first, second = office.thread(asked)
    assert f"{first.body} {second.body.strip()}" == office.expected()


async def test_a_message_that_is_too_long_is_refused_with_the_limit(office: Office, discord: DiscordServer) -> None:
    """Where it was asked; the model does not see it."""
    async with office.replica(max_input_chars=100):
        asked = await discord.mention("why? " * 50)
        await office.settled()
    assert "I take up to 100" in office.answer(asked).shown
    assert not office.model.requests


async def test_who_waits_for_the_model_sees_that_something_happens(office: Office, discord: DiscordServer) -> None:
    """One answer at a time: the second question has its thread, and somebody types in it until it is its turn."""
    office.model.behaviour = Behaviour(token_delay=0.5)
    async with office.replica(model_slots=1):
        first = await discord.mention(QUESTION)
        begun = await office.begun(first)
        second = await discord.mention(QUESTION, user=PEOPLE[5])
        await until("somebody types", lambda: second in [call.channel for call in discord.calls_of(TYPING)])
        assert office.thread(second) == []
        office.model.behaviour = AT_ONCE
        await office.press(begun, STOP)
        await office.settled()
    assert "Stopped." in office.answer(first).notice
    assert office.answer(second).body == office.expected()


@pytest.mark.parametrize(
    ("act", "why"),
    [
        ("lock", "This thread is locked."),
        ("leave", "I may not see this channel."),
    ],
)
async def test_where_nothing_can_be_written_any_more_the_person_gets_one_direct_message(
    office: Office, discord: DiscordServer, act: str, why: str
) -> None:
    """It says why, and what was asked; nothing is tried for ever. What was asked in a place that is deleted is
    forgotten instead (see test_gone)."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked)
        await getattr(discord, act)(asked if act == "lock" else GENERAL)
        await office.settled()
        told = office.answer(dm_of(ALICE))
        assert why in told.shown
        assert QUESTION in told.shown
        calls = len(discord.calls)
        office.model.behaviour = AT_ONCE
        await discord.dm(OTHER_QUESTION)
        await office.settled()
    assert not [call for call in discord.calls[calls:] if call.channel in {GENERAL, asked}]
    assert office.thread(dm_of(ALICE))[-1].body == office.expected(OTHER_QUESTION)


@pytest.mark.parametrize(
    ("permission", "why"),
    [("create_public_threads", "I may not open threads here."), ("send_messages_in_threads", "I may not write here.")],
)
async def test_where_we_may_not_answer_the_person_is_told_directly(
    office: Office, discord: DiscordServer, permission: str, why: str
) -> None:
    """Once; nothing is written into the channel instead."""
    await discord.deny(GENERAL, permission)
    async with office.replica():
        await discord.mention(QUESTION)
        await office.settled()
    told = office.answer(dm_of(ALICE))
    assert why in told.shown
    assert QUESTION in told.shown
    assert len(discord.bot_messages()) == 1


async def test_an_old_question_is_not_answered_before_its_person_says_so(
    office: Office, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage of hours they may have found out themselves. It is found in the history, where what was answered
    before stands too: that is not answered again."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.say(QUESTION, channel=HELP)
        await office.settled()
    discord.forget_sessions()
    with monkeypatch.context() as clock:
        clock.setattr(snowflakes, "time", SimpleNamespace(time=lambda: time.time() - 3 * HOUR))
        clock.setattr(discord.home.snowflakes, "_last", 0)
        old = await discord.say(OTHER_QUESTION, channel=HELP, user=BOB)
    await _have_seen_nothing_for(office, 4 * HOUR)
    async with office.replica():
        await office.settled()
        asks = office.answer(old)
        assert asks.shown == notices.asked_long_ago(3 * HOUR)
        assert [button.label for button in asks.buttons] == [notices.ANSWER_NOW]
        assert len(office.model.requests) == 1
        await office.press(asks, AGAIN, user=BOB)
        await office.settled()
    assert (office.answer(old).id, office.answer(old).body) == (asks.id, office.expected(OTHER_QUESTION))
    assert office.answer(asked).body == office.expected()


async def test_while_the_store_is_down_nothing_is_lost_and_the_channel_is_told_once(
    office: Office, discord: DiscordServer, redis_server_factory: Callable[..., EmbeddedValkey]
) -> None:
    """Discord brings nothing again: the questions wait with us, and each is answered once."""
    office.model.behaviour = AT_ONCE
    store = redis_server_factory()
    url = await asyncio.to_thread(store.start)
    async with open_redis(url) as office.redis, office.replica(redis_url=url):
        os.kill(int((await office.redis.info("server"))["process_id"]), signal.SIGKILL)
        first = await discord.mention(QUESTION)
        second = await discord.mention(QUESTION, user=BOB)
        await until("it is promised", lambda: office.thread(GENERAL) != [])
        await asyncio.to_thread(store.start)
        await until("both are answered", lambda: len(office.ended(first) + office.ended(second)) == 2)
        await office.settled()
    assert [message.shown for message in office.thread(GENERAL)] == [PROMISE]
    assert [office.answer(asked).body for asked in (first, second)] == [office.expected()] * 2
    assert len(office.model.requests) == 2


async def test_an_answer_outlives_the_loss_of_the_store(
    office: Office, discord: DiscordServer, redis_server_factory: Callable[..., EmbeddedValkey]
) -> None:
    """It waits for it, and ends whole and once."""
    store = redis_server_factory()
    url = await asyncio.to_thread(store.start)
    async with open_redis(url) as office.redis, office.replica(redis_url=url):
        asked = await discord.mention(QUESTION)
        await office.begun(asked, words=3)
        os.kill(int((await office.redis.info("server"))["process_id"]), signal.SIGKILL)
        await asyncio.to_thread(store.start)
        await until("it ends", lambda: office.ended(asked) != [])
        await office.settled()
    assert (office.answer(asked).body, actions(office.answer(asked))) == (office.expected(), WHOLE)


async def _have_seen_nothing_for(office: Office, seconds: float) -> None:
    """As if the last message that was seen to anywhere were so much older."""
    marks = office.keys.gateway_marks(BOT_USER)
    seen = cast("list[tuple[bytes, float]]", await office.redis.zrange(marks, 0, -1, withscores=True))
    await office.redis.zadd(marks, {place: at - seconds * 1000 for place, at in seen})
