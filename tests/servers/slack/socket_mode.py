"""Socket Mode (docs.slack.dev/apis/events-api/using-socket-mode): sockets, hello, acknowledgements, disconnects."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.slack.cast import APP, Json

MAX_SOCKETS = 10


@dataclass(slots=True, eq=False)
class Socket:
    """One connection of a client. A `frozen` one is half-open: it stays, but nothing comes through any more."""

    response: web.WebSocketResponse
    request: web.Request
    frozen: bool = False


class SocketMode:
    """The sockets. Each envelope goes to one of them, in turn, and whoever acknowledges it first has it."""

    def __init__(self) -> None:
        self.base_url = ""
        self.sockets: list[Socket] = []
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Json]] = {}
        self._turn = itertools.count()
        self._connected = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    def ticket(self) -> str:
        """A fresh address for a socket; it opens one."""
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return f"{self.base_url.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={APP}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Serve a socket until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401)
        self._tickets.remove(ticket)
        # aiohttp would answer pings by itself, and a half-open connection answers none.
        response = web.WebSocketResponse(autoping=False, heartbeat=None)
        await response.prepare(request)
        if len(self.sockets) >= MAX_SOCKETS:
            await response.send_str(json.dumps({"type": "disconnect", "reason": "too_many_websockets"}))
            await response.close()
            return response
        socket = Socket(response, request)
        self.sockets.append(socket)
        self._connected.set()
        try:
            info = {"host": "applink-test", "build_number": 1, "approximate_connection_time": 18060}
            hello = {"type": "hello", "num_connections": len(self.sockets), "debug_info": info}
            await response.send_str(json.dumps(hello | {"connection_info": {"app_id": APP}}))
            async for message in response:
                if socket.frozen:
                    continue
                if message.type is WSMsgType.PING:
                    await response.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    self._take(message.data)
        except ConnectionError:
            pass
        finally:
            self._forget(socket)
        return response

    async def send(self, envelope: Json, ack_seconds: float) -> Json | None:
        """What the acknowledgement carries (often nothing: {}), or None when none comes in time."""
        envelope_id = str(uuid.uuid4())
        waiting: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = waiting
        try:
            async with asyncio.timeout(ack_seconds):
                await self._connected.wait()
                socket = self.sockets[next(self._turn) % len(self.sockets)]
                if not socket.frozen:
                    await socket.response.send_str(json.dumps({"envelope_id": envelope_id, **envelope}))
                return await waiting
        except (TimeoutError, ConnectionError):
            return None
        finally:
            del self._waiting[envelope_id]

    async def disconnect(self, reason: str = "refresh_requested", linger: float = 0.5) -> None:
        """Ask each client to come back, as Slack does once in a while; its socket is closed `linger` seconds later."""
        asked = self.sockets.copy()
        for socket in asked:
            # Nothing new goes to a socket that has been told to leave; what is on its way may still be acknowledged.
            self._forget(socket)
            await socket.response.send_str(json.dumps({"type": "disconnect", "reason": reason}))
            task = asyncio.create_task(self._close_later(socket, linger), name="close a socket")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def cut(self) -> None:
        """Break every connection without a word, as a lost network does."""
        for socket in self.sockets.copy():
            self._forget(socket)
            if socket.request.transport is not None:
                socket.request.transport.abort()

    def freeze(self) -> None:
        """The sockets that there are stay, but pings, envelopes and acknowledgements are lost. New ones work."""
        for socket in self.sockets:
            socket.frozen = True

    async def close(self) -> None:
        """End every connection in an orderly way."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        for socket in self.sockets.copy():
            await socket.response.close()

    async def _close_later(self, socket: Socket, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await socket.response.close()

    def _take(self, data: Any) -> None:
        try:
            told = json.loads(data)
        except ValueError:
            return
        waiting = self._waiting.get(told.get("envelope_id", ""))
        if waiting is not None and not waiting.done():
            waiting.set_result(told.get("payload") or {})

    def _forget(self, socket: Socket) -> None:
        if socket in self.sockets:
            self.sockets.remove(socket)
        if not self.sockets:
            self._connected.clear()
