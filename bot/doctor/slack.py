"""Slack: are the tokens the right ones, may they do what the manifest asks for, and does this machine's clock agree?"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.client import web_client
from adapters.slack.identity import SLACK_API_URL
from adapters.slack.manifest import SCOPES
from bot.doctor.findings import Finding, failed, ok, skipped, warning
from bot.doctor.network import CALL_SECONDS, unreachable
from bot.settings import Settings

# docs.slack.dev/authentication/verifying-requests-from-slack: what is signed longer ago is to be refused, and we do.
REFUSED_SECONDS, TOLD_SECONDS = 300, 60

_INSTALL = "https://api.slack.com/apps -> your app -> Install App: copy the Bot User OAuth Token into SLACK_BOT_TOKEN"
_APP_LEVEL = (
    "https://api.slack.com/apps -> your app -> Basic Information -> App-Level Tokens: generate one with "
    "connections:write and copy it into SLACK_APP_TOKEN"
)
_SIGNING = (
    "https://api.slack.com/apps -> your app -> Basic Information: copy the Signing Secret into SLACK_SIGNING_SECRET"
)
_KINDS = {
    "xoxb-": "a bot token",
    "xapp-": "an app token",
    "xoxp-": "a user token",
    "xoxe-": "a refresh token",
    "xoxe.": "a token that is rotated",
}
_CAUSES = {
    "account_inactive": "the app was removed from the workspace",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has run out: token rotation is on, which Corral does not do",
    "invalid_auth": "Slack does not know this token, or does not take it from this machine's address",
    "not_allowed_token_type": "this is a token of another kind",
    "missing_scope": "the token lacks a scope",
}


@dataclass(frozen=True, slots=True)
class _Answer:
    """One call's outcome; `error` is Slack's code, "" when it went well, None when it was not Slack that answered."""

    error: str | None
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    status: int
    at: float  # seconds since 1970 by our clock, in the middle of the call


async def check_slack(settings: Settings) -> AsyncGenerator[Finding]:
    """Findings about what is set; nothing is written to Slack, and no socket is opened."""
    bot, app, secret = map(_value, (settings.slack_bot_token, settings.slack_app_token, settings.slack_signing_secret))
    if not (bot or app or secret):
        yield skipped("slack", "no token is set")
        return
    misplaced = list(_misplaced(bot, app, secret))
    for finding in misplaced:
        yield finding
    wrong = {finding.name for finding in misplaced}
    if secret and not app and "slack.signing_secret" not in wrong:
        yield ok("slack.signing_secret", "it is set; only a request of Slack's can show that it is the right one")
    url = settings.slack_api_url
    both = await asyncio.gather(
        _bot(url, bot, app, over_http=not app) if bot and "slack.token" not in wrong else _nothing(),
        _app(url, app) if app and "slack.app_token" not in wrong else _nothing(),
    )
    for findings in both:
        for finding in findings:
            yield finding


async def _nothing() -> list[Finding]:
    return []


def _misplaced(bot: str, app: str, secret: str) -> list[Finding]:
    """What is seen without asking anybody: a token in the place of another."""
    if _kind(bot) == "an app token" and _kind(app) == "a bot token":
        seen, cause = "SLACK_BOT_TOKEN holds the app token", "the two tokens are in each other's place"
        swap = "swap SLACK_BOT_TOKEN (xoxb-...) and SLACK_APP_TOKEN (xapp-...)"
        return [failed("slack.token", seen, cause, swap), failed("slack.app_token", "so does the other", cause, swap)]
    found = []
    if bot and (kind := _kind(bot)) not in {"a bot token", "a token that is rotated"}:
        told = f"SLACK_BOT_TOKEN holds {kind}"
        found.append(failed("slack.token", told, "it must be the bot's, which begins with xoxb-", _INSTALL))
    if app and (kind := _kind(app)) != "an app token":
        told = f"SLACK_APP_TOKEN holds {kind}"
        found.append(failed("slack.app_token", told, "it must be the app's, which begins with xapp-", _APP_LEVEL))
    if secret and _kind(secret) != "something else":
        told = f"SLACK_SIGNING_SECRET holds {_kind(secret)}"
        found.append(failed("slack.signing_secret", told, "it must be what Slack signs its requests with", _SIGNING))
    return found


def _kind(token: str) -> str:
    return _KINDS.get(token[:5], "something else")


async def _bot(url: str, token: str, app: str, *, over_http: bool) -> list[Finding]:
    async with _client(token, url) as client:
        try:
            answer = await _call(client, "auth.test")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return [unreachable("slack.token", "Slack", error, url, "" if url == SLACK_API_URL else "SLACK_API_URL")]
        if answer.error != "":
            return [_refused("slack.token", "SLACK_BOT_TOKEN", answer, _INSTALL), *_clock(answer, over_http=over_http)]
        body = answer.body
        if not body.get("bot_id"):
            told = f"it is a token of {body.get('user')}, who is no bot"
            return [failed("slack.token", told, "it must be the bot's, which begins with xoxb-", _INSTALL)]
        found = [ok("slack.token", f"{body.get('user')} in the workspace {body.get('team')} ({body.get('team_id')})")]
        found += [_scopes(answer), *_clock(answer, over_http=over_http)]
        if (theirs := re.match(r"xapp-\d+-(A[A-Z0-9]+)-", app)) is not None:
            found += await _same_app(client, str(body["bot_id"]), theirs[1])
        return found


async def _same_app(client: AsyncWebClient, bot_id: str, app_id: str) -> list[Finding]:
    """Whether the app token, which names its app, and the bot's token are of one app. Silent where that cannot be
    known: no page promises that the token names it."""
    try:
        answer = await _call(client, "bots.info", bot=bot_id)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return []
    known = (answer.body.get("bot") or {}).get("app_id")
    if answer.error != "" or not known or known == app_id:
        return []
    cause = "events would come from one app and answers go out by the other"
    return [warning("slack.app", f"the tokens are of two apps, {known} and {app_id}", cause, _APP_LEVEL)]


async def _app(url: str, token: str) -> list[Finding]:
    async with _client(token, url) as client:
        try:
            answer = await _call(client, "apps.connections.open")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return [
                unreachable("slack.app_token", "Slack", error, url, "" if url == SLACK_API_URL else "SLACK_API_URL")
            ]
    if answer.error == "missing_scope":
        told = "the app token lacks the scope connections:write"
        return [failed("slack.app_token", told, "without it no socket is opened", _APP_LEVEL)]
    if answer.error != "":
        return [_refused("slack.app_token", "SLACK_APP_TOKEN", answer, _APP_LEVEL)]
    return [ok("slack.app_token", "Slack gives it an address for Socket Mode")]


def _refused(name: str, variable: str, answer: _Answer, fix: str) -> Finding:
    if answer.status == 429 or answer.error in {"ratelimited", "rate_limited"}:
        wait = answer.headers.get("Retry-After", "30")
        return warning(name, "Slack says wait", "too many calls with this token", f"try again in {wait} s")
    if not answer.error or answer.status >= 500:
        told = f"HTTP {answer.status or '?'}, and not Slack's own answer"
        cause = "Slack is away, or a proxy or a log-in page answers in its place"
        return failed(name, told, cause, "https://slack-status.com; else correct HTTPS_PROXY, or SLACK_API_URL")
    code = answer.error if re.fullmatch(r"[a-z_]{1,60}", answer.error) else "with words of its own"
    return failed(name, f"Slack refuses {variable}: {code}", _CAUSES.get(code, "see the code above"), fix)


def _scopes(answer: _Answer) -> Finding:
    header = answer.headers.get("x-oauth-scopes")
    if header is None:
        cause = "Slack says them in a header, which something on the way took out"
        return warning("slack.scopes", "the bot's scopes are not told", cause, "leave slack.com out of the proxy")
    granted = {scope.strip() for scope in header.split(",")}
    lacking = [scope for scope in SCOPES if scope not in granted]
    if lacking:
        return failed(
            "slack.scopes",
            f"missing: {', '.join(lacking)}",
            "the app was made from an older manifest, or not installed again after its scopes were changed",
            "https://api.slack.com/apps -> your app -> App Manifest: paste `python -m bot manifest slack`; then "
            "Install App -> Reinstall",
        )
    return ok("slack.scopes", f"all {len(SCOPES)} of the manifest")


def _clock(answer: _Answer, *, over_http: bool) -> list[Finding]:
    """Slack's Date header has whole seconds: less than one is not told."""
    try:
        theirs = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
    except (TypeError, ValueError):
        return [skipped("slack.clock", "Slack's answer has no date to compare with")]
    skew = round(answer.at - theirs)
    seen = f"this machine's clock is {abs(skew)} s {'ahead of' if skew > 0 else 'behind'} Slack's"
    fix = "sudo timedatectl set-ntp true"
    if abs(skew) >= REFUSED_SECONDS and over_http:
        return [failed("slack.clock", seen, "requests that seem more than 5 minutes old or early are refused", fix)]
    if abs(skew) >= TOLD_SECONDS:
        return [warning("slack.clock", seen, "over HTTP, 300 s would make every request of Slack's invalid", fix)]
    return [ok("slack.clock", "this machine's clock agrees with Slack's" if abs(skew) <= 1 else seen)]


async def _call(client: AsyncWebClient, method: str, **arguments: str) -> _Answer:
    """One call, within CALL_SECONDS. Raises what aiohttp does for a Slack that cannot be reached."""
    began = time.time()
    try:
        response: Any = await client.api_call(method, params=arguments)
        error: str | None = ""
    except SlackApiError as refusal:
        response, error = refusal.response, None
    except (AttributeError, ValueError):  # slack_sdk's, for a page that is neither JSON nor HTML
        response, error = None, None
    body = getattr(response, "data", None)
    body = body if isinstance(body, dict) else {}
    if error is None:
        error = str(body["error"]) if body.get("error") else None
    headers = getattr(response, "headers", None) or {}
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    return _Answer(error, body, headers, status, (began + time.time()) / 2)


@asynccontextmanager
async def _client(token: str, url: str) -> AsyncGenerator[AsyncWebClient]:
    """The program's own client: the same proxies, the same trusted certificates."""
    client = web_client(token, url)
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        client.session = session
        yield client


def _value(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
