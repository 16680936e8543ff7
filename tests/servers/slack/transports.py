"""One attempt to bring something to the bot: over a socket, or as a signed request."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlencode

import aiohttp

from tests.servers.slack.cast import Json
from tests.servers.slack.signing import sign
from tests.servers.slack.socket_mode import SocketMode

Kind = Literal["events_api", "interactive", "slash_commands"]


@dataclass(slots=True)
class Delivery:
    """Something brought to the bot. `sent` has the Unix time of each attempt, `acked` when it was acknowledged.

    `reply` is what came with the acknowledgement: for a command or a press it may be a message.
    """

    id: str
    kind: Kind
    type: str
    payload: Json
    sent: list[float] = field(default_factory=list)
    acked: float | None = None
    reply: Json = field(default_factory=dict)
    reason: str = ""  # why the last attempt failed: timeout, http_error, connection_failed
    given_up: bool = False

    @property
    def event(self) -> Json:
        event: Json = self.payload.get("event", {})
        return event


class Transport(Protocol):
    """One attempt to deliver: what came with the acknowledgement, or why there was none."""

    async def bring(self, delivery: Delivery, ack_seconds: float) -> Json | str: ...

    async def close(self) -> None: ...


class OverSocket:
    """Envelopes over Socket Mode."""

    def __init__(self, sockets: SocketMode) -> None:
        self._sockets = sockets

    async def bring(self, delivery: Delivery, ack_seconds: float) -> Json | str:
        envelope: Json = {
            "type": delivery.kind,
            "payload": delivery.payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": len(delivery.sent) - 1, "retry_reason": delivery.reason}
        acknowledged = await self._sockets.send(envelope, ack_seconds)
        return "timeout" if acknowledged is None else acknowledged

    async def close(self) -> None:
        """The sockets are closed by whoever opened them."""


class OverHttp:
    """Signed requests to one address: events as JSON, commands as a form, interactions as a form with `payload`."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._secret = secret
        self._client: aiohttp.ClientSession | None = None

    async def bring(self, delivery: Delivery, ack_seconds: float) -> Json | str:
        form = "application/x-www-form-urlencoded"
        if delivery.kind == "events_api":
            body, content_type = json.dumps(delivery.payload), "application/json"
        elif delivery.kind == "interactive":
            body, content_type = urlencode({"payload": json.dumps(delivery.payload)}), form
        else:
            body, content_type = urlencode(delivery.payload), form
        headers = self._signed(body) | {"Content-Type": content_type}
        if len(delivery.sent) > 1:
            headers |= {
                "X-Slack-Retry-Num": str(len(delivery.sent) - 1),
                "X-Slack-Retry-Reason": delivery.reason,
            }
        timeout = aiohttp.ClientTimeout(total=ack_seconds)
        try:
            async with self._opened().post(self.url, data=body, headers=headers, timeout=timeout) as response:
                text = await response.text()
        except TimeoutError:
            return "http_timeout"
        except aiohttp.ClientError:
            return "connection_failed"
        if not response.ok:
            delivery.given_up = response.headers.get("X-Slack-No-Retry") == "1"
            return "http_error"
        try:
            told = json.loads(text or "{}")
        except ValueError:
            told = {"text": text}
        return told if isinstance(told, dict) else {}

    async def verify(self) -> bool:
        """The handshake with which Slack accepts a request URL: the challenge must come back."""
        challenge = uuid.uuid4().hex
        body = json.dumps({"type": "url_verification", "token": "unused", "challenge": challenge})
        headers = self._signed(body) | {"Content-Type": "application/json"}
        async with self._opened().post(self.url, data=body, headers=headers) as response:
            return response.ok and challenge in await response.text()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _opened(self) -> aiohttp.ClientSession:
        self._client = self._client or aiohttp.ClientSession()
        return self._client

    def _signed(self, body: str) -> dict[str, str]:
        now = int(time.time())
        return {
            "X-Slack-Request-Timestamp": str(now),
            "X-Slack-Signature": sign(body, now, self._secret),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }
