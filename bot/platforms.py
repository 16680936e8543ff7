"""What a platform brings to a process: a way to write, and, where this process listens, a way to hear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from adapters.terminal.replies import TerminalReplies
from bot.health import Check
from bot.roles import Role
from bot.settings import Settings
from bot.wiring import House
from conversation.ports import History, ReplySink


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform, wired."""

    name: str
    sink: ReplySink
    history: History | None = None
    listening: Callable[[], AbstractAsyncContextManager[None]] | None = None  # inside, it hears what people write
    routes: Sequence[web.RouteDef] = ()  # what the platform calls
    check: Check | None = None


NO_PLATFORM = """\
No platform to listen to. Set, in the environment or in .env:
  Slack:   SLACK_BOT_TOKEN and SLACK_APP_TOKEN (Socket Mode), or SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET (HTTP)
  Discord: DISCORD_TOKEN
To talk to it here: python -m bot chat. To answer what terminals ask: python -m bot run --role worker."""

_HALF_SLACK = """\
SLACK_BOT_TOKEN is set, but no way to hear Slack. Set SLACK_APP_TOKEN (Socket Mode: nothing of yours has to be reachable
from outside), or SLACK_SIGNING_SECRET (Slack then calls https://YOUR-HOST/slack/events)."""
_LONELY = "SLACK_APP_TOKEN and SLACK_SIGNING_SECRET need SLACK_BOT_TOKEN beside them."


def refusal(settings: Settings, role: Role) -> str | None:
    """Why `run` cannot begin, in words for the operator; None when it can."""
    if role is Role.WORKER:
        return None
    hears_slack = settings.slack_app_token is not None or settings.slack_signing_secret is not None
    writes_slack = settings.slack_bot_token is not None
    if hears_slack != writes_slack:
        return _HALF_SLACK if writes_slack else _LONELY
    return None if hears_slack or settings.discord_token is not None else NO_PLATFORM


@asynccontextmanager
async def open_platforms(
    settings: Settings, house: House, role: Role, on_refused: Callable[[], object]
) -> AsyncIterator[tuple[Platform, ...]]:
    """The platforms that have tokens, and the terminal; their connections are closed at the end. `on_refused` is called
    when one of them takes our tokens no more."""
    platforms = [Platform("terminal", TerminalReplies(house.screen))]
    async with AsyncExitStack() as stack:
        if settings.slack_bot_token is not None:
            from bot.slack import open_slack

            platforms.append(await stack.enter_async_context(open_slack(settings, house, role, on_refused)))
        if settings.discord_token is not None:
            from bot.discord import open_discord

            platforms.append(await stack.enter_async_context(open_discord(settings, house, role, on_refused)))
        yield tuple(platforms)
