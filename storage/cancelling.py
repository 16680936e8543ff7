"""Connections that are left when their task is cancelled.

redis-py sends each command inside `asyncio.wait_for`. On Python 3.11 that forgets a cancellation which arrives while
the send completes (CPython issue 86296, mended in 3.12): of tasks cancelled while they used the store, a third went on
as if nothing had been asked, and so a stopped answer would be written to its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from redis.asyncio.connection import AbstractConnection


class _Cancellable(AbstractConnection):
    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        task = asyncio.current_task()
        asked_before = task.cancelling() if task else 0
        await super().send_packed_command(command, check_health)
        if task and task.cancelling() > asked_before:
            # The reply is still to come: the next command on this connection would take it for its own.
            await self.disconnect(nowait=True)
            raise asyncio.CancelledError

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        # Never with a PING before the greeting: where a server wants a password and is given none, redis-py 8.1 does
        # not come back from the refusal of that, and the program would neither start nor say why.
        await super().on_connect_check_health(check_health=False)


def cancellable(connection: type[AbstractConnection]) -> type[AbstractConnection]:
    """The same kind of connection, whose commands end when their task is cancelled."""
    return type(f"Cancellable{connection.__name__}", (_Cancellable, connection), {})
