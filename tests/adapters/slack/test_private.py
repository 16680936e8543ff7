"""Answers that one person sees alone, as the writer shows them on a local Slack."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.slack.private import MAY_BE_THERE
from conversation.errors import Unreachable
from conversation.model import Action, Command, Job, Offer, Segment, SegmentState
from conversation.ports import Content, ShowsWhole
from tests.adapters.slack.desk import Desk, desk, ended, job
from tests.servers.slack import ALICE, ELSEWHERE, GENERAL, SlackServer, dm_of

PRIVATELY = (Offer(Action.SHARE, "Share", "x1"), Offer(Action.THREAD, "Thread", "x1"))


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """A writer."""
    async with SlackServer() as slack, desk(slack, redis_client) as opened:
        yield opened
        assert slack.pings == []
        assert [message for message in slack.bot_messages() if message.channel != dm_of(ALICE)] == []


def asked(at_work: Desk, *, channel: str = GENERAL, seconds: float = 1000, command: Command = Command.ASK) -> Job:
    """What Alice asks privately."""
    url = at_work.slack.response_urls.open(channel, ALICE)
    where = {"private": "1", "response_url": url, "until": f"{time.time() + seconds:.0f}", "asked": "How, exactly?"}
    made = job(at_work.slack, "command-1", channel=channel, user=ALICE, thread_ts="command-1", **where)
    message = replace(made.messages[0], private=True, command=command, sent_at=time.time())
    return replace(made, messages=(message,))


def answer() -> Content:
    made = ended("It is **so**.", "Small print.")
    return replace(made, offers=(*PRIVATELY, *made.offers))


def planned(of: Job) -> Segment:
    return Segment(f"{of.id}:0", 0, SegmentState.PLANNED)


async def test_it_is_shown_to_its_person_alone(at_work: Desk) -> None:
    """With buttons that tell which conversation they are about, also in a channel that we are not in."""
    for channel in GENERAL, ELSEWHERE:
        of = asked(at_work, channel=channel)
        assert isinstance(at_work.replies, ShowsWhole)
        assert at_work.replies.is_shown_whole(of)
        assert not at_work.replies.needs_place(of)
        await at_work.replies.post(of, planned(of), answer())
        shown = at_work.slack.ephemerals[-1]
        assert (shown.ephemeral_for, shown.channel, shown.thread_ts) == (ALICE, channel, None)
        assert (shown.body, shown.notice) == ("It is **so**.", "Small print.")
        values = {button.action_id: button.value for button in shown.buttons}
        assert values["corral:share"] == f"x1 {channel} command-1"
        assert values["corral:feedback"].endswith(f":x1 {channel} command-1")
    assert not at_work.slack.calls_of("assistant.threads.setStatus")


async def test_it_has_no_status_and_leaves_no_trace(at_work: Desk) -> None:
    """There is no thread that could show one, and nothing can be taken away."""
    of = asked(at_work)
    await at_work.replies.status(of, "Thinking…")
    await at_work.replies.delete(of, "private:job:0")
    await at_work.replies.status(of, "")
    assert at_work.methods() == []


async def test_after_its_address_expired_it_comes_in_direct_messages(at_work: Desk) -> None:
    """By our clock, by Slack's word, and when it was used too often; there it says what was asked."""
    late, expired, used = asked(at_work, seconds=-1), asked(at_work), asked(at_work)
    at_work.slack.fail("response_url", "expired_url", status=404)
    await at_work.show(expired, answer())
    at_work.slack.fail("response_url", "used_url", status=404, times=100)
    await at_work.show(used, answer())
    await at_work.show(late, answer())
    told = at_work.slack.bot_messages(dm_of(ALICE))
    assert [message.body for message in told] == ["Alice asked:\n> How, exactly?\n\nIt is **so**."] * 3
    assert told[0].buttons[0].value == f"x1 {GENERAL} command-1"
    assert at_work.slack.ephemerals == []


async def test_what_may_have_been_shown_is_not_shown_again(at_work: Desk) -> None:
    """Its person is told, and can have it."""
    of = asked(at_work)
    at_work.slack.lose_reply("response_url")
    with pytest.raises(Unreachable) as error:
        await at_work.replies.post(of, planned(of), answer())
    assert not error.value.certain
    written = await at_work.replies.find(of, planned(of))
    assert written is not None
    await at_work.replies.edit(of, replace(planned(of), message_id=written.message_id), answer())
    first, second = at_work.slack.ephemerals
    assert first.body == "It is **so**."
    assert second.shown == MAY_BE_THERE
    assert [button.action_id for button in second.buttons] == ["corral:reveal", "corral:share", "corral:thread"]
    assert second.buttons[0].value == f"x1 {GENERAL} command-1"


async def test_nothing_is_written_twice(at_work: Desk) -> None:
    """Whoever settles it later finds it as it is to be."""
    of = asked(at_work)
    written = await at_work.replies.post(of, planned(of), answer())
    await at_work.replies.edit(of, replace(planned(of), message_id=written.message_id), answer())
    assert len(at_work.slack.ephemerals) == 1


async def test_a_new_answer_takes_the_place_of_the_old_one(at_work: Desk) -> None:
    """In the message whose button was pressed."""
    of = asked(at_work)
    await at_work.replies.post(of, planned(of), answer())
    old = at_work.slack.ephemerals[0]
    again = asked(at_work, command=Command.AGAIN)
    url = at_work.slack.response_urls.open(GENERAL, ALICE, old)
    message = again.messages[0]
    again = replace(again, messages=(replace(message, reply_to={**message.reply_to, "response_url": url}),))
    segment = replace(planned(again), message_id=f"private:{of.id}:0")
    await at_work.replies.edit(again, segment, ended("Rather so."))
    assert [message.body for message in at_work.slack.ephemerals] == ["Rather so."]


async def test_an_address_that_is_not_slacks_is_not_called(at_work: Desk) -> None:
    """The answer is for its person, and comes in direct messages."""
    of = asked(at_work)
    message = of.messages[0]
    evil = {**message.reply_to, "response_url": "https://evil.example/x"}
    of = replace(of, messages=(replace(message, reply_to=evil),))
    await at_work.replies.post(of, planned(of), answer())
    assert len(at_work.slack.bot_messages(dm_of(ALICE))) == 1
