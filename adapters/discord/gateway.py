"""The connection to Discord's gateway: one process at a time, resumed across processes, never given up.

Source: discord.com/developers/docs/events/gateway. A session that is resumed brings what was missed; an IDENTIFY brings
nothing, and the thousandth within a day resets the bot's token.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from adapters.discord.client import CorralClient
from adapters.discord.identifying import IDENTIFY_SECONDS, Identifying
from adapters.discord.identity import REFUSED, DiscordRefused
from adapters.discord.payloads import Json, part, string
from adapters.discord.progress import Marks, Progress
from adapters.discord.seeing import Seeing, Work
from conversation.errors import StoreUnavailable
from conversation.pacing import RateBudget
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

CONNECT_SECONDS, CLOSE_SECONDS = 20.0, 3.0
KEEP_SECONDS, STAND_BY_SECONDS = 1.0, 0.5
# Discord asks for a heartbeat in 41 seconds: until one of those is missed, a half-open connection looks well.
PING_SECONDS, SILENT_PINGS = 10.0, 2.5
# A session that could not be resumed so often will never be.
MAX_RESUMES = 3
GOING_ON = 4000  # as a close code it leaves the session as it is: 1000 and 1001 would end it

_REFUSALS = {
    4004: REFUSED,
    4010: "Discord refuses this shard.",
    4011: "Discord wants this bot to be sharded: it is in too many servers for one connection.",
    4012: "Discord does not speak this version of its gateway any more.",
    4013: "Discord does not know these intents.",
    4014: "Discord refuses the intents. Switch on MESSAGE CONTENT INTENT at the application's page Bot.",
}


class Sessions(Protocol):
    """Where a listener left off, for all processes. Every method raises StoreUnavailable. See storage/gateways.py."""

    async def take(self, bot: str, owner: str) -> bool:
        """Become the one that listens."""

    async def load(self, bot: str) -> Mapping[str, str]:
        """What was kept last."""

    async def keep(
        self, bot: str, owner: str, session: Mapping[str, str], marks: Mapping[str, int], known: Mapping[str, int]
    ) -> bool:
        """Go on listening; False when another process does."""

    async def release(self, bot: str, owner: str) -> None:
        """Let another process listen."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the gateway's: its id, and where it is resumed."""

    id: str
    url: str


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
        self._client, self._bot, self._sessions = client, bot, sessions
        self._handle, self._caught_up, self._marks = handle, caught_up, marks
        self._identifying = Identifying(budget, identify_seconds)
        self._on_contact, self._ping_seconds = on_contact, ping_seconds
        self._owner = uuid.uuid4().hex
        self._progress = Progress()
        self._session: Session | None = None
        self._socket: DiscordWebSocket | None = None
        self._seeing = Seeing(self._progress)
        self._is_behind = False  # something may be missing that the session does not bring
        self._catching_up: asyncio.Task[None] | None = None
        self._is_ours = False
        self._is_new = asyncio.Event()  # a session began that is not stored yet
        self.is_standing_by = False
        self.greeted = asyncio.Event()  # set while events come
        client.parse_with({name: self._parser(name) for name in events | {"READY", "RESUMED"}})

    async def run(self) -> None:
        """Listen; while another process does, stand by. Raises DiscordRefused, and ends only so."""
        while True:
            await self._until_ours()
            keeping = asyncio.create_task(self._keep(), name="keep the gateway")
            try:
                await self._listen()
            finally:
                ending = [keeping] if self._catching_up is None else [keeping, self._catching_up]
                for task in ending:
                    task.cancel()
                await asyncio.gather(*ending, return_exceptions=True)
                await self._leave()

    @property
    def is_idle(self) -> bool:
        """Whether all that came is seen to."""
        return self._seeing.is_idle

    async def aclose(self, patience_seconds: float = 1.0) -> None:
        """Take nothing more in; wait so long for what is being stored; leave the session to the next process."""
        await self._leave()
        await self._seeing.aclose(patience_seconds)
        if self._is_ours:
            self._is_ours = False
            try:
                await self._save()
                await self._sessions.release(self._bot, self._owner)
            except StoreUnavailable as error:
                log.warning("where Discord's gateway was left could not be stored: %s", error)

    # --- whose turn it is

    async def _until_ours(self) -> None:
        while not self._is_ours:
            try:
                self._is_ours = await self._sessions.take(self._bot, self._owner)
                if self._is_ours:
                    await self._load()
                    break
                if not self.is_standing_by:
                    log.info("another process listens to Discord; this one stands by")
                self.is_standing_by = True
                self._on_contact()
            except StoreUnavailable as error:
                self._is_ours = False
                log.warning("Discord waits for the store: %s", error)
            await asyncio.sleep(STAND_BY_SECONDS)
        self.is_standing_by = False

    async def _load(self) -> None:
        kept = await self._sessions.load(self._bot)
        self._is_behind, self._catching_up = bool(kept.get("behind")), None
        self._session = Session(kept["id"], kept["url"]) if kept else None
        self._progress.reset(int(kept["seq"]) if kept else 0)

    async def _keep(self) -> None:
        while True:
            # A new session at once: killed before it is stored, a process would leave nothing to go on with.
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEP_SECONDS):
                    await self._is_new.wait()
            self._is_new.clear()
            try:
                ours = await self._save()
            except StoreUnavailable as error:
                log.warning("where Discord's gateway is could not be stored: %s", error)
                continue
            except Exception:  # without this task another process would take us for dead
                log.exception("where Discord's gateway is could not be stored")
                continue
            if not ours:
                log.warning("another process listens to Discord now")
                self._is_ours = False
                await self._leave()
                return

    async def _save(self) -> bool:
        """Only events that are stored count, and no mark moves while what is before it may be missing."""
        session: dict[str, str] = {}
        new, known = ({}, {}) if self._is_behind else self._marks.take()
        if self._session is not None:
            session = {"id": self._session.id, "url": self._session.url, "seq": str(self._progress.safe)}
            session |= {"behind": "1"} if self._is_behind else {}
        try:
            return await self._sessions.keep(self._bot, self._owner, session, new, known)
        except StoreUnavailable:
            self._marks.give_back(new, known)
            raise

    # --- the connection

    async def _listen(self) -> None:
        """Connect again and again, until another process listens. Raises DiscordRefused."""
        waits, tries = growing_waits(), 0
        while self._is_ours:
            self.greeted.clear()
            try:
                await self._connect_and_poll()
            except ReconnectWebSocket as error:
                if not error.resume:
                    self._session = None
            except discord.ConnectionClosed as error:
                if error.code in _REFUSALS:
                    raise DiscordRefused(_REFUSALS[error.code]) from error
                log.warning("Discord closed the connection (%s)", error.code)
            except discord.HTTPException as error:
                if error.status == 401:
                    raise DiscordRefused(_REFUSALS[4004]) from error
                log.warning("Discord is away (%s)", error.status)
            except Exception as error:  # a frame that nobody can read, a proxy's page, a cut line: all the same to us
                log.warning("the connection to Discord broke: %s", str(error) or type(error).__name__)
            if self.greeted.is_set():
                waits, tries = growing_waits(), 0
                await self._leave()
                continue
            await self._leave()
            if not self._is_ours:
                return
            tries += 1
            if tries >= MAX_RESUMES and self._session is not None:
                log.warning("Discord's session cannot be resumed")
                self._session, tries = None, 0
            await asyncio.sleep(next(waits))

    async def _connect_and_poll(self) -> None:
        session = self._session
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
            log.info("the connection to Discord was not closed: %s", str(error) or type(error).__name__)

    # --- events

    def _parser(self, event: str) -> Callable[[Any], None]:
        def parse(data: Any) -> None:
            # Without a socket the event was fed by hand, as a test in memory does.
            number = (self._socket.sequence or 0) if self._socket is not None else self._progress.latest + 1
            self._progress.saw(number)
            if event == "READY":
                self._greet(Session(string(part(data), "session_id"), string(part(data), "resume_gateway_url")), number)
            elif event == "RESUMED":
                self.greeted.set()
                self._on_contact()
                if self._is_behind and self._catching_up is None:
                    self._catch_up()
            elif (work := self._handle(event, data)) is not None:
                self._seeing.begin(work, number, event)

        return parse

    def _greet(self, session: Session, number: int) -> None:
        self._session = session
        self._progress.reset(number)
        self._is_new.set()
        self.greeted.set()
        self._on_contact()
        self._is_behind = True
        self._catch_up()

    def _catch_up(self) -> None:
        async def catch_up() -> None:
            await self._caught_up()
            self._is_behind = False

        if self._catching_up is not None:
            self._catching_up.cancel()
        self._catching_up = asyncio.create_task(catch_up(), name="catch up with Discord")
