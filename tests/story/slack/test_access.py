"""Whom the program answers in Slack: rules in its settings, guests and other organisations as Slack tells of them."""

from __future__ import annotations

import pytest

from bot.roles import Role
from conversation import notices
from tests.servers.slack import ALICE, BOB, GENERAL, RANDOM, STRANGER, SlackServer, dm_of
from tests.servers.slack.cast import OTHER_TEAM
from tests.story.slack.conftest import AGAIN, AT_ONCE, FEEDBACK, QUESTION, STOP, Office
from tests.waiting import until


@pytest.fixture(autouse=True)
def _at_once(office: Office) -> None:
    office.model.behaviour = AT_ONCE


def make_guest(slack: SlackServer, user: str) -> None:
    """Of one or several channels."""
    slack.home.users[user] |= {"is_restricted": True}


async def told(slack: SlackServer, count: int = 1) -> list[tuple[str | None, str]]:
    """Wait until so many people were told something alone: who, and what."""
    await until("they are told", lambda: len(slack.ephemerals) >= count)
    return [(one.ephemeral_for, one.shown) for one in slack.ephemerals]


async def test_an_allowed_channel_is_answered_and_no_other(office: Office, slack: SlackServer) -> None:
    """Who asks elsewhere is told once, and alone; nothing of it reaches the model."""
    async with office.replica(access_allow=f"slack channel:{GENERAL}"):
        here, there = await slack.mention(QUESTION), await slack.mention(QUESTION, channel=RANDOM)
        await office.settled()
        assert await told(slack) == [(ALICE, notices.NOT_ALLOWED)]
        await slack.dm(QUESTION)
        assert await told(slack, 2) == [(ALICE, notices.NOT_ALLOWED)] * 2
        await office.settled()
    assert office.answer(here).body == office.expected()
    assert office.thread(there, RANDOM) == []
    assert slack.bot_messages(dm_of(ALICE)) == []
    assert len(office.model.requests) == 1


async def test_a_denied_person_is_refused_wherever_they_turn(office: Office, slack: SlackServer) -> None:
    """Mentions, commands, help, forms, settings and shortcuts, each to them alone; in others' threads silently."""
    async with office.replica(access_deny=f"slack user:{BOB}"):
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.say("and me?", thread_ts=ts, user=BOB)
        await office.settled()
        assert slack.ephemerals == []
        commands = ["why?", "help", "status", "explain", "settings", "private why?"]
        for typed in commands:
            delivery = await slack.command("/corral", typed, user=BOB)
            assert delivery.reply == {"response_type": "ephemeral", "text": notices.NOT_ALLOWED}
        await slack.shortcut("corral_ask", message_ts=ts, user=BOB)
        await slack.shortcut("corral_form", message_ts=ts, user=BOB)
        await slack.mention("let me in", user=BOB)
        assert set((await told(slack, len(commands) + 3))[-3:]) == {(BOB, notices.NOT_ALLOWED)}
        await office.settled()
    assert slack.home.modals == []
    assert len(office.thread(ts)) == len(slack.bot_messages()) == 1
    assert len(office.model.requests) == 1


async def test_somebody_elses_buttons_are_not_for_everybody(office: Office, slack: SlackServer) -> None:
    """Neither opinions, nor Regenerate; nor can they stop what is being written, whichever button they use."""
    async with office.replica(access_deny=f"slack user:{BOB}"):
        done = await slack.mention(QUESTION)
        await office.settled()
        answer = office.answer(done)
        await slack.press(answer.ts, AGAIN, user=BOB)
        good = next(button.value for button in answer.buttons if button.value.startswith("good"))
        await slack.press(answer.ts, FEEDBACK, user=BOB, value=good)
        assert await told(slack, 2) == [(BOB, notices.NOT_ALLOWED)] * 2
        slack.fail("chat.startStream", "unknown_method")
        office.model.behaviour = type(AT_ONCE)(token_delay=0.05)
        ts = await slack.mention(QUESTION)
        message = await office.begun(ts)
        await slack.press(message.ts, STOP, user=BOB)
        await slack.stop_button(ts, user=BOB)
        await slack.say("stop", thread_ts=ts, user=BOB)
        await office.settled()
        assert (await told(slack, 3))[2:] == [(BOB, notices.NOT_ALLOWED)]
    assert office.answer(ts).body == office.expected()


async def test_guests_ask_only_where_a_rule_names_them(office: Office, slack: SlackServer) -> None:
    """By default nowhere. What others ask in that thread is answered as ever."""
    make_guest(slack, BOB)
    async with office.replica():
        await slack.mention(QUESTION, user=BOB)
        assert await told(slack) == [(BOB, notices.GUEST)]
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.say("and me?", thread_ts=ts, user=BOB)
        await office.settled()
        assert len(office.thread(ts)) == 1
    async with office.replica(access_allow=f"slack guests channel:{GENERAL}"):
        theirs = await slack.mention(QUESTION, user=BOB)
        await slack.mention(QUESTION, user=BOB, channel=RANDOM)
        members = await slack.mention(QUESTION, channel=RANDOM)
        await office.settled()
        assert (await told(slack, 2))[1:] == [(BOB, notices.GUEST)]
    assert office.answer(theirs).body == office.answer(members, RANDOM).body == office.expected()


async def test_people_of_other_organisations_ask_only_where_a_rule_names_them(
    office: Office, slack: SlackServer
) -> None:
    """And their workspace, if it says one."""
    async with office.replica(access_allow="slack external workspace:T0ELSE"):
        await slack.mention(QUESTION, external=True)
        assert await told(slack) == [(STRANGER, notices.OUTSIDER)]
    async with office.replica(access_allow=f"slack external workspace:{OTHER_TEAM}"):
        ts = await slack.mention(QUESTION, external=True)
        await office.settled()
        await slack.press(office.answer(ts).ts, AGAIN, user=STRANGER)
        await until("it is made anew", lambda: len(office.model.requests) == 2)
        await office.settled()
    assert office.answer(ts).body == office.expected()


async def test_who_opens_our_page_and_may_not_ask_is_offered_nothing(office: Office, slack: SlackServer) -> None:
    """Others are."""
    make_guest(slack, BOB)
    async with office.replica():
        await slack.open_home(user=BOB)
        await slack.open_home(user=ALICE)
        await until("the suggestions are there", lambda: bool(slack.home.suggested_prompts))
        await until("both are seen to", lambda: len(slack.calls_of("users.info")) == 2 and not slack.unacked)
    assert [one["channel_id"] for one in slack.home.suggested_prompts] == [dm_of(ALICE)]


async def test_settings_are_not_kept_of_who_was_denied_meanwhile(office: Office, slack: SlackServer) -> None:
    """The form was open when the rules became stricter; the question in the other form is refused in it, too."""
    async with office.replica():
        await slack.command("/corral", "settings")
        await slack.command("/corral", "explain", user=BOB)
    async with office.replica(access_deny="slack"):
        delivery = await slack.submit(person__language="python")
        assert notices.NOT_ALLOWED in delivery.reply["errors"].values()
        delivery = await slack.submit(code="x = 1", user=BOB)
        assert notices.NOT_ALLOWED in delivery.reply["errors"].values()
    assert slack.bot_messages() == []


async def test_stricter_rules_after_a_restart_hold_for_what_waits(office: Office, slack: SlackServer) -> None:
    """The sentence stands where the answer would, and the model is not asked."""
    async with office.replica(Role.LISTENER):
        ts = await slack.mention(QUESTION)
        await until("it is stored", lambda: not slack.unacked)
    async with office.replica(access_deny=f"slack user:{ALICE}"):
        await office.settled()
    assert office.answer(ts).shown == notices.NOT_ALLOWED
    assert office.model.requests == []


@pytest.mark.parametrize(
    ("change", "sentence"), [({"is_restricted": True}, notices.GUEST), ({"deleted": True}, notices.LEFT)]
)
async def test_how_somebody_stands_when_the_answer_is_made_counts(
    office: Office, slack: SlackServer, change: dict[str, bool], sentence: str
) -> None:
    """Not how they stood when they asked."""
    async with office.replica(Role.LISTENER):
        ts = await slack.mention(QUESTION)
        await until("it is stored", lambda: not slack.unacked)
    slack.home.users[ALICE] |= change
    async with office.replica():
        await office.settled()
    assert office.answer(ts).shown == sentence
    assert office.model.requests == []


async def test_one_failure_of_slacks_keeps_nobody_out(office: Office, slack: SlackServer) -> None:
    """Somebody new asks just when Slack does not tell who they are: it is asked again before the answer is made."""
    slack.fail("users.info", "fatal_error")
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert slack.ephemerals == []


async def test_whom_nobody_knows_is_asked_to_try_again(office: Office, slack: SlackServer) -> None:
    """A guest must not become a member by Slack's silence."""
    slack.fail("users.info", "fatal_error", times=100)
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    assert office.answer(ts).shown == notices.NOT_KNOWN
    assert office.model.requests == []
