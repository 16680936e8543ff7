"""Slack waits three seconds for an acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conversation.errors import StoreUnavailable

# It calls back at once when there is none.
STORE_SECONDS = 2.5


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Raises StoreUnavailable before Slack gives up. What is stored all the same is recognised when it comes again."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            yield
    except TimeoutError as exc:
        raise StoreUnavailable(f"the store took longer than {STORE_SECONDS} s") from exc
