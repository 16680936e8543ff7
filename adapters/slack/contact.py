"""Slack's Web API asked until it answers, or refuses for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.slack.api import Barred, Refusal, SlackApi
from adapters.slack.identity import Identity, SlackRefused
from conversation.errors import DeliveryError
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

T = TypeVar("T")

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
_NO_BOT = (
    "Slack refuses SLACK_BOT_TOKEN ({code}). Copy the Bot User OAuth Token (xoxb-...) from the app's page "
    "OAuth & Permissions, after installing the app to the workspace."
)


async def who_am_i(api: SlackApi) -> Identity:
    """Ask until Slack answers. Raises SlackRefused."""
    return await persistently(api.me, _NO_BOT)


async def persistently(call: Callable[[], Awaitable[T]], refused: str) -> T:
    """What a call of SlackApi's gives, asked again for as long as Slack is away. Raises SlackRefused, with `{code}` in
    `refused` replaced by Slack's own word for it."""
    for wait in growing_waits():
        try:
            return await call()
        except DeliveryError as error:
            if isinstance(error, Refusal | Barred) and error.code in _FOR_GOOD:
                raise SlackRefused(refused.format(code=error.code)) from error
            pause = max(wait, error.retry_after_seconds or 0.0)
            log.warning("Slack is away (%s); asking again in %.0f s", error, pause)
        await asyncio.sleep(pause)
    raise AssertionError("the waits never end")
