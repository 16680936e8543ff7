"""A server that sends exactly the bytes it was given, for what no HTTP library would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
"""The head of a stream that ends with its connection."""


# The loop's turns that a client needs to see bytes, to hand them to its reader, and to have them taken: fewer, and
# neighbouring parts melt together.
LOOP_TURNS = 4


class RawServer:
    """Answers each request with `parts`, one after the other: a client on the same event loop reads between two of
    them. Then it ends the connection, or with `hold` waits until the client does.

    `left` is set when a client has closed its connection, `sent` counts the bytes of the parts, `heads` holds the
    requests' first lines and headers.
    """

    def __init__(self, parts: Sequence[bytes], *, hold: bool = False) -> None:
        self.parts = parts
        self.hold = hold
        self.left = asyncio.Event()
        self.sent = 0
        self.heads: list[str] = []
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection with one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head.decode())
            await reader.readexactly(_length(head))
            for part in self.parts:
                writer.write(part)
                await writer.drain()
                self.sent += len(part)
                for _ in range(LOOP_TURNS):
                    await asyncio.sleep(0)
            if self.hold and not await reader.read():
                self.left.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def serving(parts: Sequence[bytes], *, hold: bool = False) -> AsyncIterator[RawServer]:
    """A RawServer on a random port of 127.0.0.1."""
    server = RawServer(parts, hold=hold)
    listener = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    yield server
    listener.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
