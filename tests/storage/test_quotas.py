"""Quotas on a real store: counted once for each job, by all replicas together, and free with the clock's hour."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from conversation.errors import Refused, StoreUnavailable
from conversation.model import Job, ThreadId
from conversation.quotas import Scope, owner, quotas
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.keys import QUOTA_MARGIN_SECONDS, QUOTA_SECONDS, Keys
from storage.quotas import RedisQuotas
from tests.storage.questions import lossy_server, message
from tests.waiting import until

KEYS = Keys(prefix="test")
HOUR, DAY = 3600, 86_400
_numbers = itertools.count(1)


def asked(person: str = "ada", channel: str = "C1", tenant: str = "T1", *, revision: int = 0) -> Job:
    """A question of its own."""
    number = next(_numbers)
    at = ThreadId("slack", tenant, channel, str(number))
    return Job(f"job{number}", f"thread{number}", (replace(message(author=person), address=at),), 0.0, revision)


@pytest.fixture
async def redis(redis_client: Redis) -> Redis:
    """A store whose hour does not end within the test."""

    async def is_early() -> bool:
        return (await redis_client.time())[0] % HOUR < HOUR - 10

    await until("the hour that was about to end has ended", is_early)
    return redis_client


@pytest.fixture
async def elsewhere(valkey_url: str) -> AsyncIterator[Redis]:
    """Another process's client."""
    async with open_redis(valkey_url) as client:
        yield client


def gate(redis: Redis, person: str = "", channel: str = "", tenant: str = "") -> RedisQuotas:
    """The quotas that are written so."""
    return RedisQuotas(redis, KEYS, quotas(person, channel, tenant))


async def is_admitted(gate: RedisQuotas, job: Job) -> bool:
    """Whether it is; a refusal says when to come again."""
    refusal = None
    try:
        await gate.admit(job)
    except Refused as error:
        refusal = error
    told = refusal is None or (0 < (refusal.retry_after_seconds or 0) <= DAY and "ask again in" in refusal.user_notice)
    assert told, f"{refusal} tells not when to come again"
    return refusal is None


async def counter(redis: Redis, scope: Scope, unit: str, job: Job, seconds: int = HOUR) -> int:
    """What is counted in the window of now."""
    who = owner(scope, job.messages[0].address, job.messages[0].author_id)
    found = await redis.hget(KEYS.quota(who, seconds, (await redis.time())[0] // seconds), unit)
    return int(found or 0)


async def test_requests_are_bounded_for_all_replicas_together(redis: Redis, elsewhere: Redis) -> None:
    """Of forty at once, from two processes, exactly ten are admitted."""
    gates = itertools.cycle([gate(redis, "10 requests/hour"), gate(elsewhere, "10 requests/hour")])
    admitted = await asyncio.gather(*(is_admitted(next(gates), asked()) for _ in range(40)))
    assert sum(admitted) == 10
    assert await is_admitted(next(gates), asked("grace")), "another person's are their own"


async def test_a_job_counts_once_however_often_it_is_asked_for(redis: Redis, elsewhere: Redis) -> None:
    """By whoever takes it over, and begun anew after an edit; so is a refusal answered again."""
    here, there = gate(redis, "1 request/hour"), gate(elsewhere, "1 request/hour")
    first, second = asked(), asked()
    assert [await is_admitted(one, first) for one in (here, there, here)] == [True] * 3
    assert await is_admitted(there, replace(first, revision=3))
    assert [await is_admitted(one, second) for one in (here, there)] == [False] * 2
    assert await counter(redis, Scope.PERSON, "requests", first) == 1


async def test_a_refused_request_is_counted_nowhere(redis: Redis) -> None:
    """All bounds admit it, or none counts it, whichever of them is used up."""
    bounded = gate(redis, "2 requests/hour", "3 requests/hour", "4 requests/hour")
    ada, last = [asked() for _ in range(3)], asked("grace", "C2")
    assert [await is_admitted(bounded, job) for job in ada] == [True, True, False]
    assert await counter(redis, Scope.CHANNEL, "requests", ada[0]) == 2
    assert [await is_admitted(bounded, asked("grace")) for _ in range(2)] == [True, False]
    assert await counter(redis, Scope.PERSON, "requests", asked("grace")) == 1
    assert [await is_admitted(bounded, job) for job in (last, asked("lin", "C3"))] == [True, False]
    assert await is_admitted(bounded, asked("ada", "C1", "T2")) is False, "a person is the same in every workspace"
    assert await is_admitted(bounded, asked("lin", "C1", "T2")), "a channel's id is its workspace's"


async def test_the_refusal_tells_the_bound_that_is_free_last(redis: Redis) -> None:
    """Who comes when it says so is not refused by another."""
    bounded = gate(redis, "1 request/hour, 1 request/day", "1 request/hour")
    await bounded.admit(asked())
    with pytest.raises(Refused, match="QUOTA_PERSON has 1 request/day") as refusal:
        await bounded.admit(asked())
    assert refusal.value.user_notice.startswith("You have used your 1 request of today; ask again in")
    assert refusal.value.user_notice.endswith("(from 00:00 UTC).")
    with pytest.raises(Refused, match="QUOTA_CHANNEL") as refusal:
        await bounded.admit(asked("grace"))
    assert refusal.value.user_notice.startswith("This channel has used its 1 request of this hour")


async def test_a_window_ends_with_the_clocks_hour(redis: Redis) -> None:
    """What the last one counted is nothing to this one, and each counter goes with its window."""
    job = asked()
    who = owner(Scope.PERSON, job.messages[0].address, "ada")
    now = (await redis.time())[0]
    last = KEYS.quota(who, HOUR, now // HOUR - 1)
    await redis.hset(last, "requests", 99)
    await redis.expire(last, 60)
    assert await is_admitted(gate(redis, "1 request/hour"), job)
    lives = await redis.expiretime(KEYS.quota(who, HOUR, now // HOUR))
    assert lives == (now // HOUR + 1) * HOUR + QUOTA_MARGIN_SECONDS


async def test_a_refusal_holds_until_its_bound_is_free(redis: Redis) -> None:
    """A job that waited past that is looked at anew: the sentence would tell of a time that has been."""
    job = asked()
    past = f"person requests {HOUR} 1 {(await redis.time())[0] - 1}"
    await redis.hset(KEYS.quota_job(job.id), "verdict", past)
    assert await is_admitted(gate(redis, "1 request/hour"), job)
    assert 0 < await redis.ttl(KEYS.quota_job(job.id)) <= QUOTA_SECONDS


async def test_tokens_count_as_they_are_used_and_once(redis: Redis, elsewhere: Redis) -> None:
    """Only what is new since it was last said, whoever says it; and an answer that begins anew counts anew."""
    here, there = gate(redis, "100 tokens/hour", "200 tokens/day"), gate(elsewhere, "100 tokens/hour", "200 tokens/day")
    job = asked()
    await here.admit(job)
    for speaker, tokens in ((here, 40), (there, 40), (there, 60), (here, 50)):
        await speaker.spent(job, tokens)
    assert await counter(redis, Scope.PERSON, "tokens", job) == 60
    assert await counter(redis, Scope.CHANNEL, "tokens", job, DAY) == 60
    assert await is_admitted(here, asked())
    await there.spent(replace(job, revision=1), 40)
    assert not await is_admitted(here, asked())
    with pytest.raises(Refused, match="QUOTA_CHANNEL has 100 tokens/day"):
        await gate(redis, channel="100 tokens/day").admit(asked("grace"))


async def test_a_lost_reply_counts_nothing_twice(redis: Redis, valkey_url: str) -> None:
    """The client asks again, and the script has done it already."""
    async with lossy_server(valkey_url) as server, open_redis(server.url) as client:
        bounded, job = gate(client, "9 requests/hour, 100 tokens/hour"), asked()
        for lose in (1, 0):
            server.lose = lose
            await bounded.admit(job)
        server.lose = 1
        await bounded.spent(job, 10)
        assert server.lost == 2
    assert await counter(redis, Scope.PERSON, "requests", job) == 1
    assert await counter(redis, Scope.PERSON, "tokens", job) == 10


async def test_what_is_left_is_told(redis: Redis) -> None:
    """Of the person's own bounds."""
    bounded = gate(redis, "5 requests/hour, 100 tokens/day", "1 request/day")
    job = asked()
    await bounded.admit(job)
    await bounded.spent(job, 30)
    told = await bounded.left(job.messages[0].address, "ada")
    assert told == "Left for you: 4 of 5 requests this hour, 70 of 100 tokens today (UTC)."
    assert await gate(redis, channel="1 request/day").left(job.messages[0].address, "ada") == ""


async def test_a_store_that_is_away_is_said_to_be(redis_server_factory: Callable[..., EmbeddedValkey]) -> None:
    """The worker asks again then: nobody is admitted uncounted."""
    store = redis_server_factory()
    async with open_redis(store.start()) as client:
        bounded = gate(client, "1 request/hour, 1 token/hour")
        await asyncio.to_thread(store.stop)
        with pytest.raises(StoreUnavailable):
            await bounded.admit(asked())
        with pytest.raises(StoreUnavailable):
            await bounded.spent(asked(), 1)
