"""How tests run one check, and pick what it found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from bot.doctor.findings import Finding, State
from bot.settings import Settings, load_settings

Look = Callable[[Settings], AsyncGenerator[Finding]]


async def look(check: Look, **settings: object) -> list[Finding]:
    """Everything that a check finds with these settings."""
    return [finding async for finding in check(load_settings(**settings))]


def named(findings: Sequence[Finding], name: str) -> Finding:
    """The only finding of this name."""
    found = [finding for finding in findings if finding.name == name]
    assert len(found) == 1, f"{name} is not once among {findings}"
    return found[0]


def troubled(findings: Sequence[Finding]) -> list[str]:
    """The names of those that are not well."""
    return [finding.name for finding in findings if finding.state in {State.FAILED, State.WARNING}]


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """Host and port of a server that takes connections, reads, and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(4096):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def page(
    status: int, body: bytes = b"<html><body>hello</body></html>", *headers: str, kind: str = "text/html"
) -> bytes:
    """An HTTP answer, for `tests.servers.raw`."""
    lines = [
        f"HTTP/1.1 {status} x",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


NOBODY = "127.0.0.1:1"  # nothing listens on port 1
