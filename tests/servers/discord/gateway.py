"""The gateway (discord.com/developers/docs/events/gateway): sockets, sessions, IDENTIFY and RESUME."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.discord.cast import APP, BOT_USER, Json
from tests.servers.discord.connection import (
    ACK,
    HEARTBEAT,
    HELLO,
    IDENTIFY,
    INVALID_SESSION,
    REQUEST_MEMBERS,
    RESUME,
    Connection,
)
from tests.servers.discord.home import Home
from tests.servers.discord.intents import PRIVILEGED
from tests.servers.discord.outages import Outages
from tests.servers.discord.payloads import member_payload
from tests.servers.discord.sessions import Dispatch, Session
from tests.servers.discord.tokens import Token

# A client that closes with 1000 or 1001, and some of the server's own codes, end the session for good.
ENDING_CODES = {1000, 1001, 4003, 4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014}
RESUME_PATH = "/gateway-resume/"


@dataclass(frozen=True, slots=True)
class Handshake:
    """An IDENTIFY or a RESUME. `replayed` counts the events that a RESUME brought; `path` is the socket's address."""

    kind: str
    path: str
    accepted: bool
    session: str = ""
    intents: int = 0
    shard: tuple[int, int] = (0, 1)
    replayed: int = 0
    at: float = field(default_factory=time.time)


class Gateway(Outages):
    """Serves sockets, and sends each event to every session that wants it. Times are seconds.

    An IDENTIFY sooner than `identify_seconds` after another gets INVALID_SESSION. `privileged` are the privileged
    intents that the application was granted. `shards` is what GET /gateway/bot recommends.
    """

    def __init__(self, home: Home, token: Token) -> None:
        super().__init__()
        self.home = home
        self.token = token
        self.heartbeat_seconds = 41.25
        self.resume_seconds = 120.0
        self.identify_seconds = 0.0
        self.privileged = PRIVILEGED
        self.shards = 1
        self.sessions: dict[str, Session] = {}
        self.dispatches: list[Dispatch] = []
        self.handshakes: list[Handshake] = []
        self.heartbeats = 0

    def announce(self, event: str, data: Json, guild: str | None) -> None:
        """Send an event to the sessions that it is for; one that none wants is kept as lost."""
        direct = guild is None
        serving = [session for session in self.sessions.values() if session.serves(guild)]
        made = [session.dispatch(event, data, direct=direct) for session in serving]
        self.dispatches += [dispatch for dispatch in made if dispatch is not None]
        if not serving:
            self.dispatches.append(Dispatch(event, data))

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """Serve a socket until it ends."""
        refused = self.refusal()
        if refused is not None:
            return web.Response(status=refused)
        response = web.WebSocketResponse(max_msg_size=1 << 16, timeout=1.0)
        await response.prepare(request)
        connection = Connection(response, request)
        self.connections.append(connection)
        writer = asyncio.create_task(connection.write(), name="write to the gateway")
        connection.send({"op": HELLO, "s": None, "d": {"heartbeat_interval": round(self.heartbeat_seconds * 1000)}})
        try:
            await self._listen(connection)
            await connection.until_closed()
        except ConnectionError:
            pass
        finally:
            writer.cancel()
            self._left(connection)
        return response

    async def _listen(self, connection: Connection) -> None:
        while True:
            try:
                received = await connection.response.receive(timeout=self.heartbeat_seconds * 1.5)
            except TimeoutError:
                return await connection.close(4009, "Session timed out.")
            if received.type is not WSMsgType.TEXT:
                return None
            if connection.frozen:
                continue
            if connection.too_much():
                return await connection.close(4008, "Rate limited.")
            try:
                told = json.loads(received.data)
                await self._take(connection, int(told["op"]), told.get("d"))
            except (ValueError, KeyError, TypeError):
                return await connection.close(4002, "Error while decoding payload.")

    async def _take(self, connection: Connection, op: int, told: Any) -> None:
        if op == HEARTBEAT:
            self.heartbeats += 1
            connection.send({"op": ACK})
        elif op == IDENTIFY:
            await self._identify(connection, told)
        elif op == RESUME:
            await self._resume(connection, told)
        elif op == REQUEST_MEMBERS:
            self._members(connection, told)
        elif op not in {3, 4}:
            await connection.close(4001, "Unknown opcode.")

    async def _identify(self, connection: Connection, told: Json) -> None:
        shard = tuple(told.get("shard") or (0, 1))
        intents = int(told["intents"])
        refused = self._refused(connection, told["token"], intents, (shard[0], shard[1]))
        soon = self._too_soon()
        accepted = refused is None and not soon
        session = Session(intents, (shard[0], shard[1]))
        path = connection.request.path
        self.handshakes.append(
            Handshake("identify", path, accepted, session.id if accepted else "", intents, session.shard)
        )
        if not self.token.counted():
            await self.reset_token()
        elif refused is not None:
            await connection.close(*refused)
        elif soon:
            connection.send({"op": INVALID_SESSION, "d": False})
        else:
            self._open(connection, session)

    def _refused(
        self, connection: Connection, token: str, intents: int, shard: tuple[int, int]
    ) -> tuple[int, str] | None:
        if connection.session is not None:
            return 4005, "Already authenticated."
        if token != self.token.value:
            return 4004, "Authentication failed."
        if not 0 <= shard[0] < shard[1]:
            return 4010, "Invalid shard."
        if intents & PRIVILEGED & ~self.privileged:
            return 4014, "Disallowed intent(s)."
        return None

    def _too_soon(self) -> bool:
        opened = [one.at for one in self.handshakes if one.kind == "identify" and one.accepted]
        return bool(opened) and time.time() - opened[-1] < self.identify_seconds

    def _open(self, connection: Connection, session: Session) -> None:
        self.sessions[session.id] = session
        self._attach(connection, session)
        guilds = [guild for guild in self.home.guilds if session.serves(guild)]
        ready = {
            "v": 10,
            "user": self.home.users[BOT_USER] | {"email": None, "mfa_enabled": False, "verified": True},
            "guilds": [{"id": guild, "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.home.base_url.replace("http", "ws", 1) + RESUME_PATH,
            "session_type": "normal",
            "shard": list(session.shard),
            "application": {"id": APP, "flags": 1 << 23 | 1 << 18},
            "private_channels": [],
        }
        self._dispatch(session, "READY", ready)
        for guild in guilds:
            self._dispatch(session, "GUILD_CREATE", self.home.guild_payload(guild))

    async def _resume(self, connection: Connection, told: Json) -> None:
        path, seq = connection.request.path, int(told.get("seq") or 0)
        session = self.sessions.get(told["session_id"])
        if told["token"] != self.token.value:
            self.handshakes.append(Handshake("resume", path, False))
            return await connection.close(4004, "Authentication failed.")
        if session is None or not session.can_resume(seq, self.resume_seconds):
            self.handshakes.append(Handshake("resume", path, False))
            connection.send({"op": INVALID_SESSION, "d": False})
            return None
        if seq > session.seq:
            self.handshakes.append(Handshake("resume", path, False))
            self.sessions.pop(session.id)
            return await connection.close(4007, "Invalid seq.")
        missed = session.since(seq)
        for dispatch in missed:
            connection.send(dispatch)
        self._attach(connection, session)
        self._dispatch(session, "RESUMED", {"_trace": []})
        made = Handshake("resume", path, True, session.id, session.intents, session.shard, len(missed))
        self.handshakes.append(made)
        return None

    def _members(self, connection: Connection, told: Json) -> None:
        """GUILD_MEMBERS_CHUNK: everybody, those whose name begins so, or those with these ids."""
        assert connection.session is not None
        ids = told.get("user_ids")
        asked = {str(one) for one in (ids if isinstance(ids, list) else [ids])} if ids else None
        found = [
            member_payload(user)
            for user in self.home.users.values()
            if (user["id"] in asked if asked is not None else user["username"].startswith(told.get("query") or ""))
        ]
        found = found[: told.get("limit") or None]
        chunk = {"guild_id": str(told["guild_id"]), "members": found, "chunk_index": 0, "chunk_count": 1}
        self._dispatch(connection.session, "GUILD_MEMBERS_CHUNK", chunk | {"nonce": told.get("nonce")})

    def _dispatch(self, session: Session, event: str, data: Json) -> None:
        dispatch = session.dispatch(event, data)
        if dispatch is not None:
            self.dispatches.append(dispatch)

    def _attach(self, connection: Connection, session: Session) -> None:
        connection.session = session
        session.send, session.left_at = connection.send, None

    def _left(self, connection: Connection) -> None:
        self.connections.remove(connection)
        session = connection.session
        if session is None or session.send != connection.send:
            return
        session.send, session.left_at = None, time.monotonic()
        if connection.close_code in ENDING_CODES:
            self.sessions.pop(session.id, None)
