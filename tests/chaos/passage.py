"""A way to the store that can be closed: what is sent then neither arrives nor is refused, as behind a dead router."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote, urlsplit

CHUNK_BYTES = 65_536


class Passage:
    """A port of 127.0.0.1 in front of a server behind a unix socket. Made by `open_passage`.

    Closed, it still takes connections and the first bytes of each, as the kernel of a machine in the way does. What it
    had taken goes on when it is opened again, also for clients that have given up meanwhile: TCP delivers late, too.
    """

    def __init__(self, upstream_path: str) -> None:
        self.url = ""
        self.held = 0  # pieces that wait for it to be opened
        self._upstream_path = upstream_path
        self._free = asyncio.Event()
        self._free.set()
        self._pumps: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._free.is_set()

    def close(self) -> None:
        """Nothing passes any more, in either direction."""
        self._free.clear()

    def open(self) -> None:
        """Go on, with what was held."""
        self._free.set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected."""
        # In a task of our own: asyncio's, in Python 3.11, complains of being cancelled.
        task = asyncio.create_task(self._serve(reader, writer))
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._free.wait()
            upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._upstream_path)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, upstream_writer))
                pumps.create_task(self._pump(upstream_reader, writer))
        except (OSError, ExceptionGroup):  # the server is down: its clients' connections are closed
            pass
        finally:
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                self.held += 1
                await self._free.wait()
                self.held -= 1
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def end(self) -> None:
        """Break every connection."""
        for task in tuple(self._pumps):
            task.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)


@asynccontextmanager
async def open_passage(upstream_url: str) -> AsyncIterator[Passage]:
    """A passage to the server at `unix://...`, open at first; its own address is `url` (redis://)."""
    passage = Passage(unquote(urlsplit(upstream_url).path))
    server = await asyncio.start_server(passage.accept, "127.0.0.1", 0)
    passage.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    try:
        yield passage
    finally:
        server.close()
        await passage.end()
