"""Connections: enough of them, bounded waits, and one error for a store that cannot be used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from conversation.errors import StoreUnavailable
from storage.client import FAST_SECONDS, MAX_CONNECTIONS, open_redis, store_errors
from storage.embedded import EmbeddedValkey

Factory = Callable[..., EmbeddedValkey]


@asynccontextmanager
async def client(url: str, *, fast: bool = False) -> AsyncIterator[Redis]:
    redis = open_redis(url, fast=fast)
    try:
        yield redis
    finally:
        await redis.aclose()


@asynccontextmanager
async def black_hole() -> AsyncIterator[str]:
    """The address of a server that takes connections, reads, and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.read(4096):
                pass
        finally:
            writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


async def test_a_server_on_the_network_is_used_by_the_same_code(redis_server_factory: Factory) -> None:
    """`redis://` reaches what `unix://` wrote."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with client(redis_server_factory().start()) as near, client(f"redis://127.0.0.1:{port}/0") as far:
        await near.config_set("port", port)
        await near.set("answer", "42", ex=60)
        assert await far.get("answer") == b"42"


def test_an_unknown_scheme_is_refused() -> None:
    """An address that is no store's is a mistake in the settings, found before anything is sent."""
    with pytest.raises(ValueError, match="redis://"):
        open_redis("https://example.org")


async def test_a_burst_waits_for_a_connection(redis_client: Redis, valkey_url: str) -> None:
    """Many more commands at once than there are connections are all answered, over no more than the bound."""
    async with client(valkey_url) as redis:
        answers = await asyncio.gather(*(redis.incr("burst") for _ in range(5 * MAX_CONNECTIONS)))
        assert sorted(answers) == list(range(1, 5 * MAX_CONNECTIONS + 1))
        assert len(await redis.client_list()) <= MAX_CONNECTIONS + 1
        await redis.expire("burst", 60)


@pytest.mark.parametrize("fast", [True, False])
async def test_a_server_that_never_answers_is_given_up_on(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A black hole becomes StoreUnavailable after a few of the waits that were set."""
    monkeypatch.setattr("storage.client.READ_SECONDS", FAST_SECONDS)
    async with black_hole() as url, client(url, fast=fast) as redis:
        async with asyncio.timeout(20 * FAST_SECONDS):
            with pytest.raises(StoreUnavailable), store_errors():
                await redis.ping()


async def test_a_connection_that_falls_silent_is_given_up_on(redis_server_factory: Factory) -> None:
    """A server that stops answering on an open connection becomes StoreUnavailable too."""
    async with client(redis_server_factory().start(), fast=True) as redis:
        await redis.ping()
        await redis.client_pause(1500)
        async with asyncio.timeout(10 * FAST_SECONDS):
            with pytest.raises(StoreUnavailable), store_errors():
                await redis.get("key")


async def test_a_store_that_is_not_there_is_unavailable(redis_server_factory: Factory) -> None:
    """A refused connection becomes StoreUnavailable with its cause."""
    store = redis_server_factory()
    url = store.start()
    assert store.stop()
    async with client(url) as redis:
        with pytest.raises(StoreUnavailable) as caught, store_errors():
            await redis.ping()
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "answer",
    [
        "OOM command not allowed when used memory > 'maxmemory'.",
        "READONLY You can't write against a read only replica.",
        "LOADING Valkey is loading the dataset in memory",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "NOREPLICAS Not enough good replicas to write.",
    ],
)
async def test_a_store_that_cannot_write_is_unavailable(redis_client: Redis, answer: str) -> None:
    """What a full, read-only or loading server answers becomes StoreUnavailable."""
    with pytest.raises(StoreUnavailable), store_errors():
        await redis_client.eval("return {err = ARGV[1]}", 0, answer)


async def test_a_full_store_refuses_and_keeps_what_it_has(redis_server_factory: Factory) -> None:
    """The embedded server forgets nothing to make room."""
    async with client(redis_server_factory().start()) as redis:
        await redis.set("first", "kept", ex=60)
        await redis.config_set("maxmemory", 1)
        with pytest.raises(StoreUnavailable), store_errors():
            await redis.set("second", "refused", ex=60)
        assert await redis.get("first") == b"kept"


async def test_a_mistake_of_ours_is_not_hidden(redis_client: Redis) -> None:
    """A wrong command stays what it is."""
    await redis_client.set("text", "x", ex=60)
    with pytest.raises(ResponseError, match="WRONGTYPE"), store_errors():
        await redis_client.lpush("text", "y")


@pytest.mark.parametrize("fast", [True, False])
async def test_a_restarted_server_is_found_again(redis_server_factory: Factory, fast: bool) -> None:
    """After a restart the next command gets through: connections that died are not trusted."""
    store = redis_server_factory()
    async with client(store.start(), fast=fast) as redis:
        await redis.set("answer", "42", ex=60)
        assert await asyncio.to_thread(store.stop)
        await asyncio.to_thread(store.start)
        assert await redis.get("answer") == b"42"
