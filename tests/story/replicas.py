"""The program at work within the test's own process, wired as `python -m bot run` wires it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from bot.health import Check, serve_health
from bot.platforms import open_platforms
from bot.roles import Role
from bot.settings import load_settings
from bot.wiring import build_worker, open_house, working
from conversation.observing import UNOBSERVED, Observer


@asynccontextmanager
async def replica(
    settings: Mapping[str, object], role: Role = Role.ALL, observer: Observer = UNOBSERVED
) -> AsyncIterator[str]:
    """As `bot.service.serve` starts and ends it, without signals: those are the process's. Gives the address of its
    health page, and of what platforms call. Nothing of it may die meanwhile."""
    asked = load_settings(**settings)
    failures: list[str] = []
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(open_house(asked, observer))
        platforms = await stack.enter_async_context(
            open_platforms(asked, house, role, lambda: failures.append("a platform refused us"))
        )
        checks = {"store": Check(house.redis.ping)}
        checks |= {platform.name: platform.check for platform in platforms if platform.check is not None}
        routes = [route for platform in platforms for route in platform.routes]
        port = await stack.enter_async_context(serve_health("127.0.0.1", 0, checks, routes))
        if role is not Role.LISTENER:
            house.model.begin()
            sinks = {platform.name: platform.sink for platform in platforms}
            histories = {platform.name: platform.history for platform in platforms if platform.history is not None}
            worker = build_worker(house, sinks, asked.drain_seconds, histories=histories)
            await stack.enter_async_context(working(worker, lambda: failures.append("the worker died")))
        for platform in platforms:
            if platform.listening is not None:
                await stack.enter_async_context(platform.listening())
        yield f"http://127.0.0.1:{port}"
    assert not failures
