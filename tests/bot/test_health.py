"""The pages for whoever restarts this process or sends it traffic."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from bot import health
from bot.health import Check, serve_health
from conversation.errors import ModelUnavailable, StoreUnavailable


async def well() -> None:
    """Nothing is wrong."""


async def no_store() -> None:
    raise StoreUnavailable("the store does not answer")


async def no_model() -> None:
    raise ModelUnavailable("cannot reach it")


async def silence() -> None:
    await asyncio.Event().wait()


async def page(name: str, checks: dict[str, Check]) -> tuple[int, Any]:
    """Status and body of one page."""
    async with (
        serve_health("127.0.0.1", 0, checks) as port,
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/{name}") as response,
    ):
        return response.status, await response.json()


async def test_all_that_is_needed_is_there() -> None:
    """Ready, each by its name."""
    checks = {"store": Check(well), "slack": Check(well), "model": Check(well, vital=False)}
    told = {"status": "ready", "checks": {"store": "ok", "slack": "ok", "model": "ok"}}
    assert await page("readyz", checks) == (200, told)


async def test_without_the_model_it_is_ready_but_degraded() -> None:
    """Questions are taken and wait."""
    status, body = await page("readyz", {"store": Check(well), "model": Check(no_model, vital=False)})
    assert (status, body["status"], body["checks"]["model"]) == (200, "degraded", "cannot reach it")


@pytest.mark.parametrize("what", ["store", "slack", "discord"])
async def test_without_the_store_or_a_platform_it_is_not_ready(what: str) -> None:
    """503: nothing could be taken. It is alive all the same, and must not be restarted for it."""
    checks = {"store": Check(well), "model": Check(no_model, vital=False), what: Check(no_store)}
    status, body = await page("readyz", checks)
    assert (status, body["status"]) == (503, "not ready")
    assert await page("livez", checks) == (200, {"status": "alive"})


@pytest.mark.parametrize(("vital", "status"), [(True, 503), (False, 200)])
async def test_what_does_not_answer_is_not_waited_for(
    vital: bool, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page comes in time, whatever hangs."""
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    found, body = await page("readyz", {"model": Check(silence, vital)})
    assert (found, body["checks"]["model"]) == (status, "TimeoutError")
