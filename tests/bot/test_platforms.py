"""What `run` and `manifest` say about platforms before anything is started."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from adapters.discord.manifest import invite
from bot.discord import discord_access
from bot.platforms import NO_PLATFORM, refusal
from bot.roles import Role
from bot.settings import Settings
from bot.slack import slack_access
from tests.terminal import ROOT

BOT, APP, SIGNING = SecretStr("xoxb-1"), SecretStr("xapp-1"), SecretStr("s3cret")


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("given", "role", "says"),
    [
        ({}, Role.ALL, NO_PLATFORM),
        ({}, Role.WORKER, None),
        ({"slack_bot_token": BOT}, Role.ALL, "SLACK_APP_TOKEN"),
        ({"slack_bot_token": BOT}, Role.WORKER, None),  # writing needs no more
        ({"slack_app_token": APP}, Role.ALL, "need SLACK_BOT_TOKEN"),
        ({"slack_signing_secret": SIGNING}, Role.LISTENER, "need SLACK_BOT_TOKEN"),
        ({"slack_bot_token": BOT, "slack_app_token": APP}, Role.ALL, None),
        ({"slack_bot_token": BOT, "slack_signing_secret": SIGNING}, Role.LISTENER, None),
        ({"discord_token": BOT}, Role.ALL, None),
        ({"discord_token": BOT, "slack_bot_token": BOT}, Role.ALL, "SLACK_APP_TOKEN"),
        ({"discord_token": BOT, "slack_app_token": APP}, Role.LISTENER, "need SLACK_BOT_TOKEN"),
    ],
)
def test_what_is_missing_is_said_before_anything_starts(given: dict[str, Any], role: Role, says: str | None) -> None:
    """With the names of the variables that would mend it."""
    reason = refusal(settings(**given), role)
    assert (reason is None) == (says is None)
    if says is not None:
        assert says in (reason or "")


def test_tokens_reach_the_adapter_and_no_repr() -> None:
    """What is logged of it by mistake tells nothing."""
    access = slack_access(settings(slack_bot_token=BOT, slack_signing_secret=SIGNING))
    assert (access.bot_token, access.app_token, access.signing_secret) == ("xoxb-1", "", "s3cret")
    assert "xoxb" not in repr(access)
    assert "s3cret" not in repr(access)
    discord = discord_access(settings(discord_token=SIGNING, discord_help_channels="1, 2"))
    assert (discord.token, sorted(discord.help_channels)) == ("s3cret", ["1", "2"])
    assert "s3cret" not in repr(discord)


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", "manifest", *arguments]
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **variables}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


def test_the_manifest_is_printed_for_either_way_of_hearing(tmp_path: Path) -> None:
    """Socket Mode needs no address; over HTTP every request goes to the one that is given."""
    socket_mode = json.loads(run("slack", cwd=tmp_path).stdout)
    assert socket_mode["settings"]["socket_mode_enabled"] is True
    assert "request_url" not in json.dumps(socket_mode)
    http = run("slack", "--http", "https://corral.example.com/", cwd=tmp_path).stdout
    assert json.loads(http)["settings"]["socket_mode_enabled"] is False
    assert http.count("https://corral.example.com/slack/events") >= 3


def test_an_address_that_slack_would_not_call_is_refused(tmp_path: Path) -> None:
    """With a sentence, and the code for wrong usage."""
    refused = run("slack", "--http", "http://corral.example.com", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "https" in refused.stderr


def test_the_way_into_a_discord_server_is_printed(tmp_path: Path) -> None:
    """The link that invites it, and what has to be switched on before; a token tells the id too."""
    printed = run("discord", "--client-id", "1041", cwd=tmp_path).stdout
    assert "Message Content Intent" in printed
    assert invite("1041") in printed.split()
    assert run("discord", cwd=tmp_path, DISCORD_TOKEN="MTA0MQ.a.b").stdout == printed


def test_an_id_that_discord_does_not_know_is_refused(tmp_path: Path) -> None:
    """With a sentence, and the code for wrong usage; so is no id at all."""
    for arguments in (["--client-id", "corral"], []):
        refused = run("discord", *arguments, cwd=tmp_path)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "Application ID" in refused.stderr
