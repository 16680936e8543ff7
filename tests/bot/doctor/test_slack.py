"""What `doctor` says of Slack: tokens, scopes, clock, and a Slack that is away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.slack.manifest import SCOPES
from bot.doctor.findings import Finding, State
from bot.doctor.slack import check_slack
from tests.bot.doctor.looking import NOBODY, black_hole, look, named, page, troubled
from tests.servers.raw import serving
from tests.servers.slack import SlackServer
from tests.servers.slack.web_api import METHODS

HEX = "8f742231b10e8f742231b10e8f742231"


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


async def looked(slack: SlackServer, **settings: str) -> list[Finding]:
    given = {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token, "slack_api_url": slack.api_url}
    return await look(check_slack, **{**given, **settings})


async def over_http(slack: SlackServer) -> list[Finding]:
    return await looked(slack, slack_app_token="", slack_signing_secret=HEX)


async def test_without_a_token_there_is_nothing_to_look_at() -> None:
    """That is no failure."""
    (finding,) = await look(check_slack)
    assert (finding.name, finding.state) == ("slack", State.SKIPPED)


async def test_good_tokens_say_who_and_where_we_are(slack: SlackServer) -> None:
    """Bot, workspace, scopes, Socket Mode and clock; nothing is written, and no socket is opened."""
    found = await looked(slack)
    assert [finding.name for finding in found] == ["slack.token", "slack.scopes", "slack.clock", "slack.app_token"]
    assert troubled(found) == []
    assert named(found, "slack.token").seen == f"corral in the workspace Corral's tests ({slack.team})"
    assert {call.method for call in slack.calls} == {"auth.test", "apps.connections.open"}
    assert not slack.sockets.sockets


async def test_over_http_the_signing_secret_is_all_that_hears(slack: SlackServer) -> None:
    """Whether it is right only a request of Slack's can tell."""
    found = await over_http(slack)
    assert troubled(found) == []
    assert named(found, "slack.signing_secret").state is State.OK


async def test_swapped_tokens_are_seen_without_asking(slack: SlackServer) -> None:
    """Both are named in one remedy."""
    found = await looked(slack, slack_bot_token=slack.app_token, slack_app_token=slack.bot_token)
    assert troubled(found) == ["slack.token", "slack.app_token"]
    assert "swap SLACK_BOT_TOKEN" in named(found, "slack.token").fix
    assert not slack.calls


@pytest.mark.parametrize(
    ("variable", "value", "seen"),
    [
        ("SLACK_BOT_TOKEN", "xoxp-1-2", "a user token"),
        ("SLACK_BOT_TOKEN", HEX, "something else"),
        ("SLACK_APP_TOKEN", "xoxp-1-2", "a user token"),
        ("SLACK_SIGNING_SECRET", "xoxb-1-2", "a bot token"),
    ],
)
async def test_a_token_in_the_place_of_another_is_told(
    slack: SlackServer, variable: str, value: str, seen: str
) -> None:
    """What it is, and where the right one is found; the others are looked at."""
    found = await looked(slack, **{variable.lower(): value})
    (wrong,) = [finding for finding in found if finding.state is State.FAILED]
    assert wrong.seen == f"{variable} holds {seen}"
    assert wrong.fix.endswith(f"into {variable}")
    assert value not in repr(found)


async def test_a_person_behind_a_bots_token_is_told(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """auth.test names no bot then."""

    async def somebody(*_: object) -> dict[str, str]:
        return {"user": "ada", "user_id": "U1", "team": "x", "team_id": "T1"}

    monkeypatch.setitem(METHODS, "auth.test", somebody)
    finding = named(await looked(slack), "slack.token")
    assert (finding.state, "ada" in finding.seen) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("invalid_auth", "does not know this token"),
        ("token_revoked", "revoked"),
        ("account_inactive", "removed"),
        ("token_expired", "rotation"),
        ("not_allowed_token_type", "another kind"),
        ("org_login_required", ""),
    ],
)
async def test_a_refused_bot_token_says_why(slack: SlackServer, code: str, cause: str) -> None:
    """Slack's own code, what it means, and where a new one is."""
    slack.fail("auth.test", code)
    found = await looked(slack)
    finding = named(found, "slack.token")
    assert finding.state is State.FAILED
    assert code in finding.seen
    assert cause in finding.cause
    assert "SLACK_BOT_TOKEN" in finding.fix
    assert named(found, "slack.app_token").state is State.OK


async def test_a_refused_app_token_says_why(slack: SlackServer) -> None:
    """It was revoked, or lacks its only scope."""
    found = await looked(slack, slack_app_token="xapp-other")
    assert troubled(found) == ["slack.app_token"]
    assert "SLACK_APP_TOKEN: invalid_auth" in named(found, "slack.app_token").seen
    slack.fail("apps.connections.open", "missing_scope")
    lacking = named(await looked(slack), "slack.app_token")
    assert (lacking.state, "connections:write" in lacking.seen) == (State.FAILED, True)
    assert "SLACK_APP_TOKEN" in lacking.fix


async def test_tokens_of_two_apps_are_told(slack: SlackServer) -> None:
    """Events would come from one of them and answers go out by the other."""
    slack.api.app_token = "xapp-1-A0OTHER-2-abc"
    found = await looked(slack, slack_app_token=slack.api.app_token)
    assert troubled(found) == ["slack.app"]
    assert "A0OTHER" in named(found, "slack.app").seen
    slack.api.app_token = f"xapp-1-{slack.app_id}-2-abc"
    assert troubled(await looked(slack, slack_app_token=slack.api.app_token)) == []


async def test_scopes_that_the_manifest_asks_for_and_the_bot_has_not_are_named() -> None:
    """The app was not installed again after they were added."""
    async with SlackServer(scopes=set(SCOPES) - {"files:read", "im:write"}) as slack:
        finding = named(await looked(slack), "slack.scopes")
    assert (finding.state, finding.seen) == (State.FAILED, "missing: files:read, im:write")
    assert "Reinstall" in finding.fix


async def test_scopes_that_something_hid_are_a_warning(slack: SlackServer) -> None:
    """A proxy may take the header out: that says nothing about the app."""
    slack.api.tells_scopes = False
    assert troubled(await looked(slack)) == ["slack.scopes"]


@pytest.mark.parametrize(
    ("ahead", "socket_mode", "http"),
    [
        (0, State.OK, State.OK),
        (30, State.OK, State.OK),
        (90, State.WARNING, State.WARNING),
        (-400, State.WARNING, State.FAILED),
        (400, State.WARNING, State.FAILED),
    ],
)
async def test_a_clock_that_is_wrong_is_told(slack: SlackServer, ahead: int, socket_mode: State, http: State) -> None:
    """Over HTTP, requests that seem five minutes old are refused: everything would fail. It is told by the Date header,
    also where the token is refused."""
    slack.api.clock_ahead = ahead
    assert named(await looked(slack), "slack.clock").state is socket_mode
    slack.fail("auth.test", "invalid_auth")
    finding = named(await over_http(slack), "slack.clock")
    assert finding.state is http
    assert ("set-ntp" in finding.fix) == (http is not State.OK)
    if abs(ahead) > 60:
        assert ("behind" if ahead > 0 else "ahead of") in finding.seen


async def test_a_rate_limit_is_a_warning(slack: SlackServer) -> None:
    """It passes."""
    slack.fail("auth.test", "ratelimited", status=429, retry_after=7)
    finding = named(await looked(slack), "slack.token")
    assert (finding.state, finding.fix) == (State.WARNING, "try again in 7 s")


async def test_what_answers_in_slacks_place_is_told(slack: SlackServer) -> None:
    """A proxy's page, a log-in page of HTML, plain words, and Slack's own failure."""
    slack.break_body("auth.test")
    assert "HTTP 502, and not Slack's" in named(await looked(slack), "slack.token").seen
    slack.fail("auth.test", "internal_error", status=500)
    assert "HTTP 500" in named(await looked(slack), "slack.token").seen
    for kind, body in (("text/html", b"<html>log in</html>"), ("text/plain", b"log in"), ("application/json", b"{")):
        async with serving([page(200, body, kind=kind)]) as web:
            found = await looked(slack, slack_api_url=f"{web.url}/api/")
        assert troubled(found) == ["slack.token", "slack.app_token"]
        assert "not Slack's own answer" in named(found, "slack.token").seen


@pytest.mark.parametrize(
    ("url", "cause"),
    [(f"http://{NOBODY}/api/", "nothing listens"), ("http://nowhere.invalid/api/", "cannot be looked up")],
)
async def test_a_slack_that_cannot_be_reached_is_told(slack: SlackServer, url: str, cause: str) -> None:
    """Without network, say; for each token."""
    found = await looked(slack, slack_api_url=url)
    assert troubled(found) == ["slack.token", "slack.app_token"]
    assert cause in named(found, "slack.token").cause


async def test_a_slack_that_never_answers_is_told(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that drops what is sent looks like this."""
    monkeypatch.setattr("bot.doctor.slack.CALL_SECONDS", 0.3)
    async with black_hole() as place:
        found = await looked(slack, slack_api_url=f"http://{place}/api/")
    assert "does not answer" in named(found, "slack.token").cause


async def test_a_proxy_that_is_away_is_told(slack: SlackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the environment's and no setting of ours."""
    monkeypatch.setenv("http_proxy", f"http://{NOBODY}")
    finding = named(await looked(slack, slack_api_url="http://slack.invalid/api/"), "slack.token")
    assert "proxy" in finding.cause
    assert "HTTPS_PROXY" in finding.fix
