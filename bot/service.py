"""`python -m bot run`: listeners and a worker, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import AsyncExitStack
from functools import partial

from bot.exits import EXIT_FAILED, EXIT_OK, EXIT_USAGE
from bot.health import Check, serve_health
from bot.metrics import Metrics, serve_metrics
from bot.platforms import open_platforms, refusal
from bot.roles import Role
from bot.settings import Settings
from bot.wiring import build_worker, open_house, working
from storage.gauges import read_gauges

log = logging.getLogger(__name__)


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
        metrics = Metrics()
        house = await stack.enter_async_context(open_house(settings, metrics))
        platforms = await stack.enter_async_context(open_platforms(settings, house, role, on_failure))
        checks = {"store": Check(house.redis.ping)}
        checks |= {platform.name: platform.check for platform in platforms if platform.check is not None}
        if role is not Role.LISTENER:
            house.model.begin()
            checks["model"] = Check(house.model.check, vital=False)
            if house.infiller is not None:
                checks["infill model"] = Check(house.infiller.check, vital=False)
        routes = [route for platform in platforms for route in platform.routes]
        try:
            port = await stack.enter_async_context(serve_health(settings.http_host, settings.http_port, checks, routes))
        except OSError as error:
            return _cannot_listen("HTTP_PORT", settings.http_host, settings.http_port, error)
        read = partial(read_gauges, house.redis, house.keys)
        try:
            metrics_port = await stack.enter_async_context(
                serve_metrics(settings.metrics_host, settings.metrics_port, metrics, read)
            )
        except OSError as error:
            return _cannot_listen("METRICS_PORT", settings.metrics_host, settings.metrics_port, error)
        if role is not Role.LISTENER:
            sinks = {platform.name: platform.sink for platform in platforms}
            histories = {platform.name: platform.history for platform in platforms if platform.history is not None}
            worker = build_worker(house, sinks, settings.drain_seconds, histories=histories)
            await stack.enter_async_context(working(worker, on_failure))
        for platform in platforms:  # last in, first out: nothing new is heard while the worker drains
            if platform.listening is not None:
                await stack.enter_async_context(platform.listening())
        names = ", ".join(platform.name for platform in platforms)
        log.info(
            "ready: %s, health on http://%s:%d/readyz, metrics on http://%s:%d/metrics",
            names,
            settings.http_host,
            port,
            settings.metrics_host,
            metrics_port,
        )
        await ending.wait()
        log.info("ending: no new questions, running answers have %s s", settings.drain_seconds)
    return EXIT_FAILED if failed.is_set() else EXIT_OK


def _cannot_listen(setting: str, host: str, port: int, error: OSError) -> int:
    sys.stderr.write(
        f"{setting}: cannot listen on {host}:{port}: {error.strerror}. Set another, or 0 for a free one.\n"
    )
    return EXIT_USAGE
