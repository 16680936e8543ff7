"""Bringing events and interactions to the bot until they are acknowledged."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Coroutine, Sequence
from typing import Any

from tests.servers.slack.cast import APP, BOT_USER, TEAM, Channel, Json
from tests.servers.slack.transports import Delivery, Kind, Transport


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
        if not self.own_events and _is_own(event):
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
        await self.transport.close()

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


def _is_own(event: Json) -> bool:
    said = event.get("previous_message") or event.get("message") or event
    return bool(said.get("user") == BOT_USER)


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
        "is_ext_shared_channel": event.get("user_team", TEAM) != TEAM,
        "event_context": "4-" + uuid.uuid4().hex,
    }
