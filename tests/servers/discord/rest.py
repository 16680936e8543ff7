"""The REST API, version 10: reads a call, refuses it where Discord would, answers it, and keeps it."""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import Callable
from typing import Any

from aiohttp import BodyPartReader, web

from tests.servers.discord.calls import Call, Upload
from tests.servers.discord.errors import DiscordError
from tests.servers.discord.faults import Fault, Faults
from tests.servers.discord.home import Home
from tests.servers.discord.limits import Limits
from tests.servers.discord.routes import EDIT, GATEWAY, GATEWAY_BOT, HANDLERS, Handler, needs_token
from tests.servers.discord.tokens import Token

PREFIX = "/api/v10"
_AN_HOUR = 3600.0


class RestApi:
    """Answers /api/v10. With `limits` the rate limits hold; `latency` is seconds for each call."""

    def __init__(self, home: Home, token: Token, more: dict[str, Handler]) -> None:
        self.home = home
        self.token = token
        self.handlers = {**HANDLERS, **more}
        self.faults = Faults(self.handlers)
        self.limits: Limits | None = None
        self.latency = 0.0
        self.calls: list[Call] = []

    def routes(self) -> list[web.RouteDef]:
        known = [
            web.route(method, PREFIX + path, functools.partial(self.answer, f"{method} {path}"))
            for method, path in (route.split(" ") for route in self.handlers)
        ]
        return [*known, web.route("*", PREFIX + "/{rest:.*}", functools.partial(self.answer, "unknown"))]

    async def answer(self, route: str, request: web.Request) -> web.StreamResponse:
        call = Call(time.time(), route, request.path.removeprefix(PREFIX), dict(request.match_info))
        self.calls.append(call)
        try:
            return await self._answer(request, call)
        finally:
            call.seconds = time.time() - call.at

    async def _answer(self, request: web.Request, call: Call) -> web.StreamResponse:
        fault = self.faults.take(call.route)
        headers = {"Via": "1.1 google"}
        body: Any
        try:
            await _read(request, call)
            if fault is not None and fault.kind == "hang":
                await self.faults.until_released()
            if fault is not None and fault.kind == "garble":
                call.status = fault.status
                page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                return web.Response(status=fault.status, text=page, content_type="text/html")
            if fault is not None and fault.kind == "fail":
                headers = headers if fault.via else {}
                if fault.status == 429:
                    headers["X-RateLimit-Scope"] = call.scope = fault.scope
                raise _injected(fault)
            body = await self._carried_out(request, call, headers)
            call.status = 204 if body is None else 200
        except DiscordError as refusal:
            body = {"message": refusal.message, "code": refusal.code, **refusal.more}
            call.status, call.code, call.retry_after = refusal.status, refusal.code, refusal.retry_after
            if refusal.retry_after is not None:
                body["retry_after"] = refusal.retry_after
        if isinstance(body, dict):
            call.message = _message_of(body)
        if fault is not None and fault.kind == "lose" and request.transport is not None:
            request.transport.abort()
        if body is None:
            return web.Response(status=204, headers=headers)
        # discord.py reads JSON only where the type is exactly this, without a charset.
        text = json.dumps(body).encode()
        return web.Response(body=text, status=call.status, headers=headers, content_type="application/json")

    async def _carried_out(self, request: web.Request, call: Call, headers: dict[str, str]) -> Any:
        handler = self.handlers.get(call.route)
        if handler is None:
            raise DiscordError(404, 0, "404: Not Found")
        if needs_token(call.route) and request.headers.get("Authorization") != f"Bot {self.token.value}":
            raise DiscordError(401, 0, "401: Unauthorized")
        if self.limits is not None:
            self._limit(self.limits, call, headers)
        if self.latency:
            await asyncio.sleep(self.latency)
        return await handler(self.home, call)

    def _limit(self, limits: Limits, call: Call, headers: dict[str, str]) -> None:
        now = time.monotonic()
        verdict = limits.judge(call.route, call.major, now)
        headers.update(verdict.headers)
        call.scope = verdict.headers.get("X-RateLimit-Scope", "")
        if verdict.retry_after is not None:
            raise _limited(verdict.retry_after, everywhere=verdict.everywhere)
        if call.route == "PATCH /channels/{channel_id}" and "name" in call.body:
            wait = limits.within("rename", call.major, now)
            if wait is not None:
                raise _limited(wait)
        if call.route == EDIT and self._is_old(call):
            wait = limits.within("old edits", call.major, now)
            if wait is not None:
                told = "Maximum number of edits to messages older than 1 hour reached. Try again later."
                raise DiscordError(429, 30046, told, retry_after=round(wait, 3), **{"global": False})

    def _is_old(self, call: Call) -> bool:
        channel = self.home.channels.get(call.channel)
        message = None if channel is None else channel.messages.get(call.params["message_id"])
        return message is not None and time.time() - message.created_at > _AN_HOUR


def gateway_handlers(home: Home, token: Token, shards: Callable[[], int]) -> dict[str, Handler]:
    """GET /gateway and /gateway/bot; `shards()` is how many shards are recommended."""

    async def gateway(home: Home, call: Call) -> dict[str, Any]:
        return {"url": home.base_url.replace("http", "ws", 1) + "/gateway/"}

    async def gateway_bot(home: Home, call: Call) -> dict[str, Any]:
        back = round(token.reset_after_seconds * 1000)
        limit = {"total": token.identify_limit, "remaining": token.remaining, "reset_after": back, "max_concurrency": 1}
        return {**await gateway(home, call), "shards": shards(), "session_start_limit": limit}

    return {GATEWAY: gateway, GATEWAY_BOT: gateway_bot}


def _limited(seconds: float, *, everywhere: bool = False) -> DiscordError:
    told = "You are being rate limited."
    return DiscordError(429, 0, told, retry_after=round(seconds, 3), **{"global": everywhere})


def _injected(fault: Fault) -> DiscordError:
    if fault.status == 429:
        return _limited(fault.retry_after if fault.retry_after is not None else 1.0)
    return DiscordError(fault.status, fault.code, fault.message, retry_after=fault.retry_after)


def _message_of(body: dict[str, Any]) -> str | None:
    shown = (body.get("resource") or {}).get("message") or body.get("message") or body
    is_message = isinstance(shown, dict) and "author" in shown and "id" in shown
    return str(shown["id"]) if is_message else None


async def _read(request: web.Request, call: Call) -> None:
    call.query = dict(request.query)
    if request.content_type.startswith("multipart/"):
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read())
            if part.name == "payload_json":
                call.body = json.loads(data)
            else:
                key = (part.name or "").removeprefix("files[").removesuffix("]")
                kind = part.headers.get("Content-Type", "application/octet-stream")
                call.files.append(Upload(key, part.filename or "file", data, kind))
        return
    try:
        given = json.loads(await request.text() or "{}")
    except ValueError:
        raise DiscordError(400, 50109, "The request body contains invalid JSON.") from None
    call.body, call.items = (given, []) if isinstance(given, dict) else ({}, given)
