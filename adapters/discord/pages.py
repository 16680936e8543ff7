"""Reads what stands in a channel, a hundred messages at a time and never without end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from adapters.discord.api import DiscordApi
from adapters.discord.limits import reads_in
from conversation.errors import Paced

PAGE = 100  # Discord gives no more at once
# Discord's window for reading is not longer; and others read, too.
LONGEST_SECONDS, TRIES = 6.0, 5


async def after(api: DiscordApi, channel: str, message_id: int) -> list[dict[str, Any]]:
    """The first hundred messages after this one, oldest first. Raises DeliveryError."""
    page = await api.ask(reads_in(channel), lambda http: http.logs_from(channel, PAGE, after=message_id))
    return _oldest_first(page)


async def before(api: DiscordApi, channel: str, message_id: int, limit: int, *, spare: int = 0) -> list[dict[str, Any]]:
    """The last `limit` messages before this one, oldest first. `spare` reads of this channel are left to others. Raises
    DeliveryError; for Paced the later pages wait themselves, a few times."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        size, until = min(PAGE, limit - len(found)), int(found[0]["id"]) if found else message_id
        page = _oldest_first(await _page_before(api, channel, until, size, spare, tries=TRIES if found else 1))
        found = [*page, *found]
        if len(page) < size:
            break
    return found


async def one(
    api: DiscordApi, channel: str, message_id: str, *, spare: int = 0, goes_on: bool = False
) -> dict[str, Any]:
    """A single message; what `goes_on` with something that was read before waits for room. Raises DeliveryError."""
    message = await _patiently(
        lambda: api.ask(reads_in(channel), lambda http: http.get_message(channel, message_id), spare=spare),
        TRIES if goes_on else 1,
    )
    return dict(message)


async def _page_before(api: DiscordApi, channel: str, until: int, size: int, spare: int, tries: int) -> Any:
    return await _patiently(
        lambda: api.ask(reads_in(channel), lambda http: http.logs_from(channel, size, before=until), spare=spare), tries
    )


async def _patiently(ask: Callable[[], Awaitable[Any]], tries: int) -> Any:
    """Whoever began anew with the first page whenever the second had no room would take the room for the second with
    it, over and over."""
    for _ in range(tries - 1):
        try:
            return await ask()
        except Paced as paced:
            if (wait := paced.retry_after_seconds or 0.0) > LONGEST_SECONDS:
                raise
            await asyncio.sleep(wait)
    return await ask()


def _oldest_first(page: Any) -> list[dict[str, Any]]:
    return sorted(page, key=lambda message: int(message["id"]))
