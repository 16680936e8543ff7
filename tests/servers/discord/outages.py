"""What goes wrong with the gateway on purpose."""

from __future__ import annotations

import asyncio
from collections import deque

from tests.servers.discord.cast import Json
from tests.servers.discord.connection import INVALID_SESSION, RECONNECT, Connection
from tests.servers.discord.sessions import Dispatch, Session
from tests.servers.discord.tokens import Token


class Outages:
    """Acts upon every socket that there is; later ones work again."""

    token: Token
    sessions: dict[str, Session]
    dispatches: list[Dispatch]

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self._refusals: deque[int] = deque()
        self._resumes: deque[tuple[str, int]] = deque()

    def cut(self) -> None:
        """Break every connection without a word, as a lost network does. Sessions can be resumed."""
        for connection in self.connections:
            connection.abort()

    def freeze(self) -> None:
        """The sockets that there are stay, but nothing comes through, heartbeats neither. Sessions can be resumed."""
        for connection in self.connections:
            connection.frozen = True

    async def disconnect(self, code: int = 4000) -> None:
        """Close every socket with this code; 4007 and 4009 end the sessions, and 4004 ends discord.py's client."""
        await asyncio.gather(*(connection.close(code) for connection in self.connections.copy()))

    def ask_to_reconnect(self) -> None:
        """Opcode 7: come back and resume, as Discord asks when it restarts its gateway."""
        for connection in self.connections:
            connection.send({"op": RECONNECT, "d": None})

    def invalidate(self, *, resumable: bool = False) -> None:
        """Opcode 9. Without `resumable` the sessions are gone, and what happens until the next IDENTIFY is lost."""
        for connection in self.connections:
            if not resumable and connection.session is not None:
                self.sessions.pop(connection.session.id, None)
            connection.send({"op": INVALID_SESSION, "d": resumable})

    def forget_sessions(self) -> None:
        """Drop every session without a word: the next RESUME is refused. Sockets stay, but get no events."""
        self.sessions.clear()

    def refuse_handshakes(self, times: int = 1, *, status: int = 503) -> None:
        """The next sockets are refused before they open."""
        self._refusals.extend([status] * times)

    def refuse_resumes(self, times: int = 1, *, code: int = 4000) -> None:
        """The next sockets that want to resume are closed instead; the sessions stay as they are."""
        self._resumes.extend([("refuse", code)] * times)

    def close_resumed(self, times: int = 1, *, code: int = 4000) -> None:
        """The next sockets that have resumed are closed at once."""
        self._resumes.extend([("close", code)] * times)

    def next_resume(self) -> tuple[str, int]:
        """What befalls this RESUME ("refuse" or "close", with the code), which is used up by it; "" for nothing."""
        return self._resumes.popleft() if self._resumes else ("", 0)

    def refusal(self) -> int | None:
        """The status for this handshake, which is used up by it; None: it may pass."""
        return self._refusals.popleft() if self._refusals else None

    def send_event(self, event: str, data: Json) -> None:
        """Send any event to every session, whatever its intents."""
        for session in self.sessions.values():
            session.intents, intents = ~0, session.intents
            dispatch = session.dispatch(event, data)
            session.intents = intents
            if dispatch is not None:
                self.dispatches.append(dispatch)

    def break_event(self) -> None:
        """A MESSAGE_CREATE without its fields: discord.py's parser raises, and its client ends."""
        self.send_event("MESSAGE_CREATE", {"id": "1"})

    def break_frame(self) -> None:
        """Something that is not JSON."""
        for connection in self.connections:
            connection.send("<html>502 Bad Gateway</html>")

    async def reset_token(self) -> None:
        """Take the token away: no call and no session works any more."""
        self.token.reset()
        self.sessions.clear()
        await self.disconnect(4004)
