"""The listeners' side of the queue, on a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from conversation.errors import QueueFull, StoreUnavailable
from conversation.model import Checkpoint, Command, Ending, Settlement, StopReason, ThreadId
from conversation.ports import EditOutcome
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.scripts import source
from storage.threads import RedisThreads
from tests.storage.questions import answer, claim_one, lossy_server, message

KEYS = Keys()


@pytest.fixture
async def inbox(redis_client: Redis, valkey_url: str) -> AsyncIterator[RedisInbox]:
    fast = open_redis(valkey_url, fast=True)
    yield RedisInbox(redis_client, fast, KEYS, join_seconds=600.0, max_mailbox=3, max_backlog=5)
    await fast.aclose()


@pytest.fixture
def jobs(redis_client: Redis) -> RedisJobs:
    return RedisJobs(redis_client, KEYS, lanes=["slack"])


class TestAccept:
    async def test_keeps_every_field_of_a_message(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """What is claimed is what was accepted."""
        asked = message("Wie geht's? 🐍\n```py\n\x00\n```", dedupe_keys=("slack:event:E1",))
        accepted = await inbox.accept(asked)
        claim = await claim_one(jobs)
        assert claim.job.messages == (asked,)
        assert (claim.job.id, claim.job.conversation_id) == (accepted.job_id, accepted.conversation_id)
        assert abs(claim.job.accepted_at - time.time()) < 60
        assert accepted.is_new
        assert not accepted.joined

    async def test_gives_the_same_job_to_the_same_message(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A redelivery finds the job by the key, by each dedupe key and by those that only a redelivery named; also
        after the job has ended."""
        first = await inbox.accept(message(message_id="1", dedupe_keys=("slack:event:E1",)))
        twin = message(message_id="1", dedupe_keys=("slack:event:E2",))
        other_name = message(message_id="2", dedupe_keys=("slack:event:E2",))
        for again in (twin, other_name):
            found = await inbox.accept(again)
            assert not found.is_new
            assert (found.job_id, found.conversation_id) == (first.job_id, first.conversation_id)
        assert await inbox.depth() == 1
        claim = await claim_one(jobs)
        await jobs.finish(claim, answer(claim))
        settled = await inbox.accept(twin)
        assert (settled.is_new, settled.job_id, settled.conversation_id) == (False, first.job_id, first.conversation_id)
        assert await inbox.depth() == 0

    async def test_gives_twenty_copies_at_once_one_job(self, inbox: RedisInbox) -> None:
        """Copies that race each other make one job."""
        asked = message()
        accepted = await asyncio.gather(*(inbox.accept(asked) for _ in range(20)))
        assert len({a.job_id for a in accepted}) == 1
        assert [a.is_new for a in accepted].count(True) == 1

    async def test_finds_the_conversation_by_its_address(self, inbox: RedisInbox, redis_client: Redis) -> None:
        """An address belongs to one conversation, and so does an address that was bound to it."""
        first = await inbox.accept(message(thread="a"))
        second = await inbox.accept(message(thread="a"))
        assert (second.conversation_id, second.ahead) == (first.conversation_id, 1)
        assert (await inbox.accept(message(thread="b"))).conversation_id != first.conversation_id
        opened = ThreadId("slack", "T1", "C1", "opened")
        assert await inbox.conversation(opened) is None
        await RedisThreads(redis_client, KEYS).bind(opened, first.conversation_id)
        assert await inbox.conversation(opened) == first.conversation_id
        assert (await inbox.accept(message(thread="opened"))).conversation_id == first.conversation_id

    async def test_refuses_more_than_a_thread_or_the_queue_may_hold(
        self, inbox: RedisInbox, redis_client: Redis
    ) -> None:
        """A message beyond a bound is refused, and nothing of it is stored."""
        for _ in range(3):
            await inbox.accept(message(thread="a"))
        stored = await redis_client.dbsize()
        with pytest.raises(QueueFull, match="mailbox"):
            await inbox.accept(message(thread="a"))
        assert await redis_client.dbsize() == stored
        for _ in range(2):
            await inbox.accept(message(thread="b"))
        stored = await redis_client.dbsize()
        with pytest.raises(QueueFull, match="whole queue"):
            await inbox.accept(message(thread="new"))
        assert await redis_client.dbsize() == stored
        assert await inbox.depth() == 5

    async def test_a_removal_is_never_refused(self, inbox: RedisInbox) -> None:
        """What was deleted must go, however much waits."""
        for _ in range(3):
            await inbox.accept(message(thread="a"))
        for _ in range(2):
            await inbox.accept(message(thread="b"))
        assert (await inbox.accept(replace(message(thread="a"), command=Command.REMOVE))).is_new
        assert (await inbox.accept(replace(message(thread="new"), command=Command.REMOVE))).is_new

    async def test_refused_message_can_be_sent_again(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A refusal leaves no memory of the message that would swallow it later."""
        for _ in range(3):
            await inbox.accept(message(thread="a"))
        refused = message(thread="a")
        with pytest.raises(QueueFull):
            await inbox.accept(refused)
        claim = await claim_one(jobs)
        await jobs.finish(claim, answer(claim))
        assert (await inbox.accept(refused)).is_new


class TestAddresses:
    async def test_those_within_a_channel_and_a_workspace(self, inbox: RedisInbox) -> None:
        """Whatever signs they are made of, and none beside them."""
        within = [ThreadId("discord", "1", "2", thread) for thread in ("3", "private-4", "*:[?]")]
        beside = [ThreadId("discord", "1", "22", "3"), ThreadId("discord", "11", "2", "3")]
        for address in [*within, *beside]:
            await inbox.accept(replace(message(), address=address))
        assert set(await inbox.addresses(ThreadId("discord", "1", "2", ""))) == set(within)
        assert set(await inbox.addresses(ThreadId("discord", "1", "", ""))) == {*within, beside[0]}
        assert await inbox.addresses(ThreadId("discord", "3", "", "")) == []

    async def test_a_place_that_was_opened_for_an_answer_is_among_them(
        self, inbox: RedisInbox, redis_client: Redis
    ) -> None:
        """A thread below a question is an address of its own."""
        opened = ThreadId("discord", "1", "2", "opened")
        accepted = await inbox.accept(replace(message(), address=replace(opened, thread="asked")))
        await RedisThreads(redis_client, KEYS).bind(opened, accepted.conversation_id)
        assert set(await inbox.addresses(ThreadId("discord", "1", "2", ""))) == {
            opened,
            replace(opened, thread="asked"),
        }

    async def test_they_are_forgotten_when_they_surely_are_no_more(
        self, inbox: RedisInbox, redis_client: Redis
    ) -> None:
        """A workspace that is always in use does not grow by every thread that it ever had."""
        places = KEYS.places("discord:1")
        at = ThreadId("discord", "1", "2", "new")
        await redis_client.zadd(places, {"2:old": 1.0})
        await inbox.accept(replace(message(), address=at))
        assert await inbox.addresses(ThreadId("discord", "1", "", "")) == [at]
        assert KEYS.content_seconds < await redis_client.ttl(places) <= KEYS.content_seconds * 1.02


class TestJoining:
    async def test_neighbouring_messages_of_one_person_are_one_question(
        self, inbox: RedisInbox, jobs: RedisJobs
    ) -> None:
        """The second message becomes part of the first one's job, and a redelivery of it finds that job."""
        first = await inbox.accept(message("here is", author="U1"))
        addition = message("my code", author="U1", dedupe_keys=("slack:event:E9",))
        second = await inbox.accept(addition)
        assert (second.job_id, second.joined, second.is_new) == (first.job_id, True, True)
        again = await inbox.accept(message(message_id="twin", dedupe_keys=("slack:event:E9",)))
        assert (again.job_id, again.is_new) == (first.job_id, False)
        claim = await claim_one(jobs)
        assert [m.text for m in claim.job.messages] == ["here is", "my code"]
        assert claim.job.revision == 1
        assert await inbox.depth() == 1

    async def test_joins_the_last_question_only(self, inbox: RedisInbox) -> None:
        """When somebody else has spoken in between, the thread's order of questions is kept."""
        await inbox.accept(message(author="U1"))
        await inbox.accept(message(author="U2"))
        third = await inbox.accept(message(author="U1"))
        assert not third.joined
        assert third.ahead == 2

    async def test_does_not_join_what_is_no_open_question(self, inbox: RedisInbox) -> None:
        """Neither a Continue nor a stopped question takes a message in, and a Continue joins nothing."""
        going_on = await inbox.accept(message(author="U1", command=Command.CONTINUE, thread="a"))
        assert not (await inbox.accept(message(author="U1", thread="a"))).joined
        assert not (await inbox.accept(message(author="U1", command=Command.CONTINUE, thread="a"))).joined
        stopped = await inbox.accept(message(author="U1", thread="b"))
        assert await inbox.cancel(stopped.conversation_id)
        assert not (await inbox.accept(message(author="U1", thread="b"))).joined
        assert going_on.conversation_id != stopped.conversation_id

    async def test_joins_within_the_window_only(self, redis_client: Redis) -> None:
        """The window counts from the question's last message."""
        inbox = RedisInbox(redis_client, redis_client, KEYS, join_seconds=0.0)
        await inbox.accept(message(author="U1"))
        assert not (await inbox.accept(message(author="U1"))).joined

    async def test_joins_nothing_that_was_written_long_before(self, inbox: RedisInbox) -> None:
        """What was missed for a while comes all at once, and is still as many questions as it was."""
        first = message(author="U1")
        later = replace(message(author="U1"), sent_at=first.sent_at + 601.0)
        last = replace(message(author="U1"), sent_at=later.sent_at + 599.0)
        assert [(await inbox.accept(one)).joined for one in (first, later, last)] == [False, False, True]
        out_of_order = replace(message(author="U1"), sent_at=first.sent_at + 1.0)
        assert not (await inbox.accept(out_of_order)).joined

    async def test_a_question_has_no_more_messages_than_a_mailbox(self, inbox: RedisInbox) -> None:
        """Somebody who never pauses does not make one question without end."""
        joined = [(await inbox.accept(message(author="U1"))).joined for _ in range(4)]
        assert joined == [False, True, True, False]

    async def test_restarts_the_running_answer(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A worker that already answers learns that there is more, from each of its calls, and by a reload what."""
        await inbox.accept(message("here is", author="U1"))
        claim = await claim_one(jobs)
        await inbox.accept(message("my code", author="U1"))
        assert await jobs.renew([claim]) == [StopReason.RESTART]
        assert await jobs.checkpoint(claim, Checkpoint(text="an", tokens_used=1)) is StopReason.RESTART
        assert await jobs.finish(claim, answer(claim)) is StopReason.RESTART
        assert await inbox.depth() == 1
        assert await jobs.reload(claim) is claim
        assert [m.text for m in claim.job.messages] == ["here is", "my code"]
        assert claim.checkpoint.text == "an"
        assert await jobs.renew([claim]) == [None]
        assert await jobs.finish(claim, answer(claim)) is None


class TestCancel:
    async def test_stops_the_running_answer(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """The worker learns it from each of its calls, and may end the job as stopped."""
        accepted = await inbox.accept(message())
        claim = await claim_one(jobs)
        assert await inbox.cancel(accepted.conversation_id)
        assert await jobs.renew([claim]) == [StopReason.STOPPED]
        assert await jobs.checkpoint(claim, Checkpoint()) is StopReason.STOPPED
        assert await jobs.finish(claim, answer(claim, Ending.STOPPED)) is None
        assert not await inbox.cancel(accepted.conversation_id)

    async def test_stops_what_waits_for_a_worker(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A question that is stopped before it is claimed comes to its worker marked so; the next one does not."""
        accepted = await inbox.accept(message())
        await inbox.accept(message())
        assert await inbox.cancel(accepted.conversation_id)
        claim = await claim_one(jobs)
        assert claim.stop is StopReason.STOPPED
        await jobs.finish(claim, answer(claim, Ending.STOPPED))
        assert (await claim_one(jobs)).stop is None

    async def test_stops_no_other_answer_than_the_one_that_is_meant(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A press that comes just after the end of its answer leaves the next question alone."""
        first = await inbox.accept(message())
        claim = await claim_one(jobs)
        await jobs.finish(claim, answer(claim))
        second = await inbox.accept(message())
        assert not await inbox.cancel(first.conversation_id, first.job_id)
        assert await inbox.cancel(second.conversation_id, second.job_id)

    async def test_is_false_where_nothing_is_asked(self, inbox: RedisInbox) -> None:
        """There is nothing to stop in a conversation without questions."""
        assert not await inbox.cancel("nobody")


class TestRemove:
    @pytest.mark.parametrize("place", [0, 1, 2])
    async def test_takes_a_waiting_question_out_wherever_it_stands(
        self, inbox: RedisInbox, jobs: RedisJobs, place: int
    ) -> None:
        """The others are answered in their order, and the deleted one's text is gone from the store."""
        asked = [message(f"question {n}") for n in range(3)]
        for each in asked:
            await inbox.accept(each)
        assert await inbox.remove(asked[place].key) is EditOutcome.QUEUED
        assert await inbox.depth() == 2
        answered = []
        for _ in range(2):
            claim = await claim_one(jobs)
            answered.append(claim.job.messages[0])
            await jobs.finish(claim, answer(claim))
        assert answered == [each for each in asked if each is not asked[place]]
        assert await jobs.claim(1) == []
        assert not (await inbox.accept(asked[place])).is_new

    async def test_empties_a_thread(self, inbox: RedisInbox, jobs: RedisJobs, redis_client: Redis) -> None:
        """Without a question left, nothing stands in the ready stream, and the next question starts anew."""
        asked = message()
        await inbox.accept(asked)
        await inbox.remove(asked.key)
        assert await redis_client.xlen(KEYS.ready("slack")) == 0
        assert await jobs.claim(1) == []
        await inbox.accept(message("another"))
        assert (await claim_one(jobs)).job.messages[0].text == "another"

    async def test_calls_a_running_answer_back(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """The answer to a deleted question cannot end in another way than removed, and leaves no turns."""
        asked = message()
        accepted = await inbox.accept(asked)
        claim = await claim_one(jobs)
        assert await inbox.remove(asked.key) is EditOutcome.RUNNING
        assert await jobs.renew([claim]) == [StopReason.REMOVED]
        assert not await inbox.cancel("other")
        assert await inbox.cancel(accepted.conversation_id)
        assert await jobs.renew([claim]) == [StopReason.REMOVED]
        assert await jobs.finish(claim, answer(claim)) is StopReason.REMOVED
        assert await jobs.finish(claim, answer(claim, Ending.REMOVED)) is None
        assert await inbox.depth() == 0

    async def test_a_handed_over_answer_is_taken_away_by_its_next_worker(
        self, inbox: RedisInbox, jobs: RedisJobs
    ) -> None:
        """People have seen the beginning of the answer, so the job stays until a worker has removed it."""
        asked = message()
        await inbox.accept(asked)
        claim = await claim_one(jobs)
        await jobs.checkpoint(claim, Checkpoint(text="a", tokens_used=1))
        await jobs.release(claim)
        assert await inbox.remove(asked.key) is EditOutcome.RUNNING
        assert (await claim_one(jobs)).stop is StopReason.REMOVED

    @pytest.mark.parametrize("runs", [False, True])
    async def test_takes_one_of_several_messages(self, inbox: RedisInbox, jobs: RedisJobs, *, runs: bool) -> None:
        """The rest of the question is asked on; a running answer starts again."""
        first, second = message("one", author="U1"), message("two", author="U1", dedupe_keys=("slack:event:E1",))
        await inbox.accept(first)
        await inbox.accept(second)
        claim = await claim_one(jobs) if runs else None
        assert await inbox.remove("slack:event:E1") is (EditOutcome.RUNNING if runs else EditOutcome.QUEUED)
        if claim is None:
            claim = await claim_one(jobs)
        else:
            assert await jobs.renew([claim]) == [StopReason.RESTART]
            await jobs.reload(claim)
        assert claim.job.messages == (first,)
        assert claim.job.revision == 2

    async def test_does_not_know_other_messages(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """Neither a strange message nor one whose job has ended is in the queue."""
        asked = message()
        assert await inbox.remove("slack:T1:C1:strange") is EditOutcome.UNKNOWN
        await inbox.accept(asked)
        claim = await claim_one(jobs)
        await jobs.finish(claim, answer(claim))
        assert await inbox.remove(asked.key) is EditOutcome.UNKNOWN
        assert await inbox.replace(asked) is EditOutcome.UNKNOWN


class TestReplace:
    @pytest.mark.parametrize("runs", [False, True])
    async def test_puts_the_new_text_in_place(self, inbox: RedisInbox, jobs: RedisJobs, *, runs: bool) -> None:
        """The edited question is the one that is answered; a running answer starts again."""
        old = message("wyh?")
        new = message("why?", message_id=old.message_id, author=old.author_id)
        await inbox.accept(old)
        claim = await claim_one(jobs) if runs else None
        assert await inbox.replace(new) is (EditOutcome.RUNNING if runs else EditOutcome.QUEUED)
        if claim is None:
            claim = await claim_one(jobs)
        else:
            assert await jobs.renew([claim]) == [StopReason.RESTART]
            await jobs.reload(claim)
        assert claim.job.messages == (new,)

    async def test_the_same_edit_twice_is_one(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """An edit that changes nothing does not start an answer again."""
        asked = message()
        await inbox.accept(asked)
        claim = await claim_one(jobs)
        assert await inbox.replace(asked) is EditOutcome.RUNNING
        assert await jobs.renew([claim]) == [None]

    async def test_asks_a_stopped_question_anew(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """Who edits a question after stopping its answer wants another answer."""
        asked = message("wyh?")
        accepted = await inbox.accept(asked)
        await inbox.cancel(accepted.conversation_id)
        await inbox.replace(message("why?", message_id=asked.message_id))
        assert (await claim_one(jobs)).stop is None

    async def test_does_not_bring_a_deleted_question_back(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """Platforms send an edit after a deletion at times."""
        asked = message("wyh?")
        await inbox.accept(asked)
        claim = await claim_one(jobs)
        await inbox.remove(asked.key)
        await inbox.replace(message("why?", message_id=asked.message_id))
        assert await jobs.renew([claim]) == [StopReason.REMOVED]
        assert (await jobs.reload(claim)).job.messages == (asked,)


class TestLookingIn:
    async def test_shows_what_waits_and_where(self, inbox: RedisInbox, jobs: RedisJobs) -> None:
        """A thread's open questions stand in order, and its place counts the accepted questions before it."""
        first = await inbox.accept(message("1", thread="a"))
        await inbox.accept(message("2", thread="a"))
        other = await inbox.accept(message("3", thread="b"))
        assert [job.messages[0].text for job in await inbox.pending(first.conversation_id)] == ["1", "2"]
        assert [await inbox.place(c) for c in (first.conversation_id, other.conversation_id, "nobody")] == [0, 2, 0]
        claim = await claim_one(jobs)
        assert len(await inbox.pending(first.conversation_id)) == 2
        await jobs.finish(claim, answer(claim))
        assert [job.messages[0].text for job in await inbox.pending(first.conversation_id)] == ["2"]
        assert await inbox.place(other.conversation_id) == 1
        assert await inbox.depth() == 2


class TestOutages:
    async def _refused_in_time(self, url: str) -> None:
        fast = open_redis(url, fast=True)
        began = time.monotonic()
        try:
            with pytest.raises(StoreUnavailable):
                await RedisInbox(fast, fast, KEYS).accept(message())
        finally:
            waited = time.monotonic() - began
            await fast.aclose()
        assert waited < 2, "a platform would send the message again meanwhile"

    async def test_a_server_that_never_answers(self) -> None:
        """A black hole that takes connections is given up on before the platform loses patience."""

        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(65536):
                pass
            writer.close()

        server = await asyncio.start_server(swallow, "127.0.0.1", 0)
        async with server:
            await self._refused_in_time(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    async def test_a_server_that_is_not_there(self) -> None:
        """Nobody listens."""
        server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await self._refused_in_time(f"redis://127.0.0.1:{port}")

    async def test_a_server_that_loads_its_data(self) -> None:
        """A server that says LOADING has not stored anything."""

        async def loading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(65536):
                writer.write(b"-LOADING Valkey is loading the dataset in memory\r\n")
            writer.close()

        server = await asyncio.start_server(loading, "127.0.0.1", 0)
        async with server:
            await self._refused_in_time(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")

    async def test_a_full_server_takes_no_question_but_lets_answers_end(
        self, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """Without memory nothing new is accepted, not even half; what was accepted is still claimed, answered and
        finished, which gives memory back."""
        url = await asyncio.to_thread(redis_server_factory().start)
        async with open_redis(url) as redis:
            inbox, jobs = RedisInbox(redis, redis, KEYS), RedisJobs(redis, KEYS, lanes=["slack"])
            await inbox.accept(message("before"))
            await inbox.accept(message("waits", thread="2"))
            claim = await claim_one(jobs)
            await redis.config_set("maxmemory", 1)
            before = await redis.dbsize()
            with pytest.raises(StoreUnavailable):
                await inbox.accept(message("new"))
            assert await redis.dbsize() == before
            assert await jobs.checkpoint(claim, Checkpoint(text="a", tokens_used=1)) is None
            assert await jobs.finish(claim, answer(claim)) is None
            other = await claim_one(jobs)
            await jobs.finish(other, Settlement(ending=Ending.COMPLETE))
            assert await inbox.depth() == 0
            assert await redis.hlen(KEYS.turns(claim.job.conversation_id)) == 2


class TestLostReplies:
    """The client repeats a command whose reply was lost, though it was done: it must not be done twice."""

    async def test_accept(self, redis_client: Redis, valkey_url: str) -> None:
        """The message is there once, and the repeated command tells its job."""
        await redis_client.script_load(source("accept"))
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            inbox = RedisInbox(redis, redis, KEYS)
            server.lose = 1
            accepted = await inbox.accept(message())
            assert server.lost == 1
            assert not accepted.is_new
            assert [job.id for job in await inbox.pending(accepted.conversation_id)] == [accepted.job_id]

    @pytest.mark.parametrize("runs", [False, True])
    @pytest.mark.parametrize("several", [False, True])
    async def test_remove(self, redis_client: Redis, valkey_url: str, *, runs: bool, several: bool) -> None:
        """The repeated removal answers as the first did, and takes nothing else away."""
        await redis_client.script_load(source("remove"))
        jobs = RedisJobs(redis_client, KEYS, lanes=["slack"])
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            inbox = RedisInbox(redis, redis, KEYS, join_seconds=600.0)
            asked = message(author="U1")
            accepted = await inbox.accept(asked)
            if several:
                await inbox.accept(message(author="U1"))
            if runs:
                await claim_one(jobs)
            server.lose = 1
            assert await inbox.remove(asked.key) is (EditOutcome.RUNNING if runs else EditOutcome.QUEUED)
            assert server.lost == 1
            assert await inbox.depth() == (1 if runs or several else 0)
            if several:
                assert (await inbox.pending(accepted.conversation_id))[0].revision == 2

    async def test_replace_and_cancel(self, redis_client: Redis, valkey_url: str) -> None:
        """The question changes once, and it is stopped once."""
        for name in ("replace", "cancel"):
            await redis_client.script_load(source(name))
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            inbox = RedisInbox(redis, redis, KEYS)
            asked = message("wyh?")
            accepted = await inbox.accept(asked)
            server.lose = 1
            assert await inbox.replace(message("why?", message_id=asked.message_id)) is EditOutcome.QUEUED
            server.lose = 1
            assert await inbox.cancel(accepted.conversation_id)
            assert server.lost == 2
            (job,) = await inbox.pending(accepted.conversation_id)
            assert (job.revision, job.messages[0].text) == (1, "why?")
