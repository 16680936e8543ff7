"""The gateway (discord.com/developers/docs/events/gateway): sockets, sessions, IDENTIFY and RESUME."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from aiohttp import WSMsgType, web

from tests.servers.discord.cast import Json
from tests.servers.discord.connection import (
    ACK,
    HEARTBEAT,
    HELLO,
    IDENTIFY,
    REQUEST_MEMBERS,
    RESUME,
    Connection,
)
from tests.servers.discord.handshakes import Handshakes
from tests.servers.discord.payloads import member_payload
from tests.servers.discord.sessions import Dispatch

# A client that closes with 1000 or 1001, and some of the server's own codes, end the session for good.
ENDING_CODES = {1000, 1001, 4003, 4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014}


class Gateway(Handshakes):
    """Serves sockets, and sends each event to every session that wants it."""

    def announce(self, event: str, data: Json, guild: str | None) -> None:
        """Send an event to the sessions that it is for; one that nobody is there to get is kept as lost."""
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
            await self.identify(connection, told)
        elif op == RESUME:
            await self.resume(connection, told)
        elif connection.session is None:
            await connection.close(4003, "Not authenticated.")
        elif op == REQUEST_MEMBERS:
            self._members(connection, told)
        elif op not in {3, 4}:
            await connection.close(4001, "Unknown opcode.")

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
        self.dispatch(connection.session, "GUILD_MEMBERS_CHUNK", chunk | {"nonce": told.get("nonce")})

    def _left(self, connection: Connection) -> None:
        self.connections.remove(connection)
        session = connection.session
        if session is None or session.send != connection.send:
            return  # it went on in another socket
        session.send, session.left_at = None, time.monotonic()
        if connection.close_code in ENDING_CODES:
            self.sessions.pop(session.id, None)
