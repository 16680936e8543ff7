"""Tasks that use the store, cancelled at any moment."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest


async def test_a_cancelled_task_ends(redis_client: Any) -> None:
    """Whenever it is cancelled, also while a command is being sent; and no later command gets its reply."""

    async def use_the_store(number: int) -> None:
        for step in range(10_000):
            assert await redis_client.echo(f"{number}.{step}") == f"{number}.{step}".encode()

    for number in range(60):
        task = asyncio.create_task(use_the_store(number))
        await asyncio.sleep(random.uniform(0.0, 0.004))
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=2)
        assert done, "the task went on"
        assert task.cancelled()


@pytest.mark.timeout(30)
async def test_a_time_limit_ends_a_command(redis_client: Any) -> None:
    """A limit that strikes while a command is being sent is a time-out, and the task is not left half cancelled."""

    async def use_the_store() -> None:
        while True:
            await redis_client.ping()

    for _ in range(40):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(random.uniform(0.0, 0.004)):
                await use_the_store()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
