"""Sends calls of scripts to the server: what is called while others are on their way goes together, in one write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import cast
from weakref import WeakKeyDictionary

from hiredis import pack_command
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import NoScriptError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

Argument = str | bytes | int | float

# With more in one write the last would wait too long for its reply.
AT_ONCE = 8
# While the server works on what one brought, the other takes what has been called since: neither side waits for the
# other.
LINES = 2
# What brought replies just now is still connected; for one that is not, the call is repeated.
SURE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class ScriptText:
    """A script as its server knows it."""

    text: bytes
    sha: str

    @classmethod
    def of(cls, text: str) -> ScriptText:
        return cls(text.encode(), sha1(text.encode(), usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class _Call:
    script: ScriptText
    arguments: Sequence[Argument]
    command: bytes


class ScriptCalls:
    """The calls of one client. They share LINES of its connections, and its way to repeat what got no reply."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._idle = [_Line(pool) for _ in range(LINES)]
        self._waiting: list[tuple[_Call, asyncio.Future[object]]] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def call(self, script: ScriptText, *arguments: Argument) -> object:
        """The script's reply to `arguments`: the number of keys, the keys, ARGV. Who is cancelled leaves at once; the
        call may still reach the server."""
        call = _Call(script, arguments, _packed("EVALSHA", script.sha, *arguments))
        if len(self._idle) == LINES:
            reply = await self._ask_alone(call)
            if isinstance(reply, Exception):
                raise reply
            return reply
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting.append((call, future))
        self._begin()
        return await future

    async def _ask_alone(self, call: _Call) -> object:
        """Nobody else calls: without the turns of the event loop that a task of its own would take."""
        line = self._idle.pop()
        try:
            (reply,) = await _ask(line, [call])
        finally:
            self._idle.append(line)
            self._begin()  # what was called meanwhile
        return reply

    def _begin(self) -> None:
        if self._waiting and self._idle:
            # A task of its own: the caller who happens to be the first may be cancelled, and the others not.
            task = asyncio.create_task(self._send(self._idle.pop()), name="call scripts")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, line: _Line) -> None:
        calls: list[tuple[_Call, asyncio.Future[object]]] = []
        try:
            while self._waiting:
                calls = [(call, future) for call, future in self._waiting[:AT_ONCE] if not future.done()]
                del self._waiting[:AT_ONCE]
                try:
                    replies = await _ask(line, [call for call, _ in calls])
                except Exception as error:
                    replies = [error] * len(calls)
                for (_, future), reply in zip(calls, replies, strict=True):
                    if future.done():
                        continue
                    if isinstance(reply, Exception):
                        future.set_exception(reply)
                    else:
                        future.set_result(reply)
        finally:
            self._idle.append(line)
            for _, future in (*calls, *self._waiting):
                future.cancel()  # of those that have none: this task was cancelled, and with it the program
            self._waiting.clear()


class _Line:
    """One connection, for one exchange at a time."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._connection: AbstractConnection | None = None
        self._seconds: float | None = None  # the connection's own time limit
        self._used = 0.0  # when it last brought replies, on the monotonic clock

    async def exchange(self, commands: Sequence[bytes]) -> list[object]:
        """One reply for each command, in their order; a ResponseError where the server refused."""
        connection = self._connection or await self._connect()

        async def send_and_read() -> list[object]:
            replies: list[object] = []
            try:
                async with asyncio.timeout(self._seconds):
                    # Connects, when the server has closed it meanwhile: a client that repeats nothing would only fail.
                    # It reads to find that out, which takes as long as a small script.
                    is_sure = connection.is_connected and time.monotonic() - self._used < SURE_SECONDS
                    if not (is_sure and connection.retry.get_retries()):
                        await self._pool.ensure_connection(connection)
                    await connection.send_packed_command(b"".join(commands))
                    for _ in commands:
                        try:
                            replies.append(await connection.read_response())
                        except ResponseError as refusal:
                            replies.append(refusal)
            except TimeoutError as error:
                raise RedisTimeoutError(f"no reply within {self._seconds} seconds") from error
            self._used = time.monotonic()
            return replies

        async def start_anew(_: Exception) -> None:
            await connection.disconnect()

        try:
            return await connection.retry.call_with_retry(send_and_read, start_anew)
        except BaseException:
            await connection.disconnect(nowait=True)  # a reply that is still to come is not for the next command
            raise

    async def _connect(self) -> AbstractConnection:
        connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
        self._connection = connection
        # One limit for the whole exchange: redis-py's own, for each write and each reply, costs more than the reply.
        self._seconds, connection.socket_timeout = connection.socket_timeout, None
        return connection


async def _ask(line: _Line, calls: Sequence[_Call]) -> list[object]:
    replies = await line.exchange([call.command for call in calls])
    unknown = [place for place, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:  # by a server that has only just started
        texts = [_packed("EVAL", calls[place].script.text, *calls[place].arguments) for place in unknown]
        for place, reply in zip(unknown, await line.exchange(texts), strict=True):
            replies[place] = reply
    return replies


_calls: WeakKeyDictionary[Redis, ScriptCalls] = WeakKeyDictionary()


def script_calls(redis: Redis) -> ScriptCalls:
    """The client's one ScriptCalls."""
    if (calls := _calls.get(redis)) is None:
        calls = _calls[redis] = ScriptCalls(redis.connection_pool)
    return calls


def _packed(*words: Argument) -> bytes:
    # Not redis-py's own packing, which takes five times as long.
    return cast("bytes", pack_command(words))  # type: ignore[arg-type]  # its stub means one word
