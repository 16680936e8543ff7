"""The connection to Discord breaks in every way while people ask: all that was asked is answered, once."""

from __future__ import annotations

import pytest

from tests.servers.discord import BOB, FORUM, RANDOM, DiscordServer
from tests.story.discord.conftest import AT_ONCE, HELP, OTHER_QUESTION, QUESTION, Office
from tests.waiting import until


@pytest.mark.parametrize("how", ["cut", "ask_to_reconnect", "break_event", "invalidate", "4009"])
async def test_an_answer_outlives_its_connection_and_so_do_questions(
    office: Office, discord: DiscordServer, how: str
) -> None:
    """Answers go over HTTP. What is asked meanwhile comes with the session that goes on, or, where Discord ended that,
    from the history; what is asked afterwards comes as ever."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked)
        if how.isdigit():
            await discord.disconnect(int(how))
        else:
            getattr(discord, how)()
        await discord.say("and backwards?", channel=asked, user=BOB)
        meanwhile = await discord.say(OTHER_QUESTION, channel=HELP)
        office.model.behaviour = AT_ONCE
        await office.settled()
        afterwards = await discord.mention(QUESTION, channel=RANDOM)
        await office.settled()
    assert office.thread(asked)[0].body == office.expected()
    assert len(office.thread(asked)) == 2
    assert office.answer(meanwhile).body == office.expected(OTHER_QUESTION)
    assert office.answer(afterwards).body == office.expected()
    is_new = how in {"invalidate", "4009"}
    assert len(discord.identifies) == 1 + is_new


async def test_whoever_stands_by_listens_when_the_other_ends_and_resumes_its_session(
    office: Office, discord: DiscordServer
) -> None:
    """At once, and without an IDENTIFY."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        async with office.replica():
            asked = await discord.mention(QUESTION)
            await office.settled()
        await until("somebody listens", lambda: discord.connected == 1)
        again = await discord.mention(OTHER_QUESTION, channel=RANDOM)
        await office.settled()
    assert office.answer(asked).body == office.expected()
    assert office.answer(again).body == office.expected(OTHER_QUESTION)
    assert len(discord.identifies) == 1


async def test_restarts_do_not_cost_the_token(office: Office, discord: DiscordServer) -> None:
    """Each resumes the session; one that is lost costs one of the day's thousand IDENTIFYs."""
    for _ in range(3):
        async with office.replica():
            await until("it listens", lambda: discord.connected == 1)
    assert (len(discord.identifies), len(discord.resumes)) == (1, 2)
    discord.forget_sessions()
    async with office.replica():
        await until("it listens", lambda: len(discord.identifies) == 2)


async def test_posts_that_were_begun_while_nobody_listened_are_answered(office: Office, discord: DiscordServer) -> None:
    """And so is what was written in direct messages; what was answered before is not answered again."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        before = await discord.open_forum_post("Sorting", QUESTION, channel=FORUM)
        direct = await discord.dm(QUESTION, user=BOB)
        await office.settled()
    discord.forget_sessions()
    post = await discord.open_forum_post("Reversing", OTHER_QUESTION, channel=FORUM, user=BOB)
    await discord.dm("and backwards?", user=BOB)
    async with office.replica():
        await until("the post is answered", lambda: office.ended(post) != [])
        await office.settled()
    assert len(office.thread(before)) == len(office.thread(post)) == 1
    assert len(office.thread(discord.message(direct).channel)) == 2
    assert len(office.model.requests) == 4
