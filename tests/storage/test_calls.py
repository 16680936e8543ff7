"""Calls of scripts that share a connection, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.scripts.calls import AT_ONCE, ScriptText, script_calls
from tests.storage.questions import eventually, lossy_server

ECHO = ScriptText.of("return ARGV[1]")
REFUSE = ScriptText.of("return redis.error_reply('ERR ' .. ARGV[1])")


async def test_calls_of_one_moment_go_together(redis_client: Any) -> None:
    """Each gets its own reply, however many there are; the server reads them all in a few goes."""
    calls = script_calls(redis_client)
    await calls.call(ECHO, 0, "known now")

    async def reads() -> int:
        return int((await redis_client.info("stats"))["total_reads_processed"])

    before = await reads()
    replies = await asyncio.gather(*(calls.call(ECHO, 0, n) for n in range(3 * AT_ONCE)))
    assert replies == [str(n).encode() for n in range(3 * AT_ONCE)]
    assert await reads() - before < 3 * AT_ONCE / 2


async def test_a_refusal_is_its_callers_alone(redis_client: Any) -> None:
    """What the server says to one call is not said to the others in the same write."""
    calls = script_calls(redis_client)
    first, refused, last = await asyncio.gather(
        calls.call(ECHO, 0, "a"), calls.call(REFUSE, 0, "no"), calls.call(ECHO, 0, "b"), return_exceptions=True
    )
    assert (first, last) == (b"a", b"b")
    assert isinstance(refused, ResponseError)
    assert "no" in str(refused)


async def test_what_cannot_be_sent_is_its_callers_mistake(redis_client: Any) -> None:
    """An argument that is no text or number stops nobody else."""
    calls = script_calls(redis_client)
    wrong, right = await asyncio.gather(
        calls.call(ECHO, 0, None),  # type: ignore[arg-type]
        calls.call(ECHO, 0, "a"),
        return_exceptions=True,
    )
    assert isinstance(wrong, TypeError)
    assert right == b"a"


async def test_a_server_that_forgot_the_scripts_is_told_again(redis_client: Any) -> None:
    """After a restart or a SCRIPT FLUSH nobody notices anything."""
    calls = script_calls(redis_client)
    await calls.call(ECHO, 0, "a")
    await redis_client.script_flush()
    assert await asyncio.gather(*(calls.call(ECHO, 0, n) for n in range(2))) == [b"0", b"1"]


async def test_who_is_cancelled_leaves_the_others(redis_client: Any, valkey_url: str) -> None:
    """One caller that gives up while the write is on its way goes at once; the replies of the others stay theirs."""
    async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
        calls = script_calls(redis)
        await calls.call(ECHO, 0, "known now")
        server.hold = True
        leaving = asyncio.create_task(calls.call(ECHO, 0, "leaving"))
        staying = asyncio.create_task(calls.call(ECHO, 0, "staying"))

        async def sent() -> bool:
            return bool(calls._sending and not calls._waiting)

        await eventually(sent, "the write")
        behind = asyncio.create_task(calls.call(ECHO, 0, "behind"))
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert not staying.done()
        server.hold = False
        assert (await staying, await behind) == (b"staying", b"behind")


async def test_a_lost_reply_is_asked_for_again(redis_client: Any, valkey_url: str) -> None:
    """All that went with it is sent once more, and each caller gets its own."""
    async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
        calls = script_calls(redis)
        await calls.call(ECHO, 0, "known now")
        server.lose = 1
        assert await asyncio.gather(*(calls.call(ECHO, 0, n) for n in range(2))) == [b"0", b"1"]
        assert server.lost == 1


async def test_a_server_that_falls_silent_is_given_up_on(redis_client: Any, valkey_url: str) -> None:
    """The client's time limit ends the wait; the late reply is not taken for the next one's."""
    async with lossy_server(valkey_url) as server, open_redis(server.url, fast=True) as redis:
        calls = script_calls(redis)
        await calls.call(ECHO, 0, "known now")
        server.hold = True
        with pytest.raises(RedisTimeoutError):
            await calls.call(ECHO, 0, "late")
        server.hold = False
        assert await calls.call(ECHO, 0, "next") == b"next"


@pytest.mark.parametrize("fast", [True, False])
async def test_a_restarted_server_is_found_again(
    redis_server_factory: Callable[..., EmbeddedValkey], *, fast: bool
) -> None:
    """A connection that ended with the server is not used for the next call, even by a client that never repeats."""
    server = redis_server_factory()
    async with open_redis(await asyncio.to_thread(server.start), fast=fast) as redis:
        calls = script_calls(redis)
        await calls.call(ECHO, 0, "a")
        await asyncio.to_thread(server.stop)
        with pytest.raises((RedisConnectionError, RedisTimeoutError)):
            await calls.call(ECHO, 0, "b")
        await asyncio.to_thread(server.start)
        assert await calls.call(ECHO, 0, "c") == b"c"
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(server.start)
        assert await calls.call(ECHO, 0, "d") == b"d"
