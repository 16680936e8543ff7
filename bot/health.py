"""`/livez` and `/readyz`, for whoever restarts this process or sends it traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

CHECK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that this process needs. One that is not `vital` leaves it ready, but degraded: questions are taken
    and wait."""

    probe: Callable[[], Awaitable[object]]
    vital: bool = True


@asynccontextmanager
async def serve_health(
    host: str, port: int, checks: Mapping[str, Check], routes: Sequence[web.RouteDef] = ()
) -> AsyncIterator[int]:
    """Serve both pages, and the routes that platforms call, for as long as the context lasts; gives the port. OSError
    when it is taken."""

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})  # the loop turned, or this would not be answered

    async def readyz(_: web.Request) -> web.Response:
        states = dict(zip(checks, await asyncio.gather(*map(_state, checks.values())), strict=True))
        is_ready = all(state == "ok" or not checks[name].vital for name, state in states.items())
        status = "ready" if all(state == "ok" for state in states.values()) else "degraded" if is_ready else "not ready"
        return web.json_response({"status": status, "checks": states}, status=200 if is_ready else 503)

    app = web.Application()
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), *routes])
    async with serving(app, host, port) as found:
        yield found


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve `app` for as long as the context lasts; gives the port. OSError when it is taken."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check.probe()
    except Exception as error:  # whatever it is, it is what the page is asked for
        return str(error) or type(error).__name__
    return "ok"
