"""What whoever runs it sees: exit codes and sentences, the health page, and logs that hold nobody's words."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.servers.behaviour import Behaviour
from tests.servers.slack import SlackServer
from tests.story.programs import END_SECONDS, program, spawn
from tests.story.slack.conftest import AGAIN, Office
from tests.waiting import until


async def test_a_token_that_slack_refuses_ends_the_program_with_what_to_do(office: Office, tmp_path: Path) -> None:
    """Exit code 1; the sentence names the setting, and never the token."""
    process = await spawn(office, tmp_path, slack_bot_token="xoxb-wrong-token")
    _, err = await asyncio.wait_for(process.communicate(), END_SECONDS)
    assert process.returncode == 1
    assert "SLACK_BOT_TOKEN (invalid_auth)" in err.decode()
    assert "xoxb-wrong-token" not in err.decode()
    assert "Traceback" not in err.decode()


async def test_the_health_page_knows_slack_and_a_token_that_is_revoked_ends_the_program(
    office: Office, slack: SlackServer, tmp_path: Path
) -> None:
    """Ready means that Slack can reach us; exit code 1, for a restart alone mends nothing."""
    async with program(office, tmp_path) as running:
        status, page = await running.page("readyz")
        assert (status, page["checks"]["slack"]) == (200, "ok")
        slack.fail("apps.connections.open", "token_revoked", times=9)
        slack.cut()
        assert await asyncio.wait_for(running.process.wait(), END_SECONDS) == 1
    assert "SLACK_APP_TOKEN" in "".join(running.log)


async def test_logs_hold_no_words_of_people_or_of_the_model_and_no_secrets(
    office: Office, slack: SlackServer, tmp_path: Path
) -> None:
    """Not even the most talkative ones, and not when things go wrong."""
    office.model.behaviour = Behaviour(text="my answer is swordfish", token_delay=0.02)
    slack.fail("chat.appendStream", "internal_error")
    slack.lose_reply("chat.stopStream")
    async with program(office, tmp_path, log_level="DEBUG") as running:
        ts = await slack.mention("where is the treasure?")
        await office.settled()
        slack.cut()
        await slack.command("/corral", "secret treasure")
        await slack.press(office.answer(ts).ts, AGAIN)
        await office.settled()
        assert await running.terminated() == 0
        await until("the log is read", running.reading.done)
    log = "".join(running.log)
    assert "not written" in log
    secrets = [slack.bot_token, slack.app_token, slack.signing_secret]
    assert [word for word in ["treasure", "swordfish", "alice", *secrets] if word in log] == []
