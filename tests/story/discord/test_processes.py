"""The real program beside a local Discord: it answers, is killed in the middle, and misses nothing."""

from __future__ import annotations

from pathlib import Path

from tests.servers.discord import GENERAL
from tests.story.discord.conftest import AT_ONCE, OTHER_QUESTION, QUESTION, SLOWLY, Office
from tests.story.programs import program


async def test_a_mention_is_answered_in_a_thread_of_its_own(office: Office, tmp_path: Path) -> None:
    """In one message that grew; the channel itself stays as it was. SIGTERM ends the program in order."""
    office.model.behaviour = SLOWLY
    async with program(office, tmp_path) as running:
        status, page = await running.page("readyz")
        assert (status, page["checks"]["discord"]) == (200, "ok")
        asked = await office.discord.mention(QUESTION)
        (answer,) = await office.answered(asked)
        assert await running.terminated() == 0
    assert (answer.body, answer.notice) == (office.expected(), "")
    assert len(answer.history) > 2
    assert office.discord.bot_messages(GENERAL) == []
    assert [thread.name for thread in office.discord.threads] == [QUESTION]


async def test_what_a_lost_session_does_not_bring_is_read(office: Office, tmp_path: Path) -> None:
    """When Discord has forgotten the session, a follow-up that was written meanwhile is answered all the same, once."""
    office.model.behaviour = AT_ONCE
    async with program(office, tmp_path) as first:
        asked = await office.discord.mention(QUESTION)
        await office.settled()
        await office.killed(first)
    office.discord.forget_sessions()
    await office.discord.say(OTHER_QUESTION, channel=asked)
    async with program(office, tmp_path) as second:
        await office.answered(asked, times=2)
        assert await second.terminated() == 0
    assert len(office.thread(asked)) == 2
    assert len(office.discord.identifies) == 2
