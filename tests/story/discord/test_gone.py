"""Places that are no more: what was said there is forgotten, and nobody writes about it."""

from __future__ import annotations

from typing import Any

from tests.servers.discord import ALICE, GENERAL, GUILD, RANDOM, DiscordServer, dm_of
from tests.servers.discord.routes import SEND
from tests.story.discord.conftest import AT_ONCE, OTHER_QUESTION, QUESTION, Office
from tests.waiting import until


async def remembered(office: Office) -> list[str]:
    """All questions that the store knows of."""
    threads: list[Any] = [await office.redis.hvals(key) async for key in office.redis.scan_iter(match="*:turns:*")]
    said = str(threads)
    return [question for question in (QUESTION, OTHER_QUESTION) if question in said]


async def test_a_thread_that_is_deleted_is_forgotten(office: Office, discord: DiscordServer) -> None:
    """The others are not."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        one, other = await discord.mention(QUESTION), await discord.mention(OTHER_QUESTION)
        await office.answered(one)
        await office.answered(other)
        await discord.delete_channel(one)
        await office.settled()
    assert await remembered(office) == [OTHER_QUESTION]


async def test_what_is_being_answered_in_a_thread_that_is_deleted_is_forgotten_too(
    office: Office, discord: DiscordServer
) -> None:
    """Once who asked is told that there is no place for it."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked)
        await discord.delete_channel(asked)
        await office.settled()
    assert await remembered(office) == []
    assert len(discord.bot_messages(dm_of(ALICE))) == 1


async def test_a_channel_that_is_deleted_is_forgotten_with_its_threads(office: Office, discord: DiscordServer) -> None:
    """Also what somebody asked there privately."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await discord.command("ask", {"question": QUESTION, "private": True}, channel=RANDOM)
        asked = await discord.mention(QUESTION, channel=RANDOM)
        other = await discord.mention(OTHER_QUESTION, channel=GENERAL)
        await office.answered(asked)
        await office.answered(other)
        await office.settled()
        await discord.delete_channel(RANDOM)
        await office.settled()
    assert await remembered(office) == [OTHER_QUESTION]


async def test_a_server_that_sends_us_away_is_forgotten(office: Office, discord: DiscordServer) -> None:
    """Not one where Discord has trouble for a while."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await discord.dm(OTHER_QUESTION)
        await office.answered(asked)
        await until("the other is answered", lambda: bool(discord.bot_messages(dm_of(ALICE))))
        await office.settled()
        discord.send_event("GUILD_DELETE", {"id": GUILD, "unavailable": True})
        await office.settled()
        assert await remembered(office) == [QUESTION, OTHER_QUESTION]
        before = len(discord.calls_of(SEND))
        await discord.kick(GUILD)
        await office.settled()
    assert await remembered(office) == [OTHER_QUESTION]
    assert len(discord.calls_of(SEND)) == before
