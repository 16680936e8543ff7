"""One websocket of a client: what goes out over it, compressed if the client asked for that."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import zlib
from collections import deque

from aiohttp import web

from tests.servers.discord.cast import Json
from tests.servers.discord.sessions import Dispatch, Session

HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, ACK = 1, 2, 6, 7, 8, 9, 10, 11

_MAX_WAITING = 10_000  # a client that reads nothing may not fill the memory
_MAX_SENT_BY_CLIENT, _SENDING_WINDOW_SECONDS = 120, 60.0


class Connection:
    """A socket and its writer. A `frozen` one is half-open: it stays, but nothing comes through any more.

    zlib-stream is one compression context for the connection, flushed after each payload. Who asks for zstd-stream is
    sent plain text, which discord.py takes as well.
    """

    def __init__(self, response: web.WebSocketResponse, request: web.Request) -> None:
        self.response = response
        self.request = request
        self.session: Session | None = None
        self.frozen = False
        self.closed_by_us: int | None = None
        self._closed = asyncio.Event()
        self._compress = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._waiting: asyncio.Queue[Json | Dispatch | str] = asyncio.Queue(_MAX_WAITING)
        self._received: deque[float] = deque()

    def send(self, payload: Json | Dispatch | str) -> None:
        """Send it after everything that waits already; a str goes out as it is."""
        with contextlib.suppress(asyncio.QueueFull):
            self._waiting.put_nowait(payload)

    async def write(self) -> None:
        """Send what waits, one after the other, until cancelled."""
        with contextlib.suppress(ConnectionError):
            while True:
                payload = await self._waiting.get()
                if self.frozen:
                    self._waiting.task_done()
                    continue
                told = payload.payload if isinstance(payload, Dispatch) else payload
                await self._write(told if isinstance(told, str) else json.dumps(told))
                if isinstance(payload, Dispatch):
                    payload.sent.append(time.time())
                self._waiting.task_done()

    async def until_written(self) -> None:
        """Wait for everything that was sent."""
        await self._waiting.join()

    async def close(self, code: int, reason: str = "") -> None:
        """Close it with this code (docs: topics/opcodes-and-status-codes#gateway)."""
        self.closed_by_us = code
        # A client that is gone does not answer the close; the handler must not wait for it.
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(1):
                await self.response.close(code=code, message=reason.encode())
        self._closed.set()

    async def until_closed(self) -> None:
        """Wait for a `close` that is under way: a handler that returns earlier would break the connection instead."""
        if self.closed_by_us is not None:
            await self._closed.wait()

    @property
    def close_code(self) -> int | None:
        """What ended it: our code, or the client's; None when there was none."""
        return self.response.close_code if self.closed_by_us is None else self.closed_by_us

    def abort(self) -> None:
        """Break it without a word, as a lost network does."""
        if self.request.transport is not None:
            self.request.transport.abort()

    def too_much(self) -> bool:
        """Count what the client sent; whether it is more than Discord takes (120 a minute)."""
        now = time.monotonic()
        self._received.append(now)
        while self._received[0] <= now - _SENDING_WINDOW_SECONDS:
            self._received.popleft()
        return len(self._received) > _MAX_SENT_BY_CLIENT

    async def _write(self, text: str) -> None:
        if self._compress is None:
            await self.response.send_str(text)
            return
        packed = self._compress.compress(text.encode()) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        await self.response.send_bytes(packed)
