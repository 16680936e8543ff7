"""Slack's requests over HTTP: who sent them, how large they are, and Bolt for the rest.

Source: docs.slack.dev/authentication/verifying-requests-from-slack. Verified here, before anything is parsed: Bolt
answers 500 to a timestamp that is no number, and Slack would send a forgery again. What is signed and makes no sense is
answered 400.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.slack.odd import log_oddity

log = logging.getLogger(__name__)

PATH = "/slack/events"
MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 3.0  # Slack waits no longer for the answer either
SIGNED_SECONDS = 300


def routes(app: AsyncApp, signing_secret: str) -> list[web.RouteDef]:
    """Events, commands and interactions at `/slack/events`. ValueError for an empty secret."""
    if not signing_secret:
        raise ValueError("the signing secret is empty, and anybody could call")

    async def receive(request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read(request)
        except TimeoutError:
            return web.Response(status=408)
        if body is None:
            # The rest of it is not read: the connection cannot be used again.
            return web.Response(status=413, headers={"Connection": "close"})
        if not _is_signed(signing_secret, request, body):
            return web.Response(status=401)
        try:
            asked = AsyncBoltRequest(
                body=body.decode(), query=request.query_string, headers={**request.headers}, mode="http"
            )
            answer = await app.async_dispatch(asked)
        except Exception as exc:  # Bolt takes it that all that is signed is well-formed
            log_oddity(log, "a signed request of Slack's could not be taken", exc)
            return web.Response(status=400)
        return await to_aiohttp_response(answer)

    return [web.post(PATH, receive)]


async def _read(request: web.Request) -> bytes | None:
    """The body; None when it is too large."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        return None
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _is_signed(secret: str, request: web.Request, body: bytes) -> bool:
    timestamp = request.headers.get("X-Slack-Request-Timestamp", "")
    signature = request.headers.get("X-Slack-Signature", "")
    # int() takes more than digits.
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20):
        return False
    if abs(time.time() - int(timestamp)) > SIGNED_SECONDS:
        return False
    expected = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(f"v0={expected}".encode(), signature.encode(errors="replace"))
