"""Reads what stands in a channel, a hundred messages at a time and never without end."""

from __future__ import annotations

from typing import Any

from adapters.discord.api import DiscordApi
from adapters.discord.limits import reads_in

PAGE = 100  # Discord gives no more at once


async def after(api: DiscordApi, channel: str, message_id: int) -> list[dict[str, Any]]:
    """The first hundred messages after this one, oldest first. Raises DeliveryError."""
    page = await api.ask(reads_in(channel), lambda http: http.logs_from(channel, PAGE, after=message_id))
    return _oldest_first(page)


async def before(api: DiscordApi, channel: str, message_id: int, limit: int, *, spare: int = 0) -> list[dict[str, Any]]:
    """The last `limit` messages before this one, oldest first. `spare` reads of this channel are left to others."""
    found: list[dict[str, Any]] = []
    while len(found) < limit:
        size, until = min(PAGE, limit - len(found)), int(found[0]["id"]) if found else message_id
        page = _oldest_first(await _page_before(api, channel, until, size, spare))
        found = [*page, *found]
        if len(page) < size:
            break
    return found


async def one(api: DiscordApi, channel: str, message_id: str, *, spare: int = 0) -> dict[str, Any]:
    """A single message. Raises DeliveryError."""
    message = await api.ask(reads_in(channel), lambda http: http.get_message(channel, message_id), spare=spare)
    return dict(message)


async def _page_before(api: DiscordApi, channel: str, until: int, size: int, spare: int) -> Any:
    return await api.ask(reads_in(channel), lambda http: http.logs_from(channel, size, before=until), spare=spare)


def _oldest_first(page: Any) -> list[dict[str, Any]]:
    return sorted(page, key=lambda message: int(message["id"]))
