"""discord.py as we use it: its REST calls, its interactions, its gateway's frames; and nothing of its cache."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import discord
from discord.http import Route

from adapters.discord.counting import counted
from adapters.discord.decoding import read_leniently
from adapters.proxies import proxy_for
from conversation.observing import UNOBSERVED, Observer

log = logging.getLogger(__name__)

# Below INFO discord.py logs what people wrote, and the tokens of interactions. A quieter program stays quiet.
logging.getLogger("discord").setLevel(max(logging.INFO, logging.getLogger().level))
# It warns at every start that voice is not installed, which nobody here needs.
discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
read_leniently()

Parser = Callable[[Any], object]
INTERACTION = "INTERACTION_CREATE"


def intents() -> discord.Intents:
    """The kinds of events that we need: guilds (channels and threads), messages, and what is written in them."""
    needed = discord.Intents.none()
    needed.guilds = needed.guild_messages = needed.dm_messages = needed.message_content = True
    return needed


class CorralClient(discord.Client):
    """Connect it with `Gateway`, not with `connect` or `run`: its own loop ends for good at the first event that it
    cannot read, and knows nothing of a session that another process began. A connection on which nothing comes for
    `silence_seconds` is taken for broken. To be made while the loop runs."""

    def __init__(self, *, silence_seconds: float = 60.0, observer: Observer = UNOBSERVED) -> None:
        super().__init__(
            intents=intents(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            heartbeat_timeout=silence_seconds,
            allowed_mentions=discord.AllowedMentions.none(),
            # aiohttp's own context is as old as its import, and may not know the operator's SSL_CERT_FILE.
            connector=aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context()),
            proxy=proxy_for(Route.BASE),
            http_trace=counted(observer),
        )

    def parse_with(self, parsers: Mapping[str, Parser]) -> None:
        """Hand these events over. Interactions are handed over first and then seen to by discord.py; all others are let
        go: what it would keep of guilds is much, and incomplete after a RESUME."""
        mine = {name: _safely(name, parser) for name, parser in parsers.items()}
        tell = mine.get(INTERACTION, lambda _: None)
        see_to = _safely(INTERACTION, self._connection.parsers[INTERACTION])

        def interactions(data: Any) -> None:
            tell(data)
            see_to(data)

        self._connection.parsers.clear()
        self._connection.parsers.update({**mine, INTERACTION: interactions})


def _safely(event: str, parser: Parser) -> Callable[[Any], None]:
    def parse(data: Any) -> None:
        try:
            parser(data)
        except Exception:  # it would come again with each RESUME, and keep us from all that follows
            log.exception("an event of Discord's could not be seen to: %s", event)

    return parse
