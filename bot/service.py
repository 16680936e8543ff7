"""`python -m bot run`: listeners and a worker, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack

from adapters.terminal.replies import TerminalReplies
from bot.exits import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from bot.health import Check, serve_health
from bot.roles import Role
from bot.settings import Settings
from bot.wiring import build_worker, open_house, working
from conversation.ports import ReplySink

log = logging.getLogger(__name__)


_NO_PLATFORM = """\
No platform to listen to. Set, in the environment or in .env:
  Slack:   SLACK_BOT_TOKEN and SLACK_APP_TOKEN (Socket Mode), or SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET (HTTP)
  Discord: DISCORD_TOKEN
To talk to it here: python -m bot chat. To answer what terminals ask: python -m bot run --role worker."""

_NOT_YET = "This version has no {platform} listener yet: unset {variable}, or run with --role worker."


def refusal(settings: Settings, role: Role) -> str | None:
    """Why `run` cannot begin, in words for the operator; None when it can."""
    if role is Role.WORKER:
        return None
    if settings.slack_bot_token is not None:
        return _NOT_YET.format(platform="Slack", variable="SLACK_BOT_TOKEN")
    if settings.discord_token is not None:
        return _NOT_YET.format(platform="Discord", variable="DISCORD_TOKEN")
    return _NO_PLATFORM


async def serve(settings: Settings, role: Role) -> int:
    """Run until SIGTERM or SIGINT, then take nothing more, drain, and hand over what is left. Gives the exit code."""
    if (reason := refusal(settings, role)) is not None:
        sys.stderr.write(reason + "\n")
        return EXIT_USAGE
    ending = asyncio.Event()
    failed = asyncio.Event()

    def on_failure() -> None:
        failed.set()
        ending.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(settings))
        house.model.begin()
        sinks: dict[str, ReplySink] = {"terminal": TerminalReplies(house.screen)}
        checks = {"store": Check(house.redis.ping), "model": Check(house.model.ready, vital=False)}
        try:
            port = await stack.enter_async_context(serve_health(settings.http_host, settings.http_port, checks))
        except OSError as error:
            sys.stderr.write(
                f"HTTP_PORT: cannot listen on {settings.http_host}:{settings.http_port}: {error.strerror}. "
                "Set another, or 0 for a free one.\n"
            )
            return EXIT_USAGE
        await stack.enter_async_context(working(build_worker(house, sinks, settings.drain_seconds), on_failure))
        log.info("ready: answering %s, health on http://%s:%d/readyz", ", ".join(sinks), settings.http_host, port)
        await ending.wait()
        log.info("ending: no new questions, running answers have %s s", settings.drain_seconds)
    return EXIT_FAILED if failed.is_set() else EXIT_OK
