"""The server as a process: people's acts as POST /_ctl/ACT, what happened as GET /_ctl/state."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import inspect
import signal
from typing import Any

from aiohttp import web

from tests.servers.discord.cast import Id, Json
from tests.servers.discord.errors import DiscordError
from tests.servers.discord.interaction import Interaction
from tests.servers.discord.limits import Limits
from tests.servers.discord.messages import Message
from tests.servers.discord.server import DiscordServer

_SAYING = {"delete", "dm", "edit", "mention", "react", "redeliver", "say", "start_typing", "unfurl"}
_PRESSING = {"autocomplete", "command", "message_menu", "press", "select", "user_menu"}
_PLACES = {"allow", "archive", "delete_channel", "deny", "invite", "kick", "leave", "lock", "open_forum_post"}
_PLACES |= {"open_thread", "promote", "refuse_dms", "unarchive", "make_old", "add_file"}
_BREAKING = {"break_body", "cut", "disconnect", "fail", "freeze", "hang", "lose_reply", "release", "reset_token"}
_BREAKING |= {"ask_to_reconnect", "break_event", "break_frame", "forget_sessions", "invalidate", "refuse_handshakes"}
_BREAKING |= {"close_resumed", "refuse_resumes"}
ACTS = _SAYING | _PRESSING | _PLACES | _BREAKING | {"send_event", "submit"}


class ControlledDiscord(DiscordServer):
    """A DiscordServer that is driven over HTTP.

    `POST /_ctl/ACT` takes the act's arguments as a JSON object (`args` in it: a list of those without a name) and
    answers `{"result": ...}`: an id, or for presses and commands the interaction. `POST /_ctl/set` takes latency,
    limits, per_second and per_window ({route: [calls, seconds]}). `GET /_ctl/state` tells what happened; with
    `?channel=` of one channel or thread only, with `?history=1` with every state of each message, with `?events=0`
    without the events.
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
            if act == "submit":
                args["shown"] = self.home.interactions[args["shown"]]
            result = getattr(self, act)(*args.pop("args", ()), **args)
            result = await result if inspect.isawaitable(result) else result
        except (AssertionError, DiscordError, KeyError, TypeError, ValueError) as wrong:
            return web.json_response({"error": repr(wrong)}, status=400)
        return web.json_response({"result": result.told() if isinstance(result, Interaction) else result})

    async def _set(self, request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        if "latency" in wanted:
            self.api.latency = float(wanted["latency"])
        if "limits" in wanted:
            self.api.limits = Limits(int(wanted.get("per_second", 50))) if wanted["limits"] else None
        if self.api.limits is not None:
            for route, (calls, seconds) in wanted.get("per_window", {}).items():
                self.api.limits.per_window[route] = (calls, seconds)
        return web.json_response({"result": None})

    async def _state(self, request: web.Request) -> web.StreamResponse:
        channel: Id | None = request.query.get("channel")
        with_history = request.query.get("history") == "1"
        shown = self.bot_messages(channel)
        state: Json = {
            "messages": [_message(message, with_history) for message in shown],
            "ephemerals": [_message(message, with_history) for message in self.ephemerals],
            "threads": [
                {"id": one.id, "name": one.name, "parent": one.parent, "archived": one.archived, "locked": one.locked}
                for one in self.threads
            ],
            "interactions": [interaction.told() for interaction in self.interactions],
            "commands": [command["name"] for command in self.commands],
            "calls": [
                {
                    "at": call.at,
                    "route": call.route,
                    "channel": call.channel,
                    "status": call.status,
                    "code": call.code,
                    "seconds": call.seconds,
                    "retry_after": call.retry_after,
                    "message": call.message,
                }
                for call in self.calls
            ],
            "handshakes": [dataclasses.asdict(one) for one in self.gateway.handshakes],
            "connected": self.connected,
            "rate_limited": self.rate_limited,
            "invalid_requests": self.invalid_requests,
            "token_resets": self.token.resets,
            "pings": [message.id for message in self.pings],
        }
        if request.query.get("events") != "0":
            state["events"] = [
                {"at": one.at, "event": one.event, "id": one.data.get("id"), "session": one.session, "sent": one.sent}
                for one in self.events
            ]
        return web.json_response(state)


def _message(message: Message, with_history: bool) -> Json:
    told: Json = {
        "id": message.id,
        "channel": message.channel,
        "reply_to": message.reply_to,
        "shown": message.shown,
        "body": message.body,
        "notice": message.notice,
        "loading": message.loading,
        "edited": message.edited,
        "nonce": message.nonce,
        "files": message.attachments,
        "buttons": [dataclasses.asdict(button) for button in message.buttons],
        "first_at": message.history[0].at,
        "first_text_at": next((state.at for state in message.history if state.text), None),
        "last_at": message.history[-1].at,
        "states": len(message.history),
    }
    if with_history:
        told["history"] = [dataclasses.asdict(state) for state in message.history]
    return told


def _from_command_line() -> tuple[ControlledDiscord, int]:
    parser = argparse.ArgumentParser(description="A local Discord for tests and benchmarks")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--limits", action="store_true", help="hold the rate limits")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds for each call")
    parser.add_argument("--no-message-content", action="store_true", help="the application may not read messages")
    parser.add_argument("--heartbeat-seconds", type=float, default=41.25)
    parser.add_argument("--resume-seconds", type=float, default=120.0)
    parser.add_argument("--identify-seconds", type=float, default=0.0, help="between two IDENTIFYs")
    parser.add_argument("--identify-limit", type=int, default=1000, help="IDENTIFYs before the token is reset")
    parser.add_argument("--shards", type=int, default=1, help="how many are recommended")
    parser.add_argument("--ack-seconds", type=float, default=3.0)
    parser.add_argument("--token-seconds", type=float, default=900.0, help="how long an interaction can be answered")
    parser.add_argument("--nonce-seconds", type=float, default=180.0)
    asked: dict[str, Any] = vars(parser.parse_args())
    port, hidden = asked.pop("port"), asked.pop("no_message_content")
    return ControlledDiscord(message_content=not hidden, **asked), port


def run_as_process() -> None:
    """Serve until SIGTERM or SIGINT, as the command line says. Prints the address as its first line."""
    server, port = _from_command_line()

    async def serve() -> None:
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await server.start(port)
        print(server.url, flush=True)
        await ended.wait()
        await server.stop()

    asyncio.run(serve())
