"""Places that are no more: what was said there is forgotten, and nobody writes about it."""

from __future__ import annotations

from typing import Any

from tests.servers.slack import GENERAL, RANDOM, SlackServer
from tests.story.slack.conftest import AT_ONCE, QUESTION, SPEAKING, Office

OTHER_QUESTION = "how do I reverse a list?"


async def remembered(office: Office) -> list[str]:
    """All questions that the store knows of."""
    threads: list[Any] = [await office.redis.hvals(key) async for key in office.redis.scan_iter(match="*:turns:*")]
    said = str(threads)
    return [question for question in (QUESTION, OTHER_QUESTION) if question in said]


async def test_a_channel_that_is_deleted_is_forgotten(office: Office, slack: SlackServer) -> None:
    """Also what is being answered there; and nothing else."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await slack.mention(QUESTION, channel=RANDOM)
        await slack.mention(OTHER_QUESTION, channel=GENERAL)
        await office.settled()
        office.model.behaviour = SPEAKING
        running = await slack.mention(QUESTION, channel=RANDOM)
        await office.begun(running, RANDOM)
        await slack.delete_channel(RANDOM)
        await office.settled()
    assert await remembered(office) == [OTHER_QUESTION]


async def test_a_workspace_that_removes_the_app_is_forgotten(office: Office, slack: SlackServer) -> None:
    """Whatever was said there, and where."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await slack.mention(QUESTION, channel=RANDOM)
        await slack.dm(OTHER_QUESTION)
        await office.settled()
        assert await remembered(office) == [QUESTION, OTHER_QUESTION]
        await slack.uninstall()
        await office.settled()
    assert await remembered(office) == []
