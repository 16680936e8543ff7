"""A real store for the tests: one embedded server for the whole run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from storage.client import open_redis
from storage.embedded import EmbeddedValkey


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that lives as long as the run."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("store"))
    yield server.start()
    server.stop()


@pytest.fixture
async def redis_client(valkey_url: str) -> AsyncIterator[Redis]:
    """A client of an empty store. Afterwards no key may be left that lives for ever: such keys fill a store up."""
    redis = open_redis(valkey_url)
    await redis.flushall()
    yield redis
    endless = [key async for key in redis.scan_iter(count=1000) if await redis.ttl(key) == -1]
    await redis.aclose()
    assert not endless, f"keys without a lifetime: {endless}"


@pytest.fixture
def redis_server_factory(tmp_path: Path) -> Iterator[Callable[..., EmbeddedValkey]]:
    """Makes servers of the test's own, not started yet, to be stopped and killed; the same name gives the same data."""
    made: list[EmbeddedValkey] = []

    def make(name: str = "own") -> EmbeddedValkey:
        made.append(EmbeddedValkey(tmp_path / name))
        return made[-1]

    yield make
    for server in made:
        server.stop()
