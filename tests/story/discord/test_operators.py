"""What whoever runs it sees: exit codes and sentences, the health page, and logs that hold nobody's words."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.servers.behaviour import Behaviour
from tests.servers.discord import DiscordServer
from tests.servers.discord.routes import EDIT, SEND
from tests.story.discord.conftest import AGAIN, Office
from tests.story.programs import END_SECONDS, program, spawn
from tests.waiting import until


async def test_a_token_that_discord_refuses_ends_the_program_with_what_to_do(office: Office, tmp_path: Path) -> None:
    """Exit code 1; the sentence names the setting, and never the token."""
    process = await spawn(office, tmp_path, discord_token="corral-wrong-token")
    _, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
    assert process.returncode == 1
    assert "DISCORD_TOKEN" in err.decode()
    assert "corral-wrong-token" not in err.decode()
    assert "Traceback" not in err.decode()


async def test_an_intent_that_is_not_switched_on_ends_the_program_with_where_to_switch_it_on(
    office: Office, tmp_path: Path
) -> None:
    """Exit code 1, for a restart alone mends nothing."""
    async with DiscordServer(message_content=False) as discord:
        process = await spawn(office, tmp_path, discord_token=discord.bot_token, discord_api_url=discord.url)
        _, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
    assert process.returncode == 1
    assert "MESSAGE CONTENT INTENT" in err.decode()
    assert "Traceback" not in err.decode()


async def test_a_token_that_is_reset_later_ends_the_program(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """Until then the health page knows that Discord reaches us."""
    async with program(office, tmp_path) as running:
        status, page = await running.page("readyz")
        assert (status, page["checks"]["discord"]) == (200, "ok")
        await discord.reset_token()
        assert await asyncio.wait_for(running.process.wait(), END_SECONDS) == 1
    assert "DISCORD_TOKEN" in "".join(running.log)


async def test_logs_hold_no_words_of_people_or_of_the_model_and_no_secrets(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """Not even the most talkative ones, and not when things go wrong."""
    office.model.behaviour = Behaviour(text="my answer is swordfish", token_delay=0.02)
    async with program(office, tmp_path, log_level="DEBUG") as running:
        await until("the commands are registered", lambda: bool(discord.commands))
        discord.lose_reply(SEND)
        discord.fail(EDIT, 503)
        asked = await discord.mention("where is the treasure?")
        await office.answered(asked)
        discord.break_event()
        discord.cut()
        await until("it is back", lambda: len(discord.resumes) == 1)
        private = await discord.command("ask", {"question": "secret treasure", "private": True})
        await office.press(office.answer(asked), AGAIN)
        await office.settled()
        assert await running.terminated() == 0
        await until("the log is read", running.reading.done)
    log = "".join(running.log)
    assert "not written" in log
    secrets = [discord.bot_token, private.token]
    assert [word for word in ["treasure", "swordfish", "alice", "Alice", *secrets] if word in log] == []
