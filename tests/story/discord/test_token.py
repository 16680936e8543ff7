"""Somebody resets the bot's token while answers are being written."""

from __future__ import annotations

from pathlib import Path

from bot.exits import EXIT_FAILED
from bot.roles import Role
from tests.story.discord.conftest import QUESTION, SLOWLY, Office
from tests.story.programs import END_SECONDS, program
from tests.waiting import until


async def test_a_program_whose_token_is_refused_ends_and_the_next_one_ends_its_answer(
    office: Office, tmp_path: Path
) -> None:
    """What only writes learns of it by its writing; the answer goes on in its message, and nothing is given up."""
    office.model.behaviour = SLOWLY
    async with office.replica(Role.LISTENER):
        async with program(office, tmp_path, "--role", "worker", drain_seconds="1") as first:
            asked = await office.discord.mention(QUESTION)
            begun = await office.begun(asked, words=3)
            office.discord.token.reset()
            await until("it ends", lambda: first.process.returncode is not None, deadline_seconds=END_SECONDS)
            assert first.process.returncode == EXIT_FAILED
            assert any("DISCORD_TOKEN" in line for line in first.log)
        async with program(office, tmp_path, "--role", "worker", discord_token=office.discord.bot_token):
            (answer,) = await office.answered(asked)
    assert (answer.id, answer.body, answer.notice) == (begun.id, office.expected(), "")
