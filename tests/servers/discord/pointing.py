"""Pointing an unmodified discord.py at a local Discord: three class attributes, and no behaviour of it is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yarl
from discord.asset import Asset
from discord.gateway import DiscordWebSocket
from discord.http import Route


def point_discord_at(url: str) -> None:
    """From now on every client of this process talks to the Discord at `url` (http://127.0.0.1:PORT).

    Route.BASE is the REST API's address, also of interactions and webhooks. A client's first socket and those after an
    INVALID_SESSION go to DEFAULT_GATEWAY; a sharded one asks GET /gateway/bot first, a RESUME uses the address from
    READY. Attachments carry their own addresses; avatars and icons are made from Asset.BASE.
    """
    Route.BASE = f"{url}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace("http", "ws", 1) + "/gateway/")
    Asset.BASE = f"{url}/cdn"


@contextmanager
def pointed_at(url: str) -> Iterator[None]:
    """`point_discord_at`, and back again at the end."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE
    point_discord_at(url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY, Asset.BASE = before
