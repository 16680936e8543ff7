"""The connection to Discord's gateway: resumed wherever it can be, also by another process, and tried again for ever.

Source: discord.com/developers/docs/events/gateway. A session that is resumed brings what was missed; an IDENTIFY brings
nothing, and the thousandth within a day resets the bot's token.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from adapters.discord.client import CorralClient
from adapters.discord.identifying import IDENTIFY_SECONDS, Identifying
from adapters.discord.identity import REFUSED, DiscordRefused
from adapters.discord.lookups import why
from adapters.discord.payloads import Json, part, string
from adapters.discord.progress import Marks, Progress, Seeing, Work
from adapters.discord.turn import Session, Sessions, Turn
from conversation.pacing import RateBudget
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

CONNECT_SECONDS, CLOSE_SECONDS = 20.0, 3.0
# Discord asks for a heartbeat in 41 seconds: until one of those is missed, a half-open connection looks well.
PING_SECONDS, SILENT_PINGS = 10.0, 2.5
# A session is given up when Discord took so many connections and went on with it in none, or when nobody at its own
# address took one for so many seconds. Given up at the first tries that reach nobody, it would lose what it has kept.
MAX_REFUSED, RESUME_SECONDS = 5, 600.0
# One that breaks sooner is no better than none: opened at once again and again, it would be a storm of RESUMEs.
STEADY_SECONDS = 30.0
GOING_ON = 4000  # as a close code it leaves the session as it is: 1000 and 1001 would end it
_OVER = frozenset({4007, 4009})  # with these codes Discord ends it

_REFUSALS = {
    4004: REFUSED,
    4010: "Discord refuses this shard.",
    4011: "Discord wants this bot to be sharded: it is in too many servers for one connection.",
    4012: "Discord does not speak this version of its gateway any more.",
    4013: "Discord does not know these intents.",
    4014: "Discord refuses the intents. Switch on MESSAGE CONTENT INTENT at the application's page Bot.",
}


Handler = Callable[[str, Json], Work | None]


class Gateway:
    """Brings events to `handle`; what that returns to be awaited is awaited in a task, and counts as done then.

    `caught_up` is awaited after each IDENTIFY. A process that ends before it returns leaves word of that: whoever goes
    on with its session catches up again. `on_contact` is called when we listen, or stand by.
    """

    def __init__(
        self,
        client: CorralClient,
        bot: str,
        sessions: Sessions,
        budget: RateBudget,
        handle: Handler,
        events: frozenset[str],
        caught_up: Callable[[], Work],
        marks: Marks,
        *,
        on_contact: Callable[[], object] = lambda: None,
        identify_seconds: float = IDENTIFY_SECONDS,
        ping_seconds: float = PING_SECONDS,
    ) -> None:
        self._client, self._handle, self._caught_up = client, handle, caught_up
        self._identifying = Identifying(budget, bot, identify_seconds)
        self._on_contact, self._ping_seconds = on_contact, ping_seconds
        self._progress = Progress()
        self._seeing = Seeing(self._progress)
        self._turn = Turn(sessions, bot, self._progress, marks)
        self._socket: DiscordWebSocket | None = None  # of a connection that Discord said hello on
        self._greeted_at: float | None = None  # when this connection was, on the monotonic clock
        self._catching_up: asyncio.Task[None] | None = None
        self.greeted = asyncio.Event()  # set while events come
        client.parse_with({name: self._parser(name) for name in events | {"READY", "RESUMED"}})

    async def run(self) -> None:
        """Listen; while another process does, stand by. Raises DiscordRefused, and ends only so."""
        while True:
            await self._turn.wait(self._on_contact)
            keeping = asyncio.create_task(self._turn.keep(self._leave), name="keep the gateway")
            try:
                await self._listen()
            finally:
                ending = [keeping] if self._catching_up is None else [keeping, self._catching_up]
                self._catching_up = None
                for task in ending:
                    task.cancel()
                await asyncio.gather(*ending, return_exceptions=True)
                await self._leave()

    @property
    def is_standing_by(self) -> bool:
        """Whether another process listens."""
        return self._turn.is_standing_by

    @property
    def is_idle(self) -> bool:
        """Whether all that came is seen to."""
        return self._seeing.is_idle

    async def aclose(self, patience_seconds: float = 1.0) -> None:
        """Take nothing more in; wait so long for what is being stored; leave the session to the next process."""
        await self._leave()
        await self._seeing.aclose(patience_seconds)
        await self._turn.leave()

    # --- the connection

    async def _listen(self) -> None:
        """Connect again and again, until another process listens. Raises DiscordRefused."""
        waits, storm = growing_waits(), _storm()
        refused, lost_at = 0, 0.0
        while await self._turn.assured():
            began = time.monotonic()
            self._greeted_at = None
            try:
                await self._connect_and_poll()
            except ReconnectWebSocket as error:
                if not error.resume or self._closed_with() in _OVER:
                    self._turn.session = None
            except discord.ConnectionClosed as error:
                if error.code in _REFUSALS:
                    raise DiscordRefused(_REFUSALS[error.code]) from error
                log.warning("Discord closed the connection (%s)", error.code)
            except discord.HTTPException as error:
                if error.status == 401:
                    raise DiscordRefused(_REFUSALS[4004]) from error
                log.warning("Discord is away (%s)", error.status)
            except Exception as error:  # a frame that nobody can read, a proxy's page, a cut line: all the same to us
                log.warning("the connection to Discord broke: %s", why(error))
            is_heard = self._socket is not None
            await self._leave()
            if not self._turn.is_ours:
                return
            now = time.monotonic()
            if self._greeted_at is not None:
                waits, refused, lost_at = growing_waits(), 0, 0.0
                storm = _storm() if now - self._greeted_at >= STEADY_SECONDS else storm
                await asyncio.sleep(next(storm))
                continue
            refused, lost_at = refused + is_heard, lost_at or began
            if self._turn.session is not None and (refused >= MAX_REFUSED or now - lost_at >= RESUME_SECONDS):
                log.warning("Discord's session cannot be resumed")
                self._turn.session, refused = None, 0
            await asyncio.sleep(next(waits))

    async def _connect_and_poll(self) -> None:
        session = self._turn.session
        if session is None:
            await self._identifying.leave(self._client.http)
        async with asyncio.timeout(CONNECT_SECONDS):
            if session is None:
                socket = await DiscordWebSocket.from_client(self._client, initial=True)
            else:
                socket = await DiscordWebSocket.from_client(
                    self._client,
                    gateway=yarl.URL(session.url),
                    session=session.id,
                    sequence=self._progress.latest,
                    resume=True,
                )
        self._socket = self._client.ws = socket
        pinging = asyncio.create_task(self._ping(socket), name="ping the gateway")
        try:
            while True:
                await self._seeing.room()
                await socket.poll_event()
        finally:
            pinging.cancel()

    async def _ping(self, socket: DiscordWebSocket) -> None:
        """Have something come back every few seconds, so that silence means that nothing can."""
        while True:
            await asyncio.sleep(self._ping_seconds)
            with suppress(discord.ConnectionClosed, OSError, aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(self._ping_seconds):
                    await socket.send_heartbeat({"op": socket.HEARTBEAT, "d": socket.sequence})
                if socket._keep_alive is not None:  # it measures from here to the acknowledgement
                    socket._keep_alive._last_send = time.perf_counter()

    def _closed_with(self) -> int | None:
        return self._socket.socket.close_code if self._socket is not None else None

    async def _leave(self) -> None:
        """Close the connection and keep the session."""
        self.greeted.clear()
        socket, self._socket = self._socket, None
        if socket is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await socket.close(code=GOING_ON)
        except Exception as error:
            log.info("the connection to Discord was not closed: %s", why(error))

    # --- events

    def _parser(self, event: str) -> Callable[[Any], None]:
        def parse(data: Any) -> None:
            # Without a socket the event was fed by hand, as a test in memory does.
            number = (self._socket.sequence or 0) if self._socket is not None else self._progress.latest + 1
            self._progress.saw(number)
            if event == "READY":
                session = Session(string(part(data), "session_id"), string(part(data), "resume_gateway_url"))
                self._turn.begin(session, number)
                self._greet()
                self._catch_up()
            elif event == "RESUMED":
                self._greet()
                if self._turn.is_behind and self._catching_up is None:
                    self._catch_up()
            elif (work := self._handle(event, data)) is not None:
                self._seeing.begin(work, number, event)

        return parse

    def _greet(self) -> None:
        self._greeted_at = time.monotonic()
        self.greeted.set()
        self._on_contact()

    def _catch_up(self) -> None:
        async def catch_up() -> None:
            for wait in growing_waits():
                try:
                    await self._caught_up()
                except Exception:  # until it is done no mark moves, and every process would begin with it
                    log.exception("catching up with Discord broke; it begins again in %.0f s", wait)
                    await asyncio.sleep(wait)
                else:
                    self._turn.is_behind = False
                    return

        if self._catching_up is not None:
            self._catching_up.cancel()
        self._catching_up = asyncio.create_task(catch_up(), name="catch up with Discord")


def _storm() -> Iterator[float]:
    """Seconds before a connection that broke is opened again: none the first time."""
    return itertools.chain((0.0,), growing_waits())
