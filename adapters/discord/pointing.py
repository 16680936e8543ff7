"""Where discord.py finds Discord, which it keeps in its classes and not in its clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route


@contextmanager
def pointed_at(url: str) -> Iterator[None]:
    """While this lasts, all clients of this process talk to the Discord at `url`, like http://127.0.0.1:8100: its REST
    API is below /api/v10, its gateway at /gateway/."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = f"{url}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url.replace("http", "ws", 1) + "/gateway/")
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
