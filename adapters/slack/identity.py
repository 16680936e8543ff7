"""Who we are in the workspace, and how Slack's Web API is asked for that: until it answers, or refuses for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from conversation.errors import CorralError
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

SLACK_API_URL = "https://slack.com/api/"

# What no waiting mends (docs.slack.dev/reference/methods/auth.test, .../apps.connections.open).
_FOR_GOOD = frozenset(
    {
        "access_denied",
        "account_inactive",
        "ekm_access_denied",
        "forbidden_team",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
# How aiohttp and the system say that Slack was not reached.
UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError)


class SlackRefused(CorralError):
    """Slack takes a token for good no more; the message tells the operator what to do."""


@dataclass(frozen=True, slots=True)
class SlackAccess:
    """What the operator gave us. With `app_token` events come over Socket Mode, else as requests signed with
    `signing_secret`. `api_url` ends in `/api/`."""

    bot_token: str = field(repr=False)
    app_token: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    api_url: str = SLACK_API_URL


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids of our workspace, of us as a user and as a bot, and of the organisation ("" outside Enterprise Grid)."""

    team: str
    user: str
    bot: str
    enterprise: str = ""

    def is_home(self, team: str) -> bool:
        """Whether people of this team are ours; of an unknown one ("") they are."""
        return team in {"", self.team} or (self.enterprise != "" and team == self.enterprise)


async def who_am_i(client: AsyncWebClient) -> Identity:
    """Ask auth.test until Slack answers. Raises SlackRefused."""
    refused = (
        "Slack refuses SLACK_BOT_TOKEN ({code}). Copy the Bot User OAuth Token (xoxb-...) from the app's page "
        "OAuth & Permissions, after installing the app to the workspace."
    )
    told = await persistently(client.auth_test, refused)
    return Identity(
        team=str(told["team_id"]),
        user=str(told["user_id"]),
        bot=str(told.get("bot_id") or ""),
        enterprise=str(told.get("enterprise_id") or ""),
    )


async def persistently(call: Callable[[], Awaitable[object]], refused: str) -> Mapping[str, object]:
    """What Slack answers, asked again for as long as it is away. Raises SlackRefused, with `{code}` in `refused`
    replaced by Slack's own word for it."""
    for wait in growing_waits():
        pause, why = wait, ""
        try:
            answer = await call()
        except SlackApiError as exc:
            code = error_code(exc)
            if code in _FOR_GOOD:
                raise SlackRefused(refused.format(code=code)) from exc
            pause, why = max(wait, retry_after_seconds(exc)), code
        except UNREACHABLE as exc:
            why = str(exc) or type(exc).__name__
        else:
            assert hasattr(answer, "data")
            data: Mapping[str, object] = answer.data
            return data
        log.warning("Slack is away (%s); asking again in %.0f s", why, pause)
        await asyncio.sleep(pause)
    raise AssertionError("the waits never end")


def error_code(error: SlackApiError) -> str:
    """Slack's word for what is wrong, or the HTTP status of an answer that was not Slack's."""
    response = error.response
    data = getattr(response, "data", None)
    if isinstance(data, dict) and data.get("error"):
        return str(data["error"])
    return f"HTTP {getattr(response, 'status_code', None) or getattr(response, 'status', '?')}"


def retry_after_seconds(error: SlackApiError) -> float:
    """How long Slack asks us to be silent; 0 when it does not."""
    headers = getattr(error.response, "headers", None) or {}
    try:
        return max(0.0, float(headers.get("Retry-After", 0)))
    except ValueError:
        return 0.0
