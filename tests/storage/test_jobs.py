"""The workers' side of the queue, on a real server."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from conversation.errors import LeaseLost, StoreUnavailable
from conversation.model import Checkpoint, Claim, Ending, Segment, SegmentState, Settlement, StopReason
from storage.claiming import Look
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import GROUP, QUEUE_SECONDS, Keys
from storage.scripts import source
from tests.storage.questions import answer, claim_one, eventually, lossy_server, message, sha

KEYS = Keys()
SHORT_LEASE = 0.5


@pytest.fixture
def inbox(redis_client: Any) -> RedisInbox:
    return RedisInbox(redis_client, redis_client, KEYS)


@pytest.fixture
def make_jobs(redis_client: Any) -> Callable[..., RedisJobs]:
    """Makes workers' queues, each as another process would have it."""

    def make(*lanes: str, lease_seconds: float = 30.0, redis: Any = redis_client) -> RedisJobs:
        return RedisJobs(redis, KEYS, lanes=lanes or ["slack"], lease_seconds=lease_seconds)

    return make


@pytest.fixture
def jobs(make_jobs: Callable[..., RedisJobs]) -> RedisJobs:
    return make_jobs()


Make = Callable[..., RedisJobs]


async def claim_all(jobs: RedisJobs, count: int, limit: int = 8) -> list[Claim]:
    claims: list[Claim] = []

    async def enough() -> bool:
        claims.extend(await jobs.claim(min(limit, count - len(claims))))
        return len(claims) >= count

    await eventually(enough, f"{count} claims")
    return claims


async def no_double_entries(redis: Any) -> None:
    """The queue's invariant: one entry for each conversation with a mailbox, and none for another."""
    announced = [fields[b"conversation"] for _, fields in await redis.xrange(KEYS.ready("slack"))]
    mailboxes = [key.rpartition(b":")[2] async for key in redis.scan_iter(KEYS.mailbox("*"))]
    assert sorted(announced) == sorted(mailboxes)


class TestOrder:
    async def test_a_thread_runs_one_job_at_a_time_in_order(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """The next question of a thread is not given out, to any worker, before the one before it has ended."""
        for n in range(3):
            await inbox.accept(message(str(n)))
        one, other = make_jobs(), make_jobs()
        for n in range(3):
            claim = await claim_one(one)
            assert claim.job.messages[0].text == str(n)
            assert await one.claim(8) == []
            assert await other.claim(8) == []
            await one.finish(claim, answer(claim))

    async def test_threads_run_beside_each_other(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """A long answer in one thread holds up no other."""
        for n in range(5):
            await inbox.accept(message(thread=str(n)))
        claims = await claim_all(make_jobs(), 5)
        assert len({claim.job.conversation_id for claim in claims}) == 5

    async def test_claims_no_more_than_it_is_asked_for(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """What is beyond the limit is left to other workers, at once."""
        for n in range(4):
            await inbox.accept(message(thread=f"s{n}"))
            await inbox.accept(message(thread=f"d{n}", platform="discord"))
        one, other = make_jobs("slack", "discord", lease_seconds=2.0), make_jobs("slack", "discord", lease_seconds=2.0)
        mine = await one.claim(1)
        assert len(mine) == 1
        others = await claim_all(other, 7, limit=3)
        assert len({claim.job.id for claim in [*mine, *others]}) == 8
        assert all(claim.attempts == 1 for claim in others)

    async def test_serves_its_own_lanes_only(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """A worker without a platform's credentials leaves that platform's questions to others."""
        await inbox.accept(message(thread="s"))
        await inbox.accept(message(thread="d", platform="discord"))
        (claim,) = await claim_all(make_jobs("discord"), 1)
        assert claim.job.lane == "discord"
        assert (await claim_one(make_jobs("slack", "terminal"))).job.lane == "slack"

    async def test_a_busy_lane_does_not_starve_another(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """With a hundred questions on one platform, the other's single one is among the first."""
        for n in range(100):
            await inbox.accept(message(thread=f"s{n}"))
        await inbox.accept(message(thread="d", platform="discord"))
        claims = await claim_all(make_jobs("slack", "discord"), 12, limit=4)
        assert "discord" in {claim.job.lane for claim in claims[:12]}

    async def test_waits_when_there_is_nothing(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A claim is answered as soon as a question comes, and with nothing otherwise; it never spins."""
        assert await jobs.claim(1) == []
        waiting = asyncio.create_task(jobs.claim(1))
        began = time.monotonic()
        assert await waiting == []
        assert time.monotonic() - began > 0.3
        with pytest.raises(ValueError, match="at least one"):
            await jobs.claim(0)

    async def test_needs_a_lane(self, make_jobs: Make, redis_client: Any) -> None:
        """A worker that could answer nowhere is a mistake in its settings."""
        with pytest.raises(ValueError, match="lane"):
            RedisJobs(redis_client, KEYS, lanes=[])


class TestFinish:
    async def test_stores_turns_in_order_and_clears_the_queue(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """The turns stand in their order with the content's lifetime; of the job nothing is left."""
        await inbox.accept(message())
        await inbox.accept(message())
        for _ in range(2):
            claim = await claim_one(jobs)
            assert await jobs.finish(claim, answer(claim)) is None
        conversation = claim.job.conversation_id
        order = await redis_client.zrange(KEYS.order(conversation), 0, -1, withscores=True)
        assert [score for _, score in order] == [1, 2, 3, 4]
        assert await redis_client.hlen(KEYS.turns(conversation)) == 4
        for key in (KEYS.turns(conversation), KEYS.order(conversation), KEYS.thread(conversation)):
            assert 0 < await redis_client.ttl(key) <= KEYS.content_seconds
        assert await redis_client.exists(KEYS.job(claim.job.id)) == 0
        assert await inbox.depth() == 0
        assert await redis_client.xlen(KEYS.ready("slack")) == 0

    async def test_a_turn_with_the_same_id_is_put_in_place(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """A Continue replaces the answer where it stands."""
        for _ in range(2):
            await inbox.accept(message())
        first = await claim_one(jobs)
        await jobs.finish(first, answer(first))
        second = await claim_one(jobs)
        longer = answer(first, Ending.LENGTH)
        await jobs.finish(second, Settlement(Ending.LENGTH, turns=longer.turns[1:]))
        conversation = first.job.conversation_id
        assert [t.decode() for t in await redis_client.zrange(KEYS.order(conversation), 0, -1)] == [
            turn.id for turn in longer.turns
        ]
        stored = await redis_client.hget(KEYS.turns(conversation), longer.turns[1].id)
        assert b'"length"' in stored

    async def test_the_cut_only_moves_forward(self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any) -> None:
        """A settlement with an older cut leaves the newer one."""
        for cut in (3, 7, 5):
            await inbox.accept(message())
            claim = await claim_one(jobs)
            await jobs.finish(claim, answer(claim, cut=cut))
        assert await redis_client.hget(KEYS.thread(claim.job.conversation_id), "cut") == b"7"

    async def test_a_removed_question_leaves_no_turns(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """Even when the worker names some."""
        await inbox.accept(message())
        claim = await claim_one(jobs)
        await jobs.finish(claim, answer(claim, Ending.REMOVED))
        conversation = claim.job.conversation_id
        assert await redis_client.exists(KEYS.turns(conversation), KEYS.order(conversation)) == 0

    async def test_gives_the_thread_its_whole_lifetime_again(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """With each answer the turns, their order and the thread live on together."""
        for _ in range(2):
            await inbox.accept(message())
            claim = await claim_one(jobs)
            await jobs.finish(claim, answer(claim))
            conversation = claim.job.conversation_id
            for key in (KEYS.turns(conversation), KEYS.order(conversation), KEYS.thread(conversation)):
                assert await redis_client.ttl(key) > KEYS.content_seconds * 0.98
                assert await redis_client.expire(key, 60)

    async def test_a_question_prolongs_what_all_share(self, inbox: RedisInbox, redis_client: Any) -> None:
        """What all threads share lives longer than the newest question, whichever was made when."""
        await inbox.accept(message(thread="1"))
        for key in (KEYS.ready("slack"), KEYS.backlog(), KEYS.unslotted()):
            assert await redis_client.expire(key, 60)
        await inbox.accept(message(thread="2"))
        for key in (KEYS.ready("slack"), KEYS.backlog(), KEYS.unslotted()):
            assert await redis_client.ttl(key) > QUEUE_SECONDS - 60

    async def test_a_job_can_live_as_long_as_the_queue(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """A renewal gives back its whole lifetime to every key of the thread's queue."""
        for _ in range(2):
            await inbox.accept(message())
        claim = await claim_one(jobs)
        queue = [KEYS.backlog(), KEYS.ready("slack"), KEYS.mailbox(claim.job.conversation_id)]
        queue.append(KEYS.lease(claim.job.conversation_id))
        queue += [KEYS.job(job.id) for job in await inbox.pending(claim.job.conversation_id)]
        assert len(queue) == 6
        for key in queue:
            assert await redis_client.expire(key, 60)
        await jobs.renew([claim])
        for key in queue:
            assert await redis_client.ttl(key) > QUEUE_SECONDS - 60, key


class TestTakeOver:
    async def test_goes_on_from_the_checkpoint(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """When a worker dies, another gets the job with all that was stored, after its lease and not before."""
        await inbox.accept(message())
        dead, alive = make_jobs(lease_seconds=SHORT_LEASE), make_jobs(lease_seconds=SHORT_LEASE)
        claim = await claim_one(dead)
        reached = Checkpoint(
            text=" half an",
            token_ids=(5, 6),
            tokens_used=2,
            segments=(Segment(key="k", start=0, state=SegmentState.SENT, message_id="9.1"),),
        )
        assert await dead.checkpoint(claim, reached) is None
        claimed_at = time.monotonic()
        taken = await claim_one(alive, seconds=SHORT_LEASE + 10)
        assert time.monotonic() - claimed_at > SHORT_LEASE * 0.6
        assert taken.job == claim.job
        assert taken.checkpoint == reached
        assert taken.fence > claim.fence

    async def test_a_lost_lease_writes_nothing(self, inbox: RedisInbox, make_jobs: Make, redis_client: Any) -> None:
        """Whatever a worker still tries after it was overtaken is refused, and what the new one does stands."""
        await inbox.accept(message())
        old, new = make_jobs(lease_seconds=SHORT_LEASE), make_jobs(lease_seconds=SHORT_LEASE)
        lost = await claim_one(old)
        taken = await claim_one(new)
        await new.checkpoint(taken, Checkpoint(text="new", tokens_used=1))
        deadline = lost.deadline
        assert await old.renew([lost]) == [StopReason.LOST]
        assert lost.deadline == deadline
        for write in (
            old.checkpoint(lost, Checkpoint(text="old")),
            old.finish(lost, answer(lost)),
            old.bury(lost, "old"),
            old.reload(lost),
        ):
            with pytest.raises(LeaseLost):
                await write
        await old.release(lost)
        assert await new.renew([taken]) == [None]
        assert (await new.reload(taken)).checkpoint.text == "new"
        await new.finish(taken, answer(taken))
        with pytest.raises(LeaseLost):
            await old.finish(lost, answer(lost))
        assert await redis_client.hlen(KEYS.turns(taken.job.conversation_id)) == 2

    async def test_a_renewed_lease_is_kept(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """A job may run for many leases; nobody takes it while its worker renews it."""
        await inbox.accept(message())
        mine, other = make_jobs(lease_seconds=1.0), make_jobs(lease_seconds=1.0)
        claim = await claim_one(mine)
        first_deadline = claim.deadline

        async def three_leases_later() -> bool:
            assert await mine.renew([claim]) == [None]
            assert await other.claim(8) == []
            return claim.deadline > first_deadline + 3

        await eventually(three_leases_later, "three leases", seconds=30)
        assert await mine.finish(claim, answer(claim)) is None

    async def test_one_free_place_finds_one_abandoned_job_among_many(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """However many jobs run, an abandoned one is found at the next look."""
        for n in range(200):
            await inbox.accept(message(thread=str(n)))
        running, dying, looking = make_jobs(), make_jobs(), make_jobs(lease_seconds=SHORT_LEASE)
        kept = await claim_all(running, 199)
        (abandoned,) = await claim_all(dying, 1)

        async def found() -> bool:
            await running.renew(kept)
            return [claim.job.id for claim in await looking.claim(1)] == [abandoned.job.id]

        await eventually(found, "the abandoned job, by one who looks for one")

    async def test_many_abandoned_jobs_are_found_one_claim_after_the_other(
        self, inbox: RedisInbox, make_jobs: Make
    ) -> None:
        """Who has room for few of them at a time does not wait from one look to the next."""
        for n in range(6):
            await inbox.accept(message(thread=str(n)))
        lease = 10 * SHORT_LEASE  # a fifth of it is far longer than six claims take
        dying, looking = make_jobs(lease_seconds=lease), make_jobs(lease_seconds=lease)
        await claim_all(dying, 6)

        async def found() -> bool:
            return len(await looking.claim(2)) == 2

        await eventually(found, "the first two abandoned jobs")
        assert [len(await looking.claim(2)) for _ in range(2)] == [2, 2]

    async def test_a_sleeper_does_not_take_what_it_only_read(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """A worker that stops between reading an entry and claiming it does not take the job from its new owner."""
        await inbox.accept(message())
        sleeper, awake = make_jobs(lease_seconds=SHORT_LEASE), make_jobs(lease_seconds=SHORT_LEASE)
        read: list[Look] = []

        async def found() -> bool:
            read.extend([look for look in [await sleeper._streams.wait(1)] if look])
            return bool(read)

        await eventually(found, "an entry to read")
        claim = await claim_one(awake)
        assert await sleeper._take(read[0]) == []
        assert await awake.renew([claim]) == [None]
        assert claim.attempts == 1

    async def test_its_own_jobs_do_not_look_abandoned_after_an_outage(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """A worker that could not renew for a lease, but wanted to, goes on with the job that it has."""
        await inbox.accept(message())
        mine = make_jobs(lease_seconds=SHORT_LEASE)
        claim = await claim_one(mine)

        async def past_the_lease() -> bool:
            mine._streams.hold(claim.entry)  # as a renewal does that does not get through
            assert await mine.claim(1) == []
            return time.monotonic() > claim.deadline + SHORT_LEASE

        await eventually(past_the_lease, "the end of the lease")
        assert await mine.renew([claim]) == [None]
        assert await mine.finish(claim, answer(claim)) is None


class TestAttempts:
    async def _crash(self, make_jobs: Make) -> Claim:
        return await claim_one(make_jobs(lease_seconds=0.2))

    async def test_count_crashes_and_not_handovers(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """Each worker that dies with the job counts; one that hands it over does not."""
        await inbox.accept(message())
        assert (await self._crash(make_jobs)).attempts == 1
        assert (await self._crash(make_jobs)).attempts == 2
        jobs = make_jobs(lease_seconds=0.2)
        for _ in range(4):
            claim = await claim_one(jobs)
            assert claim.attempts == 3
            await jobs.release(claim)
        assert (await self._crash(make_jobs)).attempts == 3
        assert (await self._crash(make_jobs)).attempts == 4
        assert jobs.max_attempts == 3

    async def test_progress_forgives_crashes(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """A long answer may meet many restarts, as long as each worker brings it forward."""
        await inbox.accept(message())
        for tokens in (1, 2, 3):
            jobs = make_jobs(lease_seconds=0.2)
            claim = await claim_one(jobs)
            assert claim.attempts == (1 if tokens == 1 else 2)
            await jobs.checkpoint(claim, Checkpoint(tokens_used=tokens))
        for attempts in (2, 3):
            jobs = make_jobs(lease_seconds=0.2)
            claim = await claim_one(jobs)
            assert claim.attempts == attempts
            await jobs.checkpoint(claim, Checkpoint(tokens_used=3))


class TestRelease:
    async def test_is_claimable_at_once_and_still_the_first(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """Handing over does not wait for a lease, keeps the checkpoint and does not lose the thread's order."""
        for n in range(2):
            await inbox.accept(message(str(n)))
        leaving, staying = make_jobs(lease_seconds=3600), make_jobs(lease_seconds=3600)
        claim = await claim_one(leaving)
        await leaving.checkpoint(claim, Checkpoint(text="half", tokens_used=1))
        await leaving.release(claim)
        taken = await claim_one(staying)
        assert (taken.job.id, taken.checkpoint.text, taken.attempts) == (claim.job.id, "half", 1)
        with pytest.raises(LeaseLost):
            await leaving.checkpoint(claim, Checkpoint())

    async def test_is_no_ending(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A worker that has handed a job over cannot finish it after all."""
        await inbox.accept(message())
        claim = await claim_one(jobs)
        await jobs.release(claim)
        for write in (jobs.finish(claim, answer(claim)), jobs.bury(claim, "why")):
            with pytest.raises(LeaseLost):
                await write
        assert await inbox.depth() == 1

    async def test_a_cancelled_claim_holds_nothing(
        self, inbox: RedisInbox, make_jobs: Make, redis_client: Any, valkey_url: str
    ) -> None:
        """A process that is stopped while the server gives it a job does not keep that for a lease, nor is blamed."""
        await redis_client.script_load(source("claim"))
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            leaving, staying = make_jobs(lease_seconds=3600, redis=redis), make_jobs(lease_seconds=3600)
            await leaving.claim(1)
            accepted = await inbox.accept(message())
            server.script, server.hold = sha("claim"), True
            waiting = asyncio.create_task(leaving.claim(1))

            async def given() -> bool:
                return bool(await redis_client.hexists(KEYS.lease(accepted.conversation_id), "owner"))

            await eventually(given, "the claim to reach the server")
            waiting.cancel()
            server.hold = False
            with pytest.raises(asyncio.CancelledError):
                await waiting
            taken = await claim_one(staying)
            assert (taken.job.id, taken.attempts) == (accepted.job_id, 1)


class TestBury:
    async def test_keeps_ids_and_no_content(self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any) -> None:
        """A dead letter names the job and why it died; what the person wrote is gone, and the thread goes on."""
        await inbox.accept(message("my secret"))
        await inbox.accept(message("next"))
        claim = await claim_one(jobs)
        await jobs.bury(claim, "crashed its worker three times" + "." * 1000)
        ((_, letter),) = await redis_client.xrange(KEYS.dead())
        assert letter[b"job"].decode() == claim.job.id
        assert letter[b"conversation"].decode() == claim.job.conversation_id
        assert letter[b"attempts"] == b"1"
        assert letter[b"why"].startswith(b"crashed its worker three times...")
        assert len(letter[b"why"]) == 500
        assert b"secret" not in b"".join(letter.values())
        assert await redis_client.exists(KEYS.job(claim.job.id)) == 0
        assert (await claim_one(jobs)).job.messages[0].text == "next"

    async def test_the_graveyard_is_bounded(self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any) -> None:
        """About a thousand dead letters are kept, the newest."""
        for _ in range(1500):
            await redis_client.xadd(KEYS.dead(), {"job": "old"})
        await inbox.accept(message())
        claim = await claim_one(jobs)
        await jobs.bury(claim, "why")
        assert await redis_client.xlen(KEYS.dead()) < 1200
        ((_, newest),) = await redis_client.xrevrange(KEYS.dead(), count=1)
        assert newest[b"job"].decode() == claim.job.id


class TestRenewals:
    async def test_answers_each_claim_in_its_place(self, inbox: RedisInbox, make_jobs: Make) -> None:
        """Many claims are renewed together; each hears what it is asked, in the order of the claims."""
        for n in range(120):
            await inbox.accept(message(thread=str(n)))
        jobs = make_jobs()
        claims = await claim_all(jobs, 120)
        stopped, ended = claims[3], claims[110]
        await inbox.cancel(stopped.job.conversation_id)
        await jobs.finish(ended, answer(ended))
        lost = Claim(claims[77].job, Checkpoint(), 0, 1, 0.0, "0-0")
        reasons = await jobs.renew([*claims, lost])
        assert reasons == [StopReason.STOPPED if c is stopped else None for c in claims] + [StopReason.LOST]
        assert await jobs.renew([]) == []

    async def test_moves_the_deadline(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """The deadline is this machine's clock before the call and one lease."""
        await inbox.accept(message())
        claim = await claim_one(jobs)
        before = time.monotonic()
        await jobs.renew([claim])
        assert before + 30 <= claim.deadline <= time.monotonic() + 30


class TestSignals:
    async def test_are_heard_from_another_connection(
        self, inbox: RedisInbox, make_jobs: Make, redis_client: Any, valkey_url: str
    ) -> None:
        """Stop, removal and change of a running question arrive by themselves, each within a tenth of a second."""
        async with open_redis(valkey_url) as elsewhere:
            jobs = make_jobs(redis=elsewhere)
            heard: asyncio.Queue[tuple[float, str, StopReason]] = asyncio.Queue()

            async def hear() -> None:
                async for conversation, reason in jobs.signals():
                    heard.put_nowait((time.monotonic(), conversation, reason))

            listening = asyncio.create_task(hear())

            async def subscribed() -> bool:
                return bool((await redis_client.pubsub_numsub(KEYS.signals()))[0][1])

            await eventually(subscribed, "the subscription")
            asked = message("wyh?")
            accepted = await inbox.accept(asked)
            await claim_one(jobs)
            steps: list[tuple[StopReason, Callable[[], Awaitable[object]]]] = [
                (StopReason.RESTART, lambda: inbox.replace(message("why?", message_id=asked.message_id))),
                (StopReason.STOPPED, lambda: inbox.cancel(accepted.conversation_id)),
                (StopReason.REMOVED, lambda: inbox.remove(asked.key)),
            ]
            delays = []
            for reason, ask in steps:
                began = time.monotonic()
                await ask()
                at, *what = await asyncio.wait_for(heard.get(), 5)
                assert what == [accepted.conversation_id, reason]
                delays.append(at - began)
            assert sorted(delays)[1] < 0.1, "the middle one of three, since a busy machine may hold one of them up"
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def test_go_on_after_an_outage(
        self, redis_server_factory: Callable[..., EmbeddedValkey], make_jobs: Make
    ) -> None:
        """A listener whose server went away hears what is asked after its return."""
        server = redis_server_factory()
        async with open_redis(await asyncio.to_thread(server.start)) as redis:
            jobs = make_jobs(redis=redis)
            signals = jobs.signals()
            following = asyncio.ensure_future(anext(signals))

            async def told() -> bool:
                return bool(await redis.publish(KEYS.signals(), "stopped c1"))

            await eventually(told, "a first listener")
            assert await asyncio.wait_for(following, 5) == ("c1", StopReason.STOPPED)
            await redis.client_kill_filter(_type="pubsub")
            following = asyncio.ensure_future(anext(signals))
            await eventually(told, "the listener to come back")
            assert await asyncio.wait_for(following, 5) == ("c1", StopReason.STOPPED)

    async def test_leave_a_connection_that_fell_silent(
        self, make_jobs: Make, redis_client: Any, valkey_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A listener whose connection answers no ping makes another, and hears again."""
        monkeypatch.setattr("storage.signals.PING_SECONDS", 0.2)
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            server.script = b"PING"
            signals = make_jobs(redis=redis).signals()
            following = asyncio.ensure_future(anext(signals))

            async def told() -> bool:
                return bool(await redis_client.publish(KEYS.signals(), "stopped c1"))

            await eventually(told, "a first listener")
            assert await asyncio.wait_for(following, 5) == ("c1", StopReason.STOPPED)
            following = asyncio.ensure_future(anext(signals))
            connected = server.connections
            server.hold = True

            async def reconnected() -> bool:
                return server.connections > connected

            await eventually(reconnected, "another connection")
            server.hold = False
            await eventually(told, "the listener to come back")
            assert await asyncio.wait_for(following, 5) == ("c1", StopReason.STOPPED)


class TestOutages:
    async def test_an_emptied_store_is_used_again(self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any) -> None:
        """After FLUSHALL, also one while the worker waits, running claims are lost and new questions are answered."""
        await inbox.accept(message())
        claim = await claim_one(jobs)
        waiting = asyncio.create_task(jobs.claim(1))

        async def blocked() -> bool:
            return any(client["cmd"].startswith("xreadgroup") for client in await redis_client.client_list())

        await eventually(blocked, "the worker to wait")
        await redis_client.flushall()
        assert await waiting == []
        assert await jobs.renew([claim]) == [StopReason.LOST]
        with pytest.raises(LeaseLost):
            await jobs.finish(claim, answer(claim))
        await inbox.accept(message("new"))
        assert (await claim_one(jobs)).job.messages[0].text == "new"

    async def test_a_lost_group_is_made_again(self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any) -> None:
        """Without the consumer group the worker that answers keeps its fence, and all questions come to an end."""
        await inbox.accept(message("runs"))
        claim = await claim_one(jobs)
        await inbox.accept(message("waits", thread="2"))
        await redis_client.xgroup_destroy(KEYS.ready("slack"), GROUP)
        assert await jobs.renew([claim]) == [None]
        assert await jobs.finish(claim, answer(claim)) is None
        other = await claim_one(jobs)
        assert other.job.messages[0].text == "waits"
        await no_double_entries(redis_client)

    async def test_everything_is_there_after_the_server_was_killed(
        self, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """Accepted questions, the running claim and its checkpoint survive; the worker goes on with its fence."""
        server = redis_server_factory()
        url = await asyncio.to_thread(server.start)
        async with open_redis(url) as redis:
            inbox, jobs = RedisInbox(redis, redis, KEYS), RedisJobs(redis, KEYS, lanes=["slack"])
            await inbox.accept(message("first"))
            await inbox.accept(message("second"))
            claim = await claim_one(jobs)
            await jobs.checkpoint(claim, Checkpoint(text="half", tokens_used=1))
            info: Any = await redis.info("server")
            os.kill(info["process_id"], signal.SIGKILL)
            with pytest.raises(StoreUnavailable):
                await jobs.renew([claim])
            with pytest.raises(StoreUnavailable):
                await jobs.claim(1)
            async with open_redis(await asyncio.to_thread(server.start)) as back:
                jobs_back = RedisJobs(back, KEYS, lanes=["slack"])
                assert await jobs_back.renew([claim]) == [None]
                assert await jobs_back.finish(claim, answer(claim)) is None
                assert (await claim_one(jobs_back)).job.messages[0].text == "second"

    async def test_a_living_worker_keeps_its_job_through_an_outage(
        self, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """When the store was away for longer than a lease, those who noticed it let the owners renew first."""
        server = redis_server_factory()
        async with open_redis(await asyncio.to_thread(server.start)) as redis:
            inbox = RedisInbox(redis, redis, KEYS)
            owner, other = (RedisJobs(redis, KEYS, lanes=["slack"], lease_seconds=4.0) for _ in range(2))
            await inbox.accept(message())
            claim = await claim_one(owner)
            info: Any = await redis.info("server")
            os.kill(info["process_id"], signal.SIGKILL)

            async def outlasted() -> bool:
                for call in (owner.renew([claim]), other.claim(1)):
                    with pytest.raises(StoreUnavailable):
                        await call
                return time.monotonic() > claim.deadline

            await eventually(outlasted, "the end of the lease", seconds=20)
            await asyncio.to_thread(server.start)
            for _ in range(3):  # half a second each: longer than from one sweep to the next
                assert await other.claim(1) == []
            assert await owner.renew([claim]) == [None]
            assert await other.claim(1) == []
            assert await owner.finish(claim, answer(claim)) is None

    async def test_ended_workers_are_forgotten(self, inbox: RedisInbox, make_jobs: Make, redis_client: Any) -> None:
        """Names of workers that hold nothing do not pile up; one that holds a job is kept with its job."""
        await inbox.accept(message())
        holding, idle = make_jobs(), make_jobs()
        await claim_one(holding)
        await idle.claim(1)
        assert await idle._streams._tidy(0, "slack") == 1
        (left,) = await redis_client.xinfo_consumers(KEYS.ready("slack"), GROUP)
        assert left["pending"] == 1

    async def test_a_vanished_job_does_not_block_its_thread(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """When somebody deletes a job's key by hand, the questions behind it are still answered."""
        first = await inbox.accept(message())
        await inbox.accept(message("next"))
        await redis_client.delete(KEYS.job(first.job_id))
        assert (await claim_one(jobs)).job.messages[0].text == "next"
        assert await inbox.depth() == 1

    async def test_a_job_that_cannot_be_read_does_not_block_the_queue(
        self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Any
    ) -> None:
        """It is set aside, and what stands beside and behind it is claimed."""
        broken = await inbox.accept(message())
        await redis_client.hset(KEYS.job(broken.job_id), "message:1", "no json")
        await inbox.accept(message("behind"))
        await inbox.accept(message("beside", thread="another"))
        claims = await claim_all(jobs, 2)
        assert sorted(claim.job.messages[0].text for claim in claims) == ["behind", "beside"]
        (letter,) = await redis_client.xrange(KEYS.dead())
        assert letter[1][b"job"].decode() == broken.job_id


class TestLostReplies:
    """The client repeats a command whose reply was lost, though it was done: it must not be done twice."""

    @pytest.fixture
    async def losing(self, redis_client: Any, valkey_url: str) -> AsyncIterator[tuple[Any, RedisJobs]]:
        for name in ("claim", "renew", "checkpoint", "finish", "release", "bury"):
            await redis_client.script_load(source(name))
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            yield server, RedisJobs(redis, KEYS, lanes=["slack"], lease_seconds=30)
            assert server.lost == 1

    async def test_claim(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox) -> None:
        """The same claim is given again: one fence, one attempt."""
        server, jobs = losing
        await jobs.claim(1)
        await inbox.accept(message())
        server.script, server.lose = sha("claim"), 1
        claim = await claim_one(jobs)
        assert (claim.fence, claim.attempts) == (1, 1)
        assert await jobs.finish(claim, answer(claim)) is None

    async def test_claim_of_several(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox) -> None:
        """All that the lost answer gave is given again, and what came since is left to the next claim."""
        server, jobs = losing
        await jobs.claim(1)
        for n in range(3):
            await inbox.accept(message(thread=str(n)))
        server.script, server.lose = sha("claim"), 1
        claims = await jobs.claim(2)
        assert [(claim.fence, claim.attempts) for claim in claims] == [(1, 1), (1, 1)]
        (last,) = await jobs.claim(2)
        assert len({claim.job.id for claim in [*claims, last]}) == 3

    async def test_finish(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox, redis_client: Any) -> None:
        """The job has ended once: the next one is untouched, and the turns are there once."""
        server, jobs = losing
        await inbox.accept(message())
        await inbox.accept(message("next"))
        claim = await claim_one(jobs)
        server.lose = 1
        assert await jobs.finish(claim, answer(claim)) is None
        assert [j.messages[0].text for j in await inbox.pending(claim.job.conversation_id)] == ["next"]
        assert await redis_client.zcard(KEYS.order(claim.job.conversation_id)) == 2
        await no_double_entries(redis_client)

    async def test_release(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox, redis_client: Any) -> None:
        """The job waits once."""
        server, jobs = losing
        await inbox.accept(message())
        claim = await claim_one(jobs)
        server.lose = 1
        await jobs.release(claim)
        await no_double_entries(redis_client)
        assert (await claim_one(jobs)).attempts == 1

    async def test_bury(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox, redis_client: Any) -> None:
        """There is one dead letter, and the next question lives."""
        server, jobs = losing
        await inbox.accept(message())
        await inbox.accept(message("next"))
        claim = await claim_one(jobs)
        server.lose = 1
        await jobs.bury(claim, "why")
        assert await redis_client.xlen(KEYS.dead()) == 1
        assert [j.messages[0].text for j in await inbox.pending(claim.job.conversation_id)] == ["next"]

    async def test_checkpoint(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox) -> None:
        """The checkpoint is there, and what was asked is heard."""
        server, jobs = losing
        accepted = await inbox.accept(message())
        claim = await claim_one(jobs)
        await inbox.cancel(accepted.conversation_id)
        server.lose = 1
        assert await jobs.checkpoint(claim, Checkpoint(text="a", tokens_used=1)) is StopReason.STOPPED
        assert (await jobs.reload(claim)).checkpoint.text == "a"

    async def test_renew(self, losing: tuple[Any, RedisJobs], inbox: RedisInbox) -> None:
        """The claim is kept."""
        server, jobs = losing
        await inbox.accept(message())
        claim = await claim_one(jobs)
        server.lose = 1
        assert await jobs.renew([claim]) == [None]
