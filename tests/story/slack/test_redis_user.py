"""Slack's days with a store that lets the bot touch its own keys only: deploy/redis/users.acl."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from storage.client import open_redis
from tests.servers.slack import ALICE, BOB, RANDOM, SlackServer
from tests.servers.valkey import Store, check_only_its_own, store_with_users
from tests.story.slack.conftest import AGAIN, AT_ONCE, CONTINUE, QUESTION, Office
from tests.waiting import until


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


async def test_everything_that_people_do_in_slack_is_allowed(office: Office, slack: SlackServer) -> None:
    """Streams, follow-ups, buttons, private answers, settings, quotas, edits, deletions, and places that go."""
    office.model.behaviour = AT_ONCE
    quotas: dict[str, Any] = {"quota_person": "100 requests/hour, 100000 tokens/day", "quota_channel": "8 requests/day"}
    async with office.replica(max_new_tokens=20, **quotas):
        first = await slack.mention(QUESTION)
        await office.settled()
        await slack.say("and backwards?", thread_ts=first, user=BOB)
        await office.settled()
        await slack.press(office.thread(first)[-1].ts, CONTINUE)
        await office.settled()
        await slack.press(office.thread(first)[-1].ts, AGAIN)
        await office.settled()
        await slack.command("/corral", "settings")
        await slack.submit(person__language="ts")
        await slack.command("/corral", f"private {QUESTION}")
        await office.settled()
        await until("it is answered", lambda: len(slack.ephemerals) >= 2)
        await slack.command("/corral", "status")
        await office.settled()
        await until("it is told", lambda: any("Left for you: " in one.shown for one in slack.ephemerals))
        other = await slack.mention("what is a list?", user=ALICE, channel=RANDOM)
        await office.settled()
        await slack.edit(other, "what is a tuple?")
        await office.settled()
        await slack.delete(other)
        await office.settled()
        for number in range(5):
            asked = await slack.mention(f"{QUESTION} {number}")
            await office.settled()
        assert "This channel has used its 8 requests of today" in office.answer(asked).shown
        await slack.delete_channel(RANDOM)
        await slack.say("forget", thread_ts=first)
        await office.settled()
    await check_only_its_own(office.redis)
