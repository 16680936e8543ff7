"""The server as a process: people's acts as POST /_ctl/ACT, what happened as GET /_ctl/state."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import inspect
import signal
from typing import Any

from aiohttp import web

from tests.servers.slack.cast import Json
from tests.servers.slack.limits import Limits
from tests.servers.slack.messages import Message
from tests.servers.slack.server import SlackServer
from tests.servers.slack.transports import Delivery

_SAYING = {"delete", "dm", "edit", "mention", "say", "unfurl"}
_PRESSING = {"command", "open_home", "press", "redeliver", "shortcut", "stop_button"}
_PLACES = {"archive", "invite", "leave"}
_BREAKING = {"break_body", "cut", "disconnect", "fail", "freeze", "hang", "lose_reply", "release"}
ACTS = _SAYING | _PRESSING | _PLACES | _BREAKING | {"deliver_to"}


class ControlledSlack(SlackServer):
    """A SlackServer that is driven over HTTP.

    `POST /_ctl/ACT` takes the act's arguments as a JSON object and answers `{"result": ...}`: a ts, an event id, or for
    presses, shortcuts and commands the delivery. `POST /_ctl/set` takes latency and limits. `GET /_ctl/state` tells
    what happened; with `?channel=` of one channel only, with `?history=1` with every state of each message.
    """

    def routes(self) -> list[web.RouteDef]:
        control = [
            web.get("/_ctl/state", self._state),
            web.post("/_ctl/set", self._set),
            web.post("/_ctl/{act}", self._act),
        ]
        return [*super().routes(), *control]

    async def _act(self, request: web.Request) -> web.StreamResponse:
        act = request.match_info["act"]
        if act not in ACTS:
            return web.json_response({"error": f"no act {act}; there are {sorted(ACTS)}"}, status=404)
        args = await request.json() if request.can_read_body else {}
        try:
            result = getattr(self, act)(**args)
            result = await result if inspect.isawaitable(result) else result
        except (AssertionError, KeyError, TypeError) as wrong:
            return web.json_response({"error": repr(wrong)}, status=400)
        return web.json_response({"result": _told(result)})

    async def _set(self, request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        if "latency" in wanted:
            self.api.latency = float(wanted["latency"])
        if "limits" in wanted:
            self.api.limits = Limits(int(wanted.get("post_burst", 1))) if wanted["limits"] else None
        return web.json_response({"result": None})

    async def _state(self, request: web.Request) -> web.StreamResponse:
        channel = request.query.get("channel")
        with_history = request.query.get("history") == "1"
        state = {
            "messages": [_message(message, with_history) for message in self.bot_messages(channel)],
            "ephemerals": [_message(message, with_history) for message in self.ephemerals],
            "calls": [
                {
                    "at": call.at,
                    "method": call.method,
                    "channel": call.channel,
                    "error": call.error,
                    "status": call.status,
                    "seconds": call.seconds,
                }
                for call in self.calls
            ],
            "events": [_told(delivery) for delivery in self.events],
            "unacked": [delivery.id for delivery in self.unacked],
            "sockets": len(self.sockets.sockets),
            "rate_limited": self.rate_limited,
            "pings": [message.ts for message in self.pings],
            "statuses": self.statuses,
            "responses": self.responses,
        }
        return web.json_response(state)


def _told(result: Any) -> Any:
    if isinstance(result, Delivery):
        told = {"id": result.id, "kind": result.kind, "type": result.type, "sent": result.sent, "acked": result.acked}
        return told | {"reply": result.reply, "reason": result.reason, "ts": result.event.get("ts")}
    return result if isinstance(result, str) else None


def _message(message: Message, with_history: bool) -> Json:
    told: Json = {
        "ts": message.ts,
        "channel": message.channel,
        "thread_ts": message.thread_ts,
        "shown": message.shown,
        "body": message.body,
        "notice": message.notice,
        "streaming": message.streaming,
        "edited": message.edited,
        "metadata": message.metadata,
        "file_ids": message.file_ids,
        "buttons": [dataclasses.asdict(button) for button in message.buttons],
        "first_at": message.history[0].at,
        "first_text_at": next((state.at for state in message.history if state.text), None),
        "last_at": message.history[-1].at,
        "states": len(message.history),
    }
    if with_history:
        told["history"] = [dataclasses.asdict(state) for state in message.history]
    return told


def run_as_process() -> None:
    """Serve until SIGTERM or SIGINT, as the command line says. Prints the address as its first line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--limits", action="store_true", help="hold the documented rate limits")
    parser.add_argument("--post-burst", type=int, default=1, help="messages at once in a channel, with --limits")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds for each call")
    parser.add_argument("--events-url", help="deliver signed requests there instead of over Socket Mode")
    parser.add_argument("--ack-seconds", type=float, default=3.0)
    parser.add_argument("--stream-seconds", type=float, default=300.0)
    parser.add_argument("--no-own-events", action="store_true", help="do not tell the bot of its own messages")
    asked = parser.parse_args()

    async def serve() -> None:
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        server = ControlledSlack(
            limits=asked.limits,
            post_burst=asked.post_burst,
            latency=asked.latency,
            events_url=asked.events_url,
            ack_seconds=asked.ack_seconds,
            stream_seconds=asked.stream_seconds,
            own_events=not asked.no_own_events,
        )
        await server.start(asked.port)
        print(server.url, flush=True)
        await ended.wait()
        await server.stop()

    asyncio.run(serve())
