"""How a session begins and goes on: IDENTIFY and RESUME (discord.com/developers/docs/events/gateway#connections)."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.servers.discord.cast import APP, BOT_USER, Json
from tests.servers.discord.connection import INVALID_SESSION, Connection
from tests.servers.discord.home import Home
from tests.servers.discord.intents import PRIVILEGED
from tests.servers.discord.outages import Outages
from tests.servers.discord.sessions import Dispatch, Session
from tests.servers.discord.tokens import Token

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


class Handshakes(Outages):
    """The sessions. Times are seconds.

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

    async def identify(self, connection: Connection, told: Json) -> None:
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
        self.dispatch(session, "READY", ready)
        for guild in guilds:
            self.dispatch(session, "GUILD_CREATE", self.home.guild_payload(guild))

    async def resume(self, connection: Connection, told: Json) -> None:
        path, seq = connection.request.path, int(told.get("seq") or 0)
        session = self.sessions.get(told["session_id"])
        fate, code = self.next_resume()
        if fate == "refuse":
            self.handshakes.append(Handshake("resume", path, False))
            return await connection.close(code)
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
        self.dispatch(session, "RESUMED", {"_trace": []})
        made = Handshake("resume", path, True, session.id, session.intents, session.shard, len(missed))
        self.handshakes.append(made)
        # One socket at a time has a session: who goes on with it takes it away from whoever had it.
        for other in self._others_of(connection, session):
            await other.close(4000, "Session resumed elsewhere.")
        if fate == "close":
            await connection.until_written()
            await connection.close(code)
        return None

    def dispatch(self, session: Session, event: str, data: Json) -> None:
        dispatch = session.dispatch(event, data)
        if dispatch is not None:
            self.dispatches.append(dispatch)

    def _attach(self, connection: Connection, session: Session) -> None:
        connection.session = session
        session.send, session.left_at = connection.send, None

    def _others_of(self, connection: Connection, session: Session) -> list[Connection]:
        return [one for one in self.connections if one.session is session and one is not connection]
