"""A local Discord for tests and benchmarks: gateway, REST API v10, interactions, files, and the people who use it.

`async with DiscordServer() as discord` in a test, or `python -m tests.servers.discord --port 0` as a process of its
own. Behaviour is that of discord.com/developers/docs as of 2026, API version 10; where it is observed or assumed
instead, the place says so. `pointing` points an unmodified discord.py at it.
"""

from __future__ import annotations

from tests.servers.discord.cast import (
    ALICE,
    BOB,
    BOT_ROLE,
    BOT_USER,
    ELSEWHERE,
    FORUM,
    GENERAL,
    GUILD,
    HELPERS,
    OTHER_BOT,
    OTHER_GENERAL,
    OTHER_GUILD,
    PEOPLE,
    PRIVATE,
    PUBLIC,
    RANDOM,
    dm_of,
)
from tests.servers.discord.messages import Message
from tests.servers.discord.pointing import point_discord_at, pointed_at
from tests.servers.discord.server import DiscordServer

__all__ = [
    "ALICE",
    "BOB",
    "BOT_ROLE",
    "BOT_USER",
    "ELSEWHERE",
    "FORUM",
    "GENERAL",
    "GUILD",
    "HELPERS",
    "OTHER_BOT",
    "OTHER_GENERAL",
    "OTHER_GUILD",
    "PEOPLE",
    "PRIVATE",
    "PUBLIC",
    "RANDOM",
    "DiscordServer",
    "Message",
    "dm_of",
    "point_discord_at",
    "pointed_at",
]
