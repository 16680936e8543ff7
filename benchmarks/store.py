"""An empty store for one measurement, and what the measurements put into it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conversation.model import InboundMessage, ThreadId
from storage.embedded import EmbeddedValkey

LANE = "terminal"
# The median question of benchmarks.threads has about so many characters.
QUESTION = "why does this list of files come back in another order when the server reads the path a second time? " * 2


@asynccontextmanager
async def fresh_store() -> AsyncIterator[str]:
    """The address of an embedded Valkey with nothing in it, durable as in production (every write is on disk before
    it is answered); gone at the end."""
    with tempfile.TemporaryDirectory() as directory:
        server = EmbeddedValkey(directory)
        url = await asyncio.to_thread(server.start)
        try:
            yield url
        finally:
            await asyncio.to_thread(server.stop)


def question(number: int, *, thread: str) -> InboundMessage:
    """A question that joins no other: each has an author of its own."""
    return InboundMessage(
        address=ThreadId(LANE, "team", "channel", thread),
        message_id=f"m{number}",
        author_id=f"u{number}",
        author_name="Ada",
        text=QUESTION,
        sent_at=time.time(),
    )
