"""The start of a listener: it waits a moment for its platform, and goes on without one that is away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)

Refused = TypeVar("Refused", bound=Exception)


async def until_connected(
    platform: str,
    contact: asyncio.Task[None],
    contacted: asyncio.Event,
    seconds: float,
    refused: type[Refused],
    on_refused: Callable[[Refused], object],
) -> None:
    """Return when `contacted` is set, or `seconds` have passed: `contact` goes on then. Raises what ends `contact`
    before; what ends it later is logged, and told to `on_refused` when it is the platform's refusal."""

    def report(ended: asyncio.Task[None]) -> None:
        if ended.cancelled() or (error := ended.exception()) is None:
            return
        is_refusal = isinstance(error, refused)
        log.error("listening to %s ended: %s", platform, error, exc_info=None if is_refusal else error)
        if isinstance(error, refused):
            on_refused(error)

    waiting = asyncio.create_task(contacted.wait(), name=f"connecting to {platform}")
    try:
        await asyncio.wait({contact, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if contact.done():
        contact.result()
    elif not contacted.is_set():
        log.warning("%s does not answer yet; it is asked again and again", platform)
    contact.add_done_callback(report)
