"""Interactions count as seen to when somebody has, or when nobody is there who could."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from adapters.discord import pending
from adapters.discord.pending import Pending


async def test_it_lasts_until_it_is_seen_to() -> None:
    """Also when that fails: it would fail again."""
    for error in None, ValueError:
        waiting = Pending()
        told = asyncio.create_task(waiting.expect("1"))
        with suppress(ValueError), waiting.seeing_to("1"):
            await asyncio.sleep(0)
            assert not told.done()
            if error is not None:
                raise error
        await asyncio.wait_for(told, 1)


async def test_what_was_cancelled_is_not_seen_to() -> None:
    """The process ends; the next one is to hear of it."""
    waiting = Pending()
    told = asyncio.create_task(waiting.expect("1"))

    async def see() -> None:
        with waiting.seeing_to("1"):
            await asyncio.Event().wait()

    seeing = asyncio.create_task(see())
    await asyncio.sleep(0)
    seeing.cancel()
    await asyncio.wait({seeing})
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(told, 0.05)


async def test_what_nobody_takes_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A button of an older version, say; whoever is told of something unexpected breaks nothing."""
    monkeypatch.setattr(pending, "BEGIN_SECONDS", 0.01)
    waiting = Pending()
    await asyncio.wait_for(waiting.expect("1"), 1)
    with waiting.seeing_to("2"):
        pass
