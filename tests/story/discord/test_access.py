"""Whom the program answers in Discord: rules about servers, roles, channels and people."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.discord import interactions, people
from bot.roles import Role
from conversation import notices
from tests.servers.discord import ALICE, BOB, GENERAL, GUILD, RANDOM, DiscordServer, dm_of
from tests.servers.discord.cast import HELPERS
from tests.servers.discord.interaction import REPLY_NOW
from tests.story.discord.conftest import AT_ONCE, HELP, OTHER_QUESTION, QUESTION, SLOWLY, Office, actions
from tests.waiting import until

OF_HELPERS = f"discord guild:{GUILD} role:{HELPERS}"
_PEOPLE = people.People.__init__.__kwdefaults__ or {}
MEMBER = "GET /guilds/{guild_id}/members/{user_id}"


@pytest.fixture(autouse=True)
def _at_once(office: Office) -> None:
    office.model.behaviour = AT_ONCE


@asynccontextmanager
async def at_work(office: Office, **settings: object) -> AsyncIterator[None]:
    """The program, with its commands on offer."""
    async with office.replica(Role.ALL, **settings):
        await until("the commands are registered", lambda: bool(office.discord.commands))
        yield


def custom_id(office: Office, message_id: str, action: str) -> str:
    """Of a button below a message."""
    found = [
        one.custom_id for one in office.discord.message(message_id).buttons if one.custom_id.split(":")[1] == action
    ]
    return found[0]


async def test_a_role_is_needed_where_a_rule_names_one(office: Office, discord: DiscordServer) -> None:
    """Who has it is answered, and in the thread others' follow-ups are left alone. Who has not is told once a day."""
    discord.home.roles[ALICE] = [HELPERS]
    async with at_work(office, access_allow=OF_HELPERS):
        asked = await discord.mention(QUESTION)
        await office.settled()
        await discord.say("and me?", channel=asked, user=BOB)
        refused = await discord.mention(QUESTION, user=BOB)
        await office.settled()
        await discord.mention("hello?", user=BOB)
        await office.settled()
        await until("it is told", lambda: bool(discord.bot_messages(GENERAL)))
        await discord.say("and backwards?", channel=asked)
        await office.settled()
    (told,) = discord.bot_messages(GENERAL)
    assert (told.shown, (told.reference or {})["message_id"]) == (notices.NOT_ALLOWED, refused)
    assert office.thread(asked)[0].body == office.expected()
    assert len(office.thread(asked)) == len(office.model.requests) == 2


async def test_a_denied_person_is_told_alone_wherever_it_can_be(office: Office, discord: DiscordServer) -> None:
    """Commands, forms, menus and help: nothing of it is seen by others."""
    about = await discord.say("x = 1", user=BOB)
    async with at_work(office, access_deny=f"discord user:{ALICE}"):
        called = [
            await discord.command("ask", {"question": QUESTION}),
            await discord.command("ask", {"question": QUESTION, "private": True}),
            await discord.command("fix"),
            await discord.command("fix", {"paste": True}),
            await discord.command("help"),
            await discord.command("status"),
            await discord.command("forget"),
            await discord.message_menu("Fix this", about),
            await discord.message_menu("Ask Corral about this", about),
        ]
        assert {one.response_type for one in called} == {REPLY_NOW}
        assert [one.shown for one in discord.ephemerals] == [notices.NOT_ALLOWED] * len(called)
        await discord.command("settings mine", {"language": "python"})
        await until("settings are refused too", lambda: discord.ephemerals[-1].shown == notices.NOT_ALLOWED)
        await office.settled()
    assert {one.ephemeral_for for one in discord.ephemerals} == {ALICE}
    assert discord.bot_messages(GENERAL) == []
    assert office.model.requests == []


async def test_a_form_that_was_open_is_refused_when_it_is_sent(office: Office, discord: DiscordServer) -> None:
    """The rules became stricter meanwhile."""
    async with at_work(office):
        form = await discord.command("explain", {"paste": True})
    async with at_work(office, access_deny="discord"):
        await discord.submit(form, {"code": "x = 1"})
        await until("it is told", lambda: bool(discord.ephemerals))
        await office.settled()
    assert [one.shown for one in discord.ephemerals] == [notices.NOT_ALLOWED]
    assert discord.bot_messages(GENERAL) == []


async def test_somebody_elses_buttons_are_not_for_everybody(office: Office, discord: DiscordServer) -> None:
    """Who may not ask may not press either."""
    async with at_work(office, access_deny=f"discord user:{BOB}"):
        asked = await discord.mention(QUESTION)
        await office.settled()
        answer = office.answer(asked)
        for action in actions(answer):
            await discord.press(answer.id, custom_id(office, answer.id, action), user=BOB)
        await office.settled()
    assert [(one.ephemeral_for, one.shown) for one in discord.ephemerals] == [(BOB, notices.NOT_ALLOWED)] * 3
    assert len(office.model.requests) == 1


async def test_a_thread_counts_as_its_channel_and_direct_messages_as_no_server(
    office: Office, discord: DiscordServer
) -> None:
    """So rules that name a channel or a server say nothing of direct messages."""
    async with at_work(office, access_allow=f"discord channel:{GENERAL}; discord user:{BOB}"):
        thread = await discord.open_thread("talk")
        within = await discord.mention(QUESTION, channel=thread)
        elsewhere = await discord.mention(QUESTION, channel=RANDOM)
        await discord.dm(QUESTION)
        await discord.dm(QUESTION, user=BOB)
        await office.settled()
        await until("both are told", lambda: len(discord.bot_messages(dm_of(ALICE))) == 1)
    assert office.answer(thread).body == office.expected()
    assert within != elsewhere
    assert [one.shown for one in discord.bot_messages(RANDOM)] == [notices.NOT_ALLOWED]
    assert [one.shown for one in discord.bot_messages(dm_of(ALICE))] == [notices.NOT_ALLOWED]
    assert [one.body for one in discord.bot_messages(dm_of(BOB))] == [office.expected()]


async def test_where_every_question_is_answered_others_are_left_alone(office: Office, discord: DiscordServer) -> None:
    """People without the role talk there too; only who speaks to us is told."""
    async with at_work(office, access_allow=OF_HELPERS):
        await discord.say(QUESTION, channel=HELP)
        await office.settled()
        await discord.mention(QUESTION, channel=HELP)
        await office.settled()
        await until("it is told", lambda: bool(discord.bot_messages(HELP)))
    assert [one.shown for one in discord.bot_messages(HELP)] == [notices.NOT_ALLOWED]
    assert office.model.requests == []


@pytest.mark.parametrize("is_gone", [False, True])
async def test_a_role_that_was_taken_away_while_the_question_waited(
    office: Office, discord: DiscordServer, is_gone: bool
) -> None:
    """What Discord says when the answer is made counts; who has left the server has none."""
    discord.home.roles[ALICE] = [HELPERS]
    async with office.replica(Role.LISTENER, access_allow=OF_HELPERS):
        asked = await discord.mention(QUESTION)
        await office.marked(GENERAL)
    if is_gone:
        discord.home.left.add(ALICE)
    else:
        discord.home.roles[ALICE] = []
    async with office.replica(access_allow=OF_HELPERS):
        await office.settled()
    assert office.answer(asked).shown == (notices.LEFT if is_gone else notices.NOT_ALLOWED)
    assert office.model.requests == []


async def test_while_discord_does_not_tell_the_roles_of_asking_count(office: Office, discord: DiscordServer) -> None:
    """It keeps nobody from an answer."""
    discord.home.roles[ALICE] = [HELPERS]
    async with office.replica(access_allow=OF_HELPERS):
        discord.fail(MEMBER, 500)
        asked = await discord.mention(QUESTION)
        await office.settled()
    assert len(discord.calls_of(MEMBER)) == 1
    assert office.answer(asked).body == office.expected()


async def test_without_rules_about_them_nobody_is_looked_up(office: Office, discord: DiscordServer) -> None:
    """An answer costs no call more than it did."""
    async with office.replica(access_allow=f"discord user:{ALICE}; slack user:U1"):
        asked = await discord.mention(QUESTION)
        await office.settled()
    assert office.answer(asked).body == office.expected()
    assert discord.calls_of(MEMBER) == []


async def test_what_is_read_from_the_history_is_looked_up(office: Office, discord: DiscordServer) -> None:
    """After an outage messages come without their authors' roles."""
    discord.home.roles[ALICE] = [HELPERS]
    async with office.replica(access_allow=OF_HELPERS):
        first = await discord.mention(QUESTION)
        await office.settled()
        discord.invalidate()
        theirs = await discord.say(QUESTION, channel=HELP, user=BOB)
        mine = await discord.say(OTHER_QUESTION, channel=HELP)
        await discord.say("and me?", channel=first, user=BOB)
        await until("the help channel is caught up in", lambda: bool(office.thread(mine)))
        await office.settled()
    assert office.answer(mine).body == office.expected(OTHER_QUESTION)
    assert office.thread(theirs) == []
    assert len(office.thread(first)) == 1
    assert len(discord.identifies) == 2


async def test_a_private_answer_in_direct_messages_is_still_its_servers(
    office: Office, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A press there tells no roles: they are looked up, also before an opinion counts."""
    monkeypatch.setattr(people.People.__init__, "__kwdefaults__", {**_PEOPLE, "known_seconds": 0.0})
    monkeypatch.setattr(interactions, "TOKEN_SECONDS", 62)
    discord.home.token_seconds = 62
    discord.home.roles[ALICE] = [HELPERS]
    office.model.behaviour = SLOWLY
    async with at_work(office, access_allow=OF_HELPERS):
        await discord.command("ask", {"question": QUESTION, "private": True})
        await office.settled()
        answer = office.answer(dm_of(ALICE))
        good = custom_id(office, answer.id, "good")
        await discord.press(answer.id, good)
        await until("she is thanked", lambda: discord.ephemerals[-1].shown == notices.THANKS)
        discord.home.roles[ALICE] = []
        await discord.press(answer.id, good)
        await until("she is refused", lambda: discord.ephemerals[-1].shown == notices.NOT_ALLOWED)
