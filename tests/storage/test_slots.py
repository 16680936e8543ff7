"""The slots of a model's server, on a real store: shared, in one line, and given back by whoever dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from conversation.errors import LeaseLost, StoreUnavailable
from conversation.model import Checkpoint, Claim
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import SLOT_SECONDS, Keys
from storage.scripts import source
from storage.slots import RedisSlots
from tests.storage.questions import answer, claim_one, lossy_server, message, sha
from tests.waiting import until

KEYS = Keys()
REPOSITORY = Path(__file__).parents[2]
SHORT_LEASE = 0.6


@dataclass
class Answer:
    """One claim that needs a slot: where it stands."""

    claim: Claim
    places: list[int] = field(default_factory=list)  # as it was told
    inside: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)  # set it, and the slot is given back
    keep: bool = False
    task: asyncio.Task[None] | None = None

    def end(self) -> None:
        self.done.set()

    async def told(self, place: int) -> None:
        """Wait until it was told this place."""
        await until(f"place {place} is told", lambda: self.places[-1:] == [place])


Begin = Callable[..., Awaitable[Answer]]


@pytest.fixture
def inbox(redis_client: Redis) -> RedisInbox:
    return RedisInbox(redis_client, redis_client, KEYS)


@pytest.fixture
def jobs(redis_client: Redis) -> RedisJobs:
    return RedisJobs(redis_client, KEYS, lanes=["slack"], lease_seconds=30.0)


@pytest.fixture
def slots(redis_client: Redis) -> RedisSlots:
    return RedisSlots(redis_client, KEYS, lease_seconds=30.0)


@pytest.fixture
async def begin(inbox: RedisInbox, jobs: RedisJobs, slots: RedisSlots) -> AsyncIterator[Begin]:
    """Lets a new question ask for one of `most` slots; returns when it has one or was told its place."""
    begun: list[Answer] = []

    async def run(one: Answer, shared: RedisSlots, most: int) -> None:
        async with shared.hold(one.claim, "server", most, on_place=one.places.append, keep=lambda: one.keep):
            one.inside.set()
            await one.done.wait()

    async def start(most: int = 1, *, shared: RedisSlots | None = None, claim: Claim | None = None) -> Answer:
        if claim is None:
            await inbox.accept(message(thread=f"thread {len(begun)}"))
            claim = await claim_one(jobs)
        one = Answer(claim)
        begun.append(one)
        one.task = asyncio.create_task(run(one, shared or slots, most))
        await until("a slot or a place", lambda: one.inside.is_set() or bool(one.places))
        return one

    yield start
    tasks = [one.task for one in begun if one.task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class TestTheLine:
    async def test_is_first_come_first_served_and_tells_the_place(
        self, begin: Begin, redis_client: Redis, valkey_url: str
    ) -> None:
        """Two processes' questions wait in one line; everybody hears each place on the way to the slot, once."""
        async with open_redis(valkey_url) as elsewhere:
            other = RedisSlots(elsewhere, KEYS, lease_seconds=30.0)
            answers = [await begin(shared=other if n % 2 else None) for n in range(4)]
            assert [one.places for one in answers] == [[], [1], [2], [3]]
            for ended, one in enumerate(answers):
                await asyncio.wait_for(one.inside.wait(), 10)
                assert [later.inside.is_set() for later in answers[ended + 1 :]] == [False] * (3 - ended)
                if ended < 3:
                    await answers[3].told(3 - ended)
                one.end()
        assert [one.places for one in answers] == [[], [1], [2, 1], [3, 2, 1]]

    async def test_who_is_prepared_first_does_not_pass(self, begin: Begin, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """What came earlier goes first, however long it took until it could ask."""
        holder = await begin()
        await inbox.accept(message(thread="long"))
        claim = await claim_one(jobs)
        quick = await begin()
        long = await begin(claim=claim)
        assert long.places == [1]
        await quick.told(2)
        holder.end()
        await asyncio.wait_for(long.inside.wait(), 10)
        assert not quick.inside.is_set()

    async def test_a_slot_that_is_given_back_is_heard_of_at_once(
        self, begin: Begin, redis_client: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody has to ask again by the clock: two slots that come back wake the first two of the line."""
        monkeypatch.setattr("storage.slots.ASK_SECONDS", 3600.0)
        patient = RedisSlots(redis_client, KEYS, lease_seconds=SLOT_SECONDS - 1)
        patient._ask_seconds = 3600.0
        await redis_client.script_load(source("slot_release"))
        answers = [await begin(2, shared=patient) for _ in range(5)]

        async def listening() -> bool:
            return bool((await redis_client.pubsub_numsub(KEYS.slots_channel()))[0][1])

        await until("the subscription", listening)
        async with redis_client.pipeline() as both:  # both are back before anybody can ask again
            for one in answers[:2]:
                names = (one.claim.job.conversation_id, one.claim.job.id, str(one.claim.fence))
                both.evalsha(sha("slot_release").decode(), 1, KEYS.base, *names)
            await both.execute()
        for one in answers[2:4]:
            await asyncio.wait_for(one.inside.wait(), 10)
        assert not answers[4].inside.is_set()

    async def test_a_place_is_told_once(self, begin: Begin, redis_client: Redis) -> None:
        """It is asked for again and again, and told only when it is another."""
        await begin()
        waiting = await begin(shared=RedisSlots(redis_client, KEYS, lease_seconds=0.3))
        heard: set[float | None] = set()

        async def asked_four_times() -> bool:
            heard.add(await redis_client.zscore(KEYS.heard("server"), waiting.claim.job.conversation_id))
            return len(heard) == 4

        await until("it has asked four times", asked_four_times)
        assert waiting.places == [1]

    async def test_an_answer_that_has_begun_goes_first(self, begin: Begin, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """People see its first half: it passes those who have nothing yet."""
        first, waiting = await begin(), await begin()
        await inbox.accept(message(thread="half"))
        half = await claim_one(jobs)
        await jobs.checkpoint(half, Checkpoint(text="half", tokens_used=1))
        begun = await begin(claim=half)
        assert (waiting.places, begun.places) == ([1], [1])
        first.end()
        await asyncio.wait_for(begun.inside.wait(), 10)
        assert not waiting.inside.is_set()

    async def test_who_leaves_moves_the_others_up(self, begin: Begin) -> None:
        """A question that is stopped while it waits is in nobody's way."""
        _, leaving, staying = [await begin() for _ in range(3)]
        assert leaving.task is not None
        leaving.task.cancel()
        await staying.told(1)
        assert staying.places == [2, 1]

    async def test_who_was_not_heard_of_for_a_lease_loses_the_place(
        self, begin: Begin, inbox: RedisInbox, jobs: RedisJobs, redis_client: Redis
    ) -> None:
        """A process that dies while it waits holds up nobody."""
        await begin()
        await inbox.accept(message(thread="dead"))
        dying = RedisSlots(redis_client, KEYS, lease_seconds=SHORT_LEASE)
        assert await dying._ask(await claim_one(jobs), "server", 1) == 1
        alive = await begin()
        assert alive.places == [2]
        await alive.told(1)

    async def test_a_question_that_is_asked_anew_keeps_its_place(self, begin: Begin) -> None:
        """With `keep` the same claim finds its place, and its slot, again."""
        holder, changed, last = [await begin() for _ in range(3)]
        for one in (holder, changed):
            one.keep = True
            assert one.task is not None
            one.task.cancel()
            await asyncio.gather(one.task, return_exceptions=True)
        again = await begin(claim=changed.claim)
        assert again.places == [1]
        assert (await begin(claim=holder.claim)).places == []
        assert last.places == [2]


class TestSharing:
    async def test_counts_what_is_free(self, begin: Begin, slots: RedisSlots) -> None:
        """For this server; another has slots of its own, and a limit that was lowered is no negative number."""
        assert await slots.free("server", 3) == 3
        one = await begin(3)
        await begin(3)
        assert await slots.free("server", 3) == 1
        assert await slots.free("server", 1) == 0
        assert await slots.free("another", 3) == 3
        one.end()
        await until("the slot is back", lambda: _is(slots.free("server", 3), 2))

    async def test_two_processes_never_use_more_than_there_are(self, inbox: RedisInbox, redis_client: Redis) -> None:
        """Forty answers of two processes with three slots: all come to an end, and never were there four at once."""
        for n in range(40):
            await inbox.accept(message(thread=str(n)))
        async with _processes(redis_client, 2, lease_seconds=2.0, slots=3, answer_seconds=0.02):
            await until("all answers", lambda: _is(inbox.depth(), 0), deadline_seconds=60)
        assert await redis_client.get("test:exceeded") is None
        assert await redis_client.get("test:running") == b"0"
        assert await redis_client.zcard(KEYS.slots("server")) == 0

    async def test_a_slot_of_a_killed_process_comes_back(
        self, begin: Begin, inbox: RedisInbox, redis_client: Redis
    ) -> None:
        """After kill -9 the one who waits gets it, a lease later."""
        await inbox.accept(message(thread="waits", platform="discord"))  # where the other process cannot take it over
        mine = await claim_one(RedisJobs(redis_client, KEYS, lanes=["discord"], lease_seconds=30.0))
        await inbox.accept(message(thread="killed"))
        async with _processes(redis_client, 1, lease_seconds=1.0, slots=1, answer_seconds=600) as (process,):
            await until("the other process has it", lambda: _is(redis_client.zcard(KEYS.slots("server")), 1))
            waiting = await begin(claim=mine)
            assert waiting.places == [1]
            process.kill()
            await process.wait()
            await asyncio.wait_for(waiting.inside.wait(), 15)


class TestALease:
    async def test_is_kept_with_the_claim_and_no_longer(self, inbox: RedisInbox, redis_client: Redis) -> None:
        """While the claim is renewed the slot is nobody else's, for any number of leases; then it runs out."""
        jobs = RedisJobs(redis_client, KEYS, lanes=["slack"], lease_seconds=SHORT_LEASE)
        slots = RedisSlots(redis_client, KEYS, lease_seconds=SHORT_LEASE)
        await inbox.accept(message())
        claim = await claim_one(jobs)
        assert await slots._ask(claim, "server", 1) == 0
        end = claim.deadline + 3 * SHORT_LEASE

        async def three_leases_later() -> bool:
            await jobs.renew([claim])
            assert await slots.free("server", 1) == 0
            return claim.deadline > end

        await until("three leases", three_leases_later)
        await until("the end of the lease", lambda: _is(slots.free("server", 1), 1))

    async def test_keeps_a_place_in_the_line_as_well(self, inbox: RedisInbox, redis_client: Redis) -> None:
        """Who waits and is held up for longer than a lease keeps its place while its claim is renewed."""
        jobs = RedisJobs(redis_client, KEYS, lanes=["slack"], lease_seconds=SHORT_LEASE)
        slots = RedisSlots(redis_client, KEYS, lease_seconds=SHORT_LEASE)
        claims = []
        for n in range(3):
            await inbox.accept(message(thread=str(n)))
            claims.append(await claim_one(jobs))
            await jobs.renew(claims)
            assert await slots._ask(claims[-1], "server", 1) == n
        end = claims[0].deadline + 3 * SHORT_LEASE

        async def three_leases_later() -> bool:
            await jobs.renew(claims)
            assert await slots._ask(claims[2], "server", 1) == 2
            return claims[0].deadline > end

        await until("three leases", three_leases_later)

    async def test_is_put_back_by_a_renewal_after_an_outage(
        self, begin: Begin, jobs: RedisJobs, redis_client: Redis
    ) -> None:
        """An answer that outlived its lease is still being made: it counts again, and nobody more is let in."""
        one = await begin()
        await redis_client.zrem(KEYS.slots("server"), one.claim.job.conversation_id)
        await jobs.renew([one.claim])
        assert (await begin()).places == [1]

    async def test_ends_with_the_job(self, begin: Begin, jobs: RedisJobs, slots: RedisSlots) -> None:
        """However a claim is settled, its slot or place is given back, also when its worker could not."""
        for settle in (
            lambda claim: jobs.finish(claim, answer(claim)),
            jobs.release,
            lambda claim: jobs.bury(claim, "why"),
        ):
            one = await begin()
            assert one.inside.is_set()
            one.keep = True
            await settle(one.claim)
            assert await slots.free("server", 1) == 1

    async def test_goes_when_another_takes_the_job_over(self, inbox: RedisInbox, redis_client: Redis) -> None:
        """The new worker may have to wait for its model; meanwhile the slot is of use to others."""
        dead, alive = (RedisJobs(redis_client, KEYS, lanes=["slack"], lease_seconds=SHORT_LEASE) for _ in range(2))
        slots = RedisSlots(redis_client, KEYS, lease_seconds=60.0)
        await inbox.accept(message())
        old = await claim_one(dead)
        assert await slots._ask(old, "server", 1) == 0
        new = await claim_one(alive)
        assert await slots.free("server", 1) == 1
        assert await slots._ask(new, "server", 1) == 0
        with pytest.raises(LeaseLost):
            await slots._ask(old, "server", 1)
        await slots._give_back(old)
        assert await slots.free("server", 1) == 0

    async def test_waiting_for_it_is_no_crash(self, inbox: RedisInbox, redis_client: Redis) -> None:
        """A question whose workers die while it stands in line is no poison; one that dies with a slot may be."""
        slots = RedisSlots(redis_client, KEYS, lease_seconds=60.0)
        await redis_client.zadd(KEYS.slots("server"), {"another's": 1e12})
        await inbox.accept(message())

        async def take_over() -> Claim:
            return await claim_one(RedisJobs(redis_client, KEYS, lanes=["slack"], lease_seconds=SHORT_LEASE))

        for _crash in range(4):
            waiting = await take_over()
            assert waiting.attempts == 1
            assert await slots._ask(waiting, "server", 1) == 1
        await redis_client.delete(KEYS.slots("server"))
        for crash in range(2, 4):
            assert await slots._ask(waiting, "server", 1) == 0
            waiting = await take_over()
            assert waiting.attempts == crash

    async def test_cannot_outlive_its_keys(self, redis_client: Redis) -> None:
        """The keys live longer than any lease, or slots would vanish with them."""
        for lease_seconds in (0, SLOT_SECONDS):
            with pytest.raises(ValueError, match="lease"):
                RedisSlots(redis_client, KEYS, lease_seconds=lease_seconds)


class TestOutages:
    async def test_who_is_inside_stays_and_who_waits_waits(
        self, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """kill -9 of the store: the answer that holds the slot is not disturbed, and nobody enters meanwhile. When the
        store is back the next one gets it."""
        server = redis_server_factory()
        async with AsyncExitStack() as stack:
            redis = await stack.enter_async_context(open_redis(await asyncio.to_thread(server.start)))
            inbox, jobs = RedisInbox(redis, redis, KEYS), RedisJobs(redis, KEYS, lanes=["slack"])
            slots = RedisSlots(redis, KEYS, lease_seconds=1.0)
            claims = []
            for n in range(2):
                await inbox.accept(message(thread=str(n)))
                claims.append(await claim_one(jobs))
            first, second = Answer(claims[0]), Answer(claims[1])

            async def wait() -> None:
                async with slots.hold(second.claim, "server", 1, on_place=second.places.append, keep=lambda: False):
                    second.inside.set()

            async with slots.hold(first.claim, "server", 1, on_place=first.places.append, keep=lambda: False):
                waiting = asyncio.create_task(wait())
                await until("it waits", lambda: second.places == [1])
                info: Any = await redis.info("server")
                os.kill(info["process_id"], signal.SIGKILL)
                with pytest.raises(StoreUnavailable):
                    await slots.free("server", 1)
            assert not second.inside.is_set()
            await asyncio.to_thread(server.start)
            await asyncio.wait_for(waiting, 15)
            assert second.inside.is_set()

    async def test_a_lost_reply_takes_one_slot(self, inbox: RedisInbox, redis_client: Redis, valkey_url: str) -> None:
        """The client asks again; it is the same slot, and the same place."""
        for name in ("slot_acquire", "slot_release"):
            await redis_client.script_load(source(name))
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            jobs = RedisJobs(redis, KEYS, lanes=["slack"], lease_seconds=30.0)
            slots = RedisSlots(redis, KEYS, lease_seconds=30.0)
            claims = []
            for n in range(2):
                await inbox.accept(message(thread=str(n)))
                claims.append(await claim_one(jobs))
            for claim, place in zip(claims, (0, 1), strict=True):
                server.script, server.lose = sha("slot_acquire"), 1
                assert await slots._ask(claim, "server", 1) == place
            server.script, server.lose = sha("slot_release"), 1
            await slots._give_back(claims[0])
            assert server.lost == 3
            assert await slots._ask(claims[1], "server", 1) == 0

    async def test_a_full_store_still_gives_slots_to_what_was_accepted(
        self, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """New questions are refused, and accepted ones are answered."""
        server = redis_server_factory()
        async with open_redis(await asyncio.to_thread(server.start)) as redis:
            inbox, jobs = RedisInbox(redis, redis, KEYS), RedisJobs(redis, KEYS, lanes=["slack"])
            slots = RedisSlots(redis, KEYS)
            for n in range(3):
                await inbox.accept(message(thread=str(n), author="U1"))
            claims = [await claim_one(jobs) for _ in range(2)]
            await redis.config_set("maxmemory", 1)
            with pytest.raises(StoreUnavailable):
                await inbox.accept(message(thread="new"))
            assert await slots._ask(claims[0], "server", 1) == 0
            assert await slots._ask(claims[1], "server", 1) == 1
            claims.append(await claim_one(jobs))  # announced when the first one got its slot
            await slots._give_back(claims[0])
            assert await slots._ask(claims[1], "server", 1) == 0


async def _is(value: Awaitable[object], expected: object) -> bool:
    return await value == expected


class _processes:  # noqa: N801 - used as a function
    """Worker processes (tests/storage/slot_process.py) that are gone at the end."""

    def __init__(self, redis: Redis, count: int, *, lease_seconds: float, slots: int, answer_seconds: float) -> None:
        self._redis = redis
        kwargs = redis.connection_pool.connection_kwargs
        self._arguments = [f"unix://{kwargs['path']}", str(lease_seconds), str(slots), str(answer_seconds)]
        self._count = count
        self._started: list[asyncio.subprocess.Process] = []

    async def __aenter__(self) -> list[asyncio.subprocess.Process]:
        await self._redis.set("test:running", 0, ex=600)  # a process that is killed could leave it without a lifetime
        for _ in range(self._count):
            self._started.append(
                await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "tests.storage.slot_process", *self._arguments, cwd=REPOSITORY
                )
            )
        return self._started

    async def __aexit__(self, *_: object) -> None:
        for process in self._started:
            if process.returncode is None:
                process.kill()
            await process.wait()
