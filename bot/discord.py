"""Discord, wired: the bot's token is all that it needs, for what writes and for what listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.discord.api import DiscordApi
from adapters.discord.attachments import CDN
from adapters.discord.history import DiscordHistory
from adapters.discord.identity import DiscordAccess
from adapters.discord.listener import DiscordListener
from adapters.discord.pointing import pointed_at
from adapters.discord.replies import DiscordReplies
from bot.health import Check
from bot.platforms import Platform
from bot.roles import Role
from bot.settings import Settings
from bot.wiring import House
from storage.gateways import RedisGateways


def discord_access(settings: Settings) -> DiscordAccess:
    """The token and the channels as the adapter wants them. AssertionError without a token."""
    assert settings.discord_token is not None
    return DiscordAccess(
        token=settings.discord_token.get_secret_value(),
        help_channels=frozenset(settings.discord_help_channels),
        direct=settings.discord_direct_messages,
    )


@asynccontextmanager
async def open_discord(
    settings: Settings, house: House, role: Role, on_refused: Callable[[], object]
) -> AsyncIterator[Platform]:
    """Discord for as long as the context lasts. `on_refused` is called when Discord takes our token no more."""
    access, elsewhere = discord_access(settings), (settings.discord_api_url or "").rstrip("/")
    async with AsyncExitStack() as stack:
        if elsewhere:
            stack.enter_context(pointed_at(elsewhere))
        api = await stack.enter_async_context(
            DiscordApi(access.token, house.rates, on_refused=lambda _: on_refused(), observer=house.observer)
        )
        replies = DiscordReplies(api)
        stack.push_async_callback(replies.aclose)
        history = DiscordHistory(api)
        if role is Role.WORKER:
            yield Platform("discord", replies, history)
            return
        listener = DiscordListener(
            access,
            house.reception,
            RedisGateways(house.redis, house.keys),
            api,
            house.preference_desk,
            on_refused=lambda _: on_refused(),
            origins=(elsewhere,) if elsewhere else CDN,
        )

        @asynccontextmanager
        async def listening() -> AsyncIterator[None]:
            async with listener:
                yield

        yield Platform("discord", replies, history, listening=listening, check=Check(listener.ready))
