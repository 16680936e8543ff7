"""Socket Mode: envelopes come over a WebSocket that we open, and are acknowledged by name.

Source: docs.slack.dev/apis/events-api/using-socket-mode. The sockets are kept here and not by slack_sdk's
SocketModeClient, which connects again and again with an address that Slack takes only once when the first try fails
(python-slack-sdk#1110), comes back at once when there are too many sockets, and closes the old socket before it has a
new one. Bolt handles what comes in.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from adapters.slack.api import SlackApi
from adapters.slack.contact import persistently
from adapters.slack.identity import SlackRefused
from adapters.slack.odd import log_oddity
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0  # until Slack says hello
# A quiet socket is pinged after this, and given up when half as long again has passed: a half-open one is replaced
# within 15 seconds.
PING_SECONDS = 10.0
# How long a socket that Slack wants to close is still read, beside its successor, for what is on its way.
LINGER_SECONDS = 10.0
# Ten sockets are all that an app gets; one of the others must go first.
CROWDED_SECONDS = 30.0
# A connection that lasted so long says that all is well: the next one is made soon again.
STEADY_SECONDS = 10.0
CLOSE_SECONDS = 2.0
MAX_AT_ONCE = 256  # envelopes; more wait in the socket
MAX_ENVELOPE_BYTES = 4 << 20

# How aiohttp and the system say that a connection failed, or broke.
_CUT = (aiohttp.ClientError, TimeoutError, OSError)
_CROWDED = "too_many_websockets"
_REPLACED = frozenset({"refresh_requested", "warning"})  # Slack's machine goes down for a while; there are others
_REFUSED = (
    "Slack refuses SLACK_APP_TOKEN ({code}). On the app's page Basic Information make an App-Level Token (xapp-...) "
    "with the scope connections:write, and switch Socket Mode on."
)


@dataclass(slots=True, eq=False)
class _Socket:
    """One connection, as its reader and its keeper see it."""

    greeted_at: float | None = None  # on the monotonic clock
    reason: str = ""  # Slack's, for sending us away
    leaving: asyncio.Event = field(default_factory=asyncio.Event)

    def age(self) -> float:
        """Seconds since Slack said hello; 0 when it has not."""
        return time.monotonic() - self.greeted_at if self.greeted_at is not None else 0.0

    @property
    def greeted(self) -> bool:
        return self.greeted_at is not None

    @property
    def is_live(self) -> bool:
        return self.greeted and not self.leaving.is_set()


class SocketMode:
    """Keeps a connection for as long as the context lasts; `api` has the app's token. At its end nothing more is taken
    in, and what was is still acknowledged."""

    def __init__(
        self,
        app: AsyncApp,
        api: SlackApi,
        *,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._app, self._api = app, api
        self._ping_seconds = ping_seconds
        self._sockets: set[_Socket] = set()
        self._tasks: set[asyncio.Task[None]] = set()  # of the sockets, and of the envelopes
        self._handling: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._greeted = asyncio.Event()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._keeper = asyncio.create_task(self._keep_connected(), name="keep the Slack socket")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        assert self._keeper is not None
        self._keeper.cancel()
        if self._handling:
            await asyncio.wait(set(self._handling), timeout=CLOSE_SECONDS)
        left = [self._keeper, *self._tasks, *self._handling]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    @property
    def is_connected(self) -> bool:
        """Whether Slack can bring us something now."""
        return any(socket.is_live for socket in self._sockets)

    async def until_connected(self) -> None:
        """Return when Slack has said hello for the first time. Raises SlackRefused when it never will."""
        assert self._keeper is not None
        greeted = asyncio.ensure_future(self._greeted.wait())
        try:
            await asyncio.wait({greeted, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            greeted.cancel()
        if self._keeper.done():
            self._keeper.result()

    async def until_refused(self) -> None:
        """Raises SlackRefused when Slack will have us no more. Does not return."""
        assert self._keeper is not None
        await asyncio.shield(self._keeper)

    async def _keep_connected(self) -> None:
        waits = growing_waits()
        while True:
            socket = _Socket()
            task = asyncio.create_task(self._serve(socket), name="Slack socket")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            leaving = asyncio.create_task(socket.leaving.wait(), name="Slack wants the socket back")
            try:
                await asyncio.wait({task, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
            if task.done() and isinstance(error := task.exception(), SlackRefused):
                raise error
            if socket.age() > STEADY_SECONDS:
                waits = growing_waits()
            if socket.reason in _REPLACED and socket.greeted:
                continue
            if socket.reason == _CROWDED:
                log.warning("Slack has ten sockets of this app already; trying again in %.0f s", CROWDED_SECONDS)
                await asyncio.sleep(CROWDED_SECONDS)
            else:
                await asyncio.sleep(next(waits))

    async def _serve(self, socket: _Socket) -> None:
        """One connection from its address to its end. Raises SlackRefused only."""
        self._sockets.add(socket)
        try:
            told = await persistently(lambda: self._api.call("", "apps.connections.open"), _REFUSED)
            async with (
                asyncio.timeout(CONNECT_SECONDS) as limit,
                self._api.socket(
                    str(told["url"]),
                    heartbeat=self._ping_seconds,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                    max_msg_size=MAX_ENVELOPE_BYTES,
                ) as connection,
            ):
                async for message in connection:
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        continue
                    was_live = socket.is_live
                    await self._read(socket, connection, message.data)
                    if socket.is_live and not was_live:
                        limit.reschedule(None)
                    elif was_live and not socket.is_live:
                        limit.reschedule(asyncio.get_running_loop().time() + LINGER_SECONDS)
        except SlackRefused:
            raise
        except _CUT as exc:
            log.info("a socket to Slack ended: %s", _told(exc))
        except Exception as exc:  # the loop around this goes on: without a socket nobody could ask anything
            log_oddity(log, "a socket to Slack failed", exc)
        finally:
            self._sockets.discard(socket)

    async def _read(self, socket: _Socket, connection: aiohttp.ClientWebSocketResponse, text: str) -> None:
        try:
            told = json.loads(text)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            log.warning("Slack's socket says what is no JSON object")
            return
        match told.get("type"):
            case "hello":
                socket.greeted_at = time.monotonic()
                self._greeted.set()
            case "disconnect":
                socket.reason = str(told.get("reason") or "unsaid")
                log.info("Slack wants a socket back: %s", socket.reason)
                socket.leaving.set()
            case _ if not self._closing:
                await self._room.acquire()
                task = asyncio.create_task(self._handle(connection, told), name="Slack envelope")
                self._handling.add(task)
                task.add_done_callback(self._handled)

    def _handled(self, task: asyncio.Task[None]) -> None:
        self._handling.discard(task)
        self._room.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            log_oddity(log, "an envelope of Slack's could not be handled", error)

    async def _handle(self, connection: aiohttp.ClientWebSocketResponse, envelope: dict[str, Any]) -> None:
        """Let Bolt handle it; what Bolt does not answer with 200 is not acknowledged, and Slack brings it again."""
        request = _request(envelope)
        if request is None:
            log.warning("Slack's socket brings an envelope that is none")
            return
        answer = await run_async_bolt_app(self._app, request)
        if answer.status != 200:
            return
        body: Any = answer.body
        if body and answer.headers.get("content-type", [""])[0].startswith("application/json"):
            body = json.loads(body)
        reply = SocketModeResponse(request.envelope_id, body or None)
        try:
            await connection.send_str(json.dumps(reply.to_dict()))
        except _CUT:
            log.info("a socket ended before its envelope was acknowledged; Slack brings it again")


def _request(envelope: dict[str, Any]) -> SocketModeRequest | None:
    type_, envelope_id, payload = (envelope.get(name) for name in ("type", "envelope_id", "payload"))
    if not (isinstance(type_, str) and isinstance(envelope_id, str) and isinstance(payload, dict)):
        return None
    # Slack's other fields are of no use here, and the SDK takes it that they are what they should be.
    return SocketModeRequest(type_, envelope_id, payload)


def _told(error: Exception) -> str:
    """What ended a connection. aiohttp's own words for it hold the address, and with it the ticket that opens it."""
    status = getattr(error, "status", None)
    return type(error).__name__ if status is None else f"{type(error).__name__}, HTTP {status}"
