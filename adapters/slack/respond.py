"""Answers to an interaction at its response_url: shown to its person alone, also where we are not
(docs.slack.dev/interactivity/handling-user-interaction, "message responses": five in half an hour)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import aiohttp

from adapters.slack.api import Refusal, SlackApi
from conversation.errors import Paced, Unreachable
from conversation.fencing import assure_in_time

# Slack takes them for thirty minutes; an answer that begins to be sent then comes too late.
LIVES_SECONDS = 29 * 60.0
RETRY_SECONDS = 5.0

_NAME = "response_url"
_OVER = frozenset({"expired_url", "used_url"})


async def respond(api: SlackApi, url: str, body: dict[str, Any]) -> bool:
    """Show it. False when the address takes nothing any more, or is none: nothing was shown. Raises Refusal for what
    Slack does not want to show, and Unreachable, `certain` only when nothing can have been sent."""
    assure_in_time()
    try:
        asking = api.request("POST", url, json=body)
    except ValueError:
        return False
    try:
        async with asking as response:
            told = await response.json(content_type=None) if response.content_type == "application/json" else {}
    except aiohttp.ClientConnectorError as exc:
        raise Unreachable(f"{_NAME}: no connection", certain=True) from exc
    # Of what broke only the kind is told: its text may hold the address.
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
        raise Unreachable(f"{_NAME}: no answer: {type(exc).__name__}", certain=False) from None
    code = str(told.get("error") or "") if isinstance(told, dict) else ""
    if response.status == HTTPStatus.OK and not code:
        return True
    if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE} or code in _OVER:
        return False
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise Paced(f"{_NAME}: Slack says wait", retry_after_seconds=RETRY_SECONDS)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Unreachable(f"{_NAME}: HTTP {response.status}", certain=False)
    raise Refusal(_NAME, code or f"HTTP {response.status}")
