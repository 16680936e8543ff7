"""Answers as native streams: begun, added to, ended; and what becomes of one that cannot go on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from tests.adapters.slack.desk import Desk, desk, ended, growing
from tests.servers.slack import SlackServer


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """A writer on a Slack whose limits hold."""
    async with SlackServer(limits=True) as slack, desk(slack, redis_client) as opened:
        yield opened


async def test_an_answer_is_streamed_and_ends_with_its_buttons_and_its_key(at_work: Desk) -> None:
    """The first words begin a stream, the next are added, the end brings notice, buttons and key."""
    job = await at_work.asked()
    await at_work.show(job, growing("Use"))
    await at_work.show(job, growing("Use a list"))
    segment = await at_work.show(job, ended("Use a list.", notice="Stopped."))
    assert segment.mode == "stream"
    (message,) = at_work.shown(job)
    assert message.body == "Use a list."
    assert message.notice == "Stopped."
    assert [button.action_id for button in message.buttons] == ["corral:again", "corral:feedback", "corral:feedback"]
    assert message.metadata == {"event_type": "corral_answer", "event_payload": {"key": f"{job.id}:0"}}
    assert not message.streaming
    assert at_work.methods() == ["chat.startStream", "chat.appendStream", "chat.stopStream"]
