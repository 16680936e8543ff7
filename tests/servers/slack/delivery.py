"""Bringing events and interactions to the bot, over a socket or as signed requests, until they are acknowledged."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlencode

import aiohttp

from tests.servers.slack.signing import sign
from tests.servers.slack.socket_mode import SocketMode
from tests.servers.slack.workspace import APP, BOT_USER, TEAM, Channel, Json

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


class OverHttp:
    """Signed requests to one address: events as JSON, commands as a form, interactions as a form with `payload`."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self._secret = secret

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
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.post(self.url, data=body, headers=headers) as response,
            ):
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
        async with aiohttp.ClientSession() as client, client.post(self.url, data=body, headers=headers) as response:
            return response.ok and challenge in await response.text()

    def _signed(self, body: str) -> dict[str, str]:
        now = int(time.time())
        return {
            "X-Slack-Request-Timestamp": str(now),
            "X-Slack-Signature": sign(body, now, self._secret),
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        }


class Deliveries:
    """Everything that was delivered. Events are tried again after `retry_delays` seconds each; the rest never is."""

    def __init__(self, transport: Transport, ack_seconds: float, retry_delays: Sequence[float]) -> None:
        self.transport = transport
        self.ack_seconds = ack_seconds
        self.retry_delays = tuple(retry_delays)
        self.own_events = True
        self.all: list[Delivery] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    def announce(self, event: Json, channel: Channel | None) -> str:
        """Deliver an event in the background; its event id, or "" if the bot is not there to see it."""
        if channel is not None and not channel.is_member:
            return ""
        if not self.own_events and BOT_USER in {event.get("user"), event.get("message", {}).get("user")}:
            return ""
        payload = _wrapped(event)
        delivery = Delivery(payload["event_id"], "events_api", event["type"], payload)
        self.all.append(delivery)
        self._start(self._until_acked(delivery))
        return delivery.id

    def again(self, event_id: str) -> None:
        """Deliver an event once more, acknowledged or not."""
        delivery = next(one for one in self.all if one.id == event_id)
        delivery.reason = delivery.reason or "timeout"
        self._start(self._attempt(delivery))

    async def interact(self, kind: Kind, type_: str, payload: Json) -> Delivery:
        """Deliver a press, a shortcut or a command; returns when it was acknowledged, or was not in time."""
        delivery = Delivery(str(uuid.uuid4()), kind, type_, payload)
        self.all.append(delivery)
        if not await self._attempt(delivery):
            delivery.given_up = True
        return delivery

    @property
    def unacked(self) -> list[Delivery]:
        """What was never acknowledged so far."""
        return [delivery for delivery in self.all if delivery.acked is None]

    async def stop(self) -> None:
        """Deliver nothing any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _until_acked(self, delivery: Delivery) -> None:
        for delay in (None, *self.retry_delays):
            if delay is not None:
                await asyncio.sleep(delay)
            if delivery.acked is not None or await self._attempt(delivery):
                return
            if delivery.given_up:
                return
        delivery.given_up = True

    async def _attempt(self, delivery: Delivery) -> bool:
        delivery.sent.append(time.time())
        told = await self.transport.bring(delivery, self.ack_seconds)
        if isinstance(told, str):
            delivery.reason = told
            return False
        if delivery.acked is None:
            delivery.acked = time.time()
        delivery.reply = told or delivery.reply
        return True

    def _start(self, delivering: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(delivering, name="deliver an event")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _wrapped(event: Json) -> Json:
    """The Events API's envelope (docs.slack.dev/apis/events-api/#callback-field)."""
    bot = {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}
    return {
        "token": "unused",
        "team_id": TEAM,
        "context_team_id": TEAM,
        "context_enterprise_id": None,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": "Ev" + uuid.uuid4().hex[:10].upper(),
        "event_time": int(time.time()),
        "authorizations": [bot],
        "is_ext_shared_channel": False,
        "event_context": "4-" + uuid.uuid4().hex,
    }
