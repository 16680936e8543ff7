"""Discord's days with a store that lets the bot touch its own keys only: deploy/redis/users.acl."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from redis.asyncio import Redis

from storage.client import open_redis
from tests.servers.discord import DiscordServer
from tests.servers.valkey import Store, check_only_its_own, store_with_users
from tests.story.discord.conftest import AGAIN, AT_ONCE, HELP, OTHER_QUESTION, QUESTION, SPEAKING, Office


@pytest.fixture
def store() -> Iterator[Store]:
    """A real server with the users of the example."""
    with store_with_users() as store:
        yield store


@pytest.fixture
def valkey_url(store: Store) -> str:
    """As the program knows it."""
    return store.url


@pytest.fixture
async def redis_client(store: Store) -> AsyncIterator[Redis]:
    """As the test looks at it."""
    async with open_redis(store.admin_url) as admin:
        yield admin


async def test_the_gateway_and_its_answers_are_allowed(office: Office, discord: DiscordServer) -> None:
    """A session that is kept and resumed, threads, private answers, buttons, and threads that go."""
    office.model.behaviour = AT_ONCE
    async with office.replica(quota_tenant="100 requests/hour"):
        asked = await discord.say(QUESTION, channel=HELP)
        await office.answered(asked)
        await office.press(office.thread(asked)[-1], AGAIN)
        await office.settled()
        await discord.command("ask", {"question": OTHER_QUESTION, "private": True})
        await office.settled()
        office.model.behaviour = SPEAKING
        other = await discord.mention(OTHER_QUESTION)
        await office.begun(other)
        discord.cut()
        await office.answered(other)
        await discord.delete_channel(asked)
        await office.settled()
    async with office.replica():
        again = await discord.mention("what is a tuple?")
        await office.answered(again)
    assert len(discord.resumes) >= 1
    await check_only_its_own(office.redis)
