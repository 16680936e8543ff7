"""The Web API's frame: arguments, tokens, limits, faults, the record of calls. The methods are in modules beside it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web

from tests.servers.slack import chat, files, reading, sessions, streams, views
from tests.servers.slack.cast import BOT, BOT_USER, TEAM, Json
from tests.servers.slack.errors import SlackError
from tests.servers.slack.faults import Faults
from tests.servers.slack.limits import Limits
from tests.servers.slack.scopes import GRANTED, lacking
from tests.servers.slack.workspace import Workspace

_STRUCTURED = ("attachments", "blocks", "chunks", "file_ids", "files", "metadata", "prompts", "view")

Method = Callable[[Workspace, Json], Awaitable[Json]]


async def _auth_test(home: Workspace, args: Json) -> Json:
    return {
        "url": "https://corral-test.slack.com/",
        "team": "Corral's tests",
        "user": "corral",
        "team_id": TEAM,
        "user_id": BOT_USER,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }


async def _api_test(home: Workspace, args: Json) -> Json:
    if args.get("error"):
        raise SlackError(str(args["error"]))
    return {"args": args}


METHODS: dict[str, Method] = {
    "agents.sessions.rename": sessions.rename_session,
    "agents.sessions.setStatus": sessions.set_session_status,
    "api.test": _api_test,
    "assistant.threads.setStatus": sessions.set_status,
    "assistant.threads.setSuggestedPrompts": sessions.set_suggested_prompts,
    "assistant.threads.setTitle": sessions.set_title,
    "auth.test": _auth_test,
    "bots.info": reading.bot_info,
    "chat.appendStream": streams.append,
    "chat.delete": chat.delete,
    "chat.getPermalink": chat.get_permalink,
    "chat.postEphemeral": chat.post_ephemeral,
    "chat.postMessage": chat.post_message,
    "chat.startStream": streams.start,
    "chat.stopStream": streams.stop,
    "chat.update": chat.update,
    "conversations.history": reading.history,
    "conversations.info": reading.info,
    "conversations.members": reading.members,
    "conversations.open": chat.open_conversation,
    "conversations.replies": reading.replies,
    "files.completeUploadExternal": files.complete_upload,
    "files.delete": files.delete,
    "files.getUploadURLExternal": files.get_upload_url,
    "files.info": files.info,
    "reactions.add": reading.add_reaction,
    "reactions.remove": reading.remove_reaction,
    "users.info": reading.user_info,
    "views.open": views.open_view,
}


@dataclass(slots=True)
class Call:
    """A Web API call. `at` is Unix seconds, `seconds` how long it took; `error` is "" when it went well."""

    at: float
    method: str
    args: Json
    ok: bool = False
    error: str = "unanswered"
    status: int = 0
    seconds: float = 0.0

    @property
    def channel(self) -> str:
        return str(self.args.get("channel") or self.args.get("channel_id") or "")


class WebApi:
    """Answers POST and GET /api/METHOD. `open_socket` gives the address for apps.connections.open."""

    def __init__(
        self, home: Workspace, bot_token: str, app_token: str, faults: Faults, open_socket: Callable[[], str]
    ) -> None:
        self.home = home
        self.bot_token = bot_token
        self.app_token = app_token
        self.faults = faults
        self.limits: Limits | None = None
        self.scopes = set(GRANTED)
        self.tells_scopes = True  # else something on the way takes the header out
        self.clock_ahead = 0.0  # seconds by which Slack's clock is ahead of this machine's
        self.latency = 0.0
        self.calls: list[Call] = []
        self._open_socket = open_socket

    async def answer(self, request: web.Request) -> web.StreamResponse:
        call = Call(time.time(), request.match_info["method"], {})
        self.calls.append(call)
        try:
            return await self._answer(request, call)
        finally:
            call.seconds = time.time() - call.at

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        fault = self.faults.take(call.method)
        headers: dict[str, str] = {"x-slack-req-id": uuid.uuid4().hex}
        headers["Date"] = formatdate(time.time() + self.clock_ahead, usegmt=True)
        if self.tells_scopes:
            headers["x-oauth-scopes"] = ",".join(sorted(self.scopes))
        try:
            call.args = await _arguments(request)
            if fault is not None and fault.kind == "hang":
                await self.faults.until_released()
            if fault is not None and fault.kind == "garble":
                call.error, call.status = "garbled", fault.status
                page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                return web.Response(status=fault.status, text=page, content_type="text/html")
            if fault is not None and fault.kind == "fail":
                raise SlackError(fault.error, status=fault.status, retry_after=fault.retry_after)
            body = await self._carried_out(request, call)
            call.ok, call.error, call.status = True, "", 200
        except SlackError as refusal:
            body = {"ok": False, "error": refusal.code, **refusal.more}
            call.error, call.status = refusal.code, refusal.status
            if refusal.retry_after is not None:
                headers["Retry-After"] = str(refusal.retry_after)
        if fault is not None and fault.kind == "lose":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response(body, status=call.status, headers=headers)

    async def _carried_out(self, request: web.Request, call: Call) -> Json:
        self._authorise(request, call)
        if call.method != "apps.connections.open" and call.method not in METHODS:
            raise SlackError("unknown_method", req_method=call.method)
        self._check_scope(call)
        if self.limits is not None:
            seconds = self.limits.refusal(call.method, call.channel, time.monotonic())
            if seconds is not None:
                raise SlackError("ratelimited", status=429, retry_after=seconds)
        if self.latency:
            await asyncio.sleep(self.latency)
        if call.method == "apps.connections.open":
            return {"ok": True, "url": self._open_socket()}
        return {"ok": True, **await METHODS[call.method](self.home, call.args)}

    def _authorise(self, request: web.Request, call: Call) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ") or call.args.pop("token", "")
        if not token:
            raise SlackError("not_authed")
        if token not in {self.bot_token, self.app_token}:
            raise SlackError("invalid_auth")
        wanted = self.app_token if call.method == "apps.connections.open" else self.bot_token
        if token != wanted:
            raise SlackError("not_allowed_token_type")

    def _check_scope(self, call: Call) -> None:
        channel = self.home.channels.get(call.channel)
        needed = lacking(call.method, "channel" if channel is None else channel.kind, self.scopes)
        if needed is not None:
            raise SlackError("missing_scope", needed=needed, provided=",".join(sorted(self.scopes)))


async def _arguments(request: web.Request) -> Json:
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            given = json.loads(await request.text() or "{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(given, dict):
            raise SlackError("json_not_object")
        args |= given
    elif request.method == "POST":
        args |= dict(await request.post())
    for name in _STRUCTURED:
        if isinstance(args.get(name), str) and args[name][:1] in {"[", "{"}:
            try:
                args[name] = json.loads(args[name])
            except ValueError:
                raise SlackError("invalid_arguments") from None
    return args
