"""What `doctor` says of the settings themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor import settings as checked
from bot.doctor.findings import Finding, State
from bot.doctor.settings import check_settings, in_container
from bot.settings import Mistake, load_what_is_right
from tests.bot.doctor.looking import named, troubled

BOT, APP = {"SLACK_BOT_TOKEN": "xoxb-1"}, {"SLACK_APP_TOKEN": "xapp-1"}
SOCKET_MODE = BOT | APP


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """On a machine that is no container, wherever the tests run."""
    monkeypatch.setattr(checked, "in_container", lambda: False)
    return monkeypatch


async def looked(given: pytest.MonkeyPatch, **variables: str) -> list[Finding]:
    for name, value in variables.items():
        given.setenv(name, value)
    return [finding async for finding in check_settings(*load_what_is_right())]


async def test_good_settings_are_named_and_never_shown(given: pytest.MonkeyPatch) -> None:
    """Which ones are set is told, and what hears people."""
    found = await looked(given, **SOCKET_MODE, DISCORD_TOKEN="a.b.c")
    assert troubled(found) == []
    assert named(found, "settings").seen == "3 set: DISCORD_TOKEN, SLACK_APP_TOKEN, SLACK_BOT_TOKEN"
    assert named(found, "settings.platforms").seen == "listens to Slack over Socket Mode and Discord"


async def test_every_mistake_is_a_finding_with_its_variable(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All at once: values, a file that is not there, a name that does not exist."""
    (tmp_path / ".env").write_text("MODEL_ULR=http://localhost:8080\nHTTP_PORT=many\nNONSENSE_ALL_THE_WAY=1\n")
    found = await looked(given, REDIS_URL="localhost:6379", MODEL_API="tgi", DISCORD_TOKEN_FILE="/nowhere/token")
    wrong = [finding for finding in found if finding.state is State.FAILED]
    assert {finding.name.removeprefix("settings.") for finding in wrong} == {
        *("redis_url", "model_url", "http_port", "discord_token", "model_ulr", "nonsense_all_the_way"),
    }
    assert named(found, "settings.redis_url").fix == "REDIS_URL=redis://:password@localhost:6379/0   # for example"
    assert named(found, "settings.model_url").cause == "it is missing, and MODEL_API=tgi needs it"
    assert "DISCORD_TOKEN" in named(found, "settings.discord_token").fix
    assert "/nowhere/token" in named(found, "settings.discord_token").cause
    assert named(found, "settings.model_ulr").fix == "call it MODEL_URL in .env"
    assert named(found, "settings.nonsense_all_the_way").fix == "take NONSENSE_ALL_THE_WAY out of .env"
    assert not [finding for finding in found if finding.name == "settings"]


async def test_an_env_file_that_is_no_text_is_told_beside_the_environments_mistakes(
    given: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file is left aside then, and the variables are still looked at."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe")
    found = await looked(given, HTTP_PORT="many")
    assert troubled(found) == ["settings.env", "settings.http_port", "settings.platforms"]
    assert "UTF-8" in named(found, "settings.env").fix


async def test_what_is_wrong_counts_as_not_set_and_the_rest_stays(given: pytest.MonkeyPatch) -> None:
    """So that everything else can be looked at."""
    given.setenv("REDIS_URL", "localhost:6379")
    given.setenv("CONTEXT_TOKENS", "4096")
    given.setenv("MAX_NEW_TOKENS", "4000")
    settings, mistakes = load_what_is_right()
    assert [mistake.field for mistake in mistakes] == ["redis_url", "max_new_tokens"]
    assert (settings.redis_url, settings.max_new_tokens, settings.context_tokens) == (None, 1024, 4096)


@pytest.mark.parametrize(
    ("variables", "state", "says"),
    [
        ({}, State.WARNING, "DISCORD_TOKEN"),
        (BOT, State.FAILED, "SLACK_APP_TOKEN"),
        (APP, State.FAILED, "SLACK_BOT_TOKEN"),
        (BOT | {"SLACK_SIGNING_SECRET": "s"}, State.OK, "Slack over HTTP"),
    ],
)
async def test_half_a_platform_is_a_failure_and_none_a_warning(
    given: pytest.MonkeyPatch, variables: dict[str, str], state: State, says: str
) -> None:
    """`run` would refuse to start; the missing variables are named."""
    finding = named(await looked(given, **variables), "settings.platforms")
    assert finding.state is state
    assert says in f"{finding.seen} {finding.cause} {finding.fix}"


async def test_doors_that_nobody_outside_needs_are_told(given: pytest.MonkeyPatch) -> None:
    """With Socket Mode the HTTP port has only health pages; metrics have no password."""
    found = await looked(given, **SOCKET_MODE, HTTP_HOST="0.0.0.0", METRICS_HOST="::")
    assert troubled(found) == ["settings.http_host", "settings.metrics_host"]
    assert named(found, "settings.http_host").fix == "HTTP_HOST=127.0.0.1"
    assert named(found, "settings.metrics_host").fix == "METRICS_HOST=127.0.0.1"


async def test_slack_over_http_needs_its_door_open(given: pytest.MonkeyPatch) -> None:
    """There the open port is what Slack calls; localhost by name is this machine only."""
    found = await looked(given, **BOT, SLACK_SIGNING_SECRET="s", HTTP_HOST="0.0.0.0", METRICS_HOST="localhost")
    assert troubled(found) == []


async def test_in_a_container_open_doors_lead_to_its_own_network(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There a service that listens on loopback only could not be scraped."""
    given.setattr(checked, "in_container", lambda: True)
    found = await looked(given, **SOCKET_MODE, METRICS_HOST="0.0.0.0")
    assert named(found, "settings.metrics_host").state is State.OK
    assert not in_container([tmp_path / "mark"])
    (tmp_path / "mark").touch()
    assert in_container([tmp_path / "mark"])


async def test_who_may_ask_is_told_in_words(given: pytest.MonkeyPatch) -> None:
    """Without rules every member, and nobody from elsewhere; otherwise what the rules say."""
    assert "Slack: every member may ask; guests and people" in named(await looked(given), "settings.access").seen
    given.setenv("ACCESS_DENY", "discord channel:55")
    assert "everybody in channel 55 never" in named(await looked(given), "settings.access").seen
    given.setenv("DISCORD_TOKEN", "MTA.x.y")
    assert named(await looked(given), "settings.access.direct").fix.startswith("DISCORD_DIRECT_MESSAGES=false")
    given.setenv("DISCORD_DIRECT_MESSAGES", "false")
    assert "settings.access.direct" not in {finding.name for finding in await looked(given)}
    given.delenv("ACCESS_DENY")
    wrong = [Mistake("access_allow", "ACCESS_ALLOW: there is no such rule")]
    found = [finding async for finding in check_settings(load_what_is_right()[0], wrong)]
    assert named(found, "settings.access").state is State.SKIPPED  # and not "every member"
