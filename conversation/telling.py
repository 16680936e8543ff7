"""Telling a person a sentence beside an answer: best effort, and bounded."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from conversation.errors import CorralError, Paced

log = logging.getLogger(__name__)

QUOTED_CHARACTERS = 300
RETRY_SECONDS, TELL_SECONDS = 1.0, 30.0


async def tell(say: Callable[[], Awaitable[object]]) -> None:
    """Call `say`, which must be safe to repeat: it waits for room within the platform's limits, and is tried twice.
    After half a minute it is given up, with a log line. Raises nothing of CorralError's."""
    try:
        async with asyncio.timeout(TELL_SECONDS):
            try:
                await _patiently(say)
            except CorralError as error:
                log.warning("a person could not be told, yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                await _patiently(say)
    except (CorralError, TimeoutError) as error:
        log.warning("a person could not be told: %r", error)


def quoted(text: str) -> str:
    """A text as a quote, in Markdown and in Slack's mrkdwn."""
    return "\n".join(f"> {line}" for line in text.splitlines())


async def _patiently(say: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await say()
        except Paced as paced:
            await asyncio.sleep(paced.retry_after_seconds or RETRY_SECONDS)
        else:
            return
