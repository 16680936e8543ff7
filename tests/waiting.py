"""Waiting for something to become true, and saying what it was when it does not."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

DEADLINE_SECONDS = 15.0


async def until(
    what: str, condition: Callable[[], bool | Awaitable[bool]], *, deadline_seconds: float = DEADLINE_SECONDS
) -> None:
    """Return as soon as `condition` holds; AssertionError naming `what` when it never does."""
    end = time.monotonic() + deadline_seconds
    while True:
        holds = condition()
        if await holds if inspect.isawaitable(holds) else holds:
            return
        assert time.monotonic() < end, f"never happened: {what}"
        await asyncio.sleep(0.01)
