"""The thread store on a real server: what is kept, for how long, and how it is taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import redis as blocking_redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

import storage.threads
from conversation.errors import StoreUnavailable
from conversation.model import Ending, InboundMessage, Language, Preferences, Role, Settlement, Skill, ThreadId, Turn
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.records import dump_turn
from storage.screen import RedisScreen
from storage.threads import RedisThreads

KEYS = Keys(prefix="test", content_seconds=1000)
THREAD = "0123abcd"


@pytest.fixture
def threads(redis_client: Redis) -> RedisThreads:
    return RedisThreads(redis_client, KEYS)


def question(turn_id: str, exchange: str = "job-1", **fields: Any) -> Turn:
    """A turn of Ada's, shown by the message `m-<turn_id>`."""
    turn = Turn(turn_id, exchange, Role.USER, f"text of {turn_id}", 1_700_000_000.123456, "U1", "Ada")
    return replace(turn, message_ids=(f"m-{turn_id}",), **fields)


def answer(turn_id: str, exchange: str = "job-1", **fields: Any) -> Turn:
    return replace(
        question(turn_id, exchange), role=Role.ASSISTANT, author_id="", author_name="", ending=Ending.COMPLETE, **fields
    )


def an_edit(message_id: str, text: str, **fields: Any) -> InboundMessage:
    """Ada edited that message."""
    at = ThreadId("slack", "T1", "C1", "1")
    return InboundMessage(at, "edit", "U1", "Ada", text, 0.0, target=message_id, **fields)


async def add(redis: Redis, *turns: Turn, thread: str = THREAD, cut: int = 0) -> None:
    """Write turns as the queue does when a job is finished."""
    for turn in turns:
        await redis.hset(KEYS.turns(thread), turn.id, dump_turn(turn))
        if await redis.zscore(KEYS.order(thread), turn.id) is None:
            place = await redis.hincrby(KEYS.thread(thread), "next_seq", 1)
            await redis.zadd(KEYS.order(thread), {turn.id: place}, nx=True)
    if cut:
        await redis.hset(KEYS.thread(thread), "cut", cut)
    for key in (KEYS.thread(thread), KEYS.turns(thread), KEYS.order(thread)):
        await redis.expire(key, KEYS.content_seconds)


def ids(turns: tuple[Turn, ...]) -> list[str]:
    return [turn.id for turn in turns]


async def test_a_new_thread_keeps_the_prompt_that_it_started_with(threads: RedisThreads) -> None:
    """The system prompt is pinned by the first to open the thread."""
    opened = await threads.open(THREAD, "You are terse. Größe: 1")
    assert (opened.conversation_id, opened.turns, opened.cut) == (THREAD, (), 0)
    assert opened.system_prompt == "You are terse. Größe: 1"
    assert (await threads.open(THREAD, "You are chatty.")).system_prompt == "You are terse. Größe: 1"


async def test_a_new_thread_keeps_the_preferences_that_it_started_with(
    redis_client: Redis, threads: RedisThreads
) -> None:
    """They are pinned together with the prompt, once; one that began without stays without, and so does an old one."""
    preferences = Preferences(Language("C++", "cpp"), "Use tabs.", 0.0, 400)
    assert (await threads.open(THREAD, "prompt", preferences)).preferences == preferences
    again = await threads.open(THREAD, "other", Preferences(temperature=1.0))
    assert (again.system_prompt, again.preferences) == ("prompt", preferences)
    assert (await threads.open("plain", "prompt")).preferences == Preferences()
    assert (await threads.open("plain", "prompt", preferences)).preferences == Preferences()
    await redis_client.hset(KEYS.thread("old"), "system_prompt", "prompt")
    assert (await threads.open("old", "prompt", preferences)).preferences == Preferences()


async def test_turns_come_back_whole_and_in_their_order(redis_client: Redis, threads: RedisThreads) -> None:
    """Each turn is read with every field as it was written, and its place, from 1 on."""
    written = [question("z"), answer("a"), question("b", "job-2", text="ünï`code\0"), answer("y", "job-2")]
    await add(redis_client, *written, cut=3)
    expected = tuple(replace(turn, seq=place) for place, turn in enumerate(written, 1))
    assert await threads.turns(THREAD) == expected
    opened = await threads.open(THREAD, "")
    assert opened.turns == expected
    assert opened.cut == 3


async def test_what_the_queue_writes_is_read_here(redis_client: Redis, threads: RedisThreads) -> None:
    """The turns and the cut of a job that was finished are the thread's, and an answer to it can be taken back."""
    inbox = RedisInbox(redis_client, redis_client, KEYS)
    jobs = RedisJobs(redis_client, KEYS, lanes=["slack"])
    asked = InboundMessage(ThreadId("slack", "T1", "C1", "1"), "m-q1", "U1", "Ada", "why?", 1.0)
    thread = (await inbox.accept(asked)).conversation_id
    (claim,) = await jobs.claim(1)
    written = (question("q1", claim.job.id), answer("a1", claim.job.id))
    assert await jobs.finish(claim, Settlement(Ending.COMPLETE, written, cut=1)) is None

    opened = await threads.open(thread, "")
    assert opened.turns == tuple(replace(turn, seq=place) for place, turn in enumerate(written, 1))
    assert opened.cut == 1
    assert await threads.purge_message(thread, "m-q1")
    assert await threads.turns(thread) == ()


async def test_many_turns_are_read_at_once(redis_client: Redis, threads: RedisThreads) -> None:
    """A thread of ten thousand turns is no more than a script can hand over."""
    turns: dict[Any, Any] = {f"t{number}": dump_turn(question(f"t{number}")) for number in range(10_000)}
    await redis_client.hset(KEYS.turns(THREAD), mapping=turns)
    await redis_client.zadd(KEYS.order(THREAD), {turn_id: place for place, turn_id in enumerate(turns, 1)})
    assert ids((await threads.open(THREAD, "")).turns) == list(turns)


async def test_counts_are_kept_for_each_vocabulary(threads: RedisThreads) -> None:
    """Counts are added to, and those of another tokenizer are not seen."""
    await threads.save_counts(THREAD, "llama", {"d1": 10, "d2": 20})
    await threads.save_counts(THREAD, "llama", {"d3": 30})
    await threads.save_counts(THREAD, "qwen", {"d1": 7})
    await threads.save_counts(THREAD, "gpt", {})
    assert await threads.counts(THREAD, "llama") == {"d1": 10, "d2": 20, "d3": 30}
    assert await threads.counts(THREAD, "qwen") == {"d1": 7}
    assert await threads.counts(THREAD, "gpt") == {}


@pytest.mark.parametrize(
    "touch",
    [
        lambda threads: threads.open(THREAD, ""),
        lambda threads: threads.save_counts(THREAD, "llama", {"d9": 1}),
        lambda threads: threads.edit_turn(THREAD, an_edit("m-q1", "other")),
        lambda threads: threads.purge_message(THREAD, "m-q1"),
    ],
    ids=["open", "save_counts", "edit_turn", "purge_message"],
)
async def test_all_that_is_kept_of_a_thread_lives_on_together(
    redis_client: Redis, threads: RedisThreads, touch: Callable[[RedisThreads], Awaitable[object]]
) -> None:
    """Each use of a thread gives all of its keys the whole lifetime again."""
    await threads.open(THREAD, "")
    await add(redis_client, question("q1"), answer("a1"), question("q2", "job-2"))
    await threads.save_counts(THREAD, "llama", {"d1": 1})
    await threads.save_counts(THREAD, "qwen", {"d1": 1})
    await RedisScreen(redis_client, KEYS).put(THREAD, "message", {"text": "x"})
    names = [key async for key in redis_client.scan_iter()]
    assert len(names) == 6
    for name in names:
        await redis_client.expire(name, 50)

    await touch(threads)

    left = {name: await redis_client.ttl(name) async for name in redis_client.scan_iter()}
    assert KEYS.turns(THREAD).encode() in left
    assert {name: seconds for name, seconds in left.items() if seconds < KEYS.content_seconds - 40} == {}


async def test_reading_turns_does_not_prolong_them(redis_client: Redis, threads: RedisThreads) -> None:
    """To look at a thread is not to use it."""
    await add(redis_client, question("q1"))
    await redis_client.expire(KEYS.turns(THREAD), 50)
    await threads.turns(THREAD)
    assert await redis_client.ttl(KEYS.turns(THREAD)) <= 50


async def test_an_edit_changes_the_persons_turn_in_its_place(redis_client: Redis, threads: RedisThreads) -> None:
    """It asks what the message asks now, its skill and its code included; other turns and the answer stay."""
    await add(redis_client, question("q1", skill=Skill.FILL, code="a<>"), answer("a1"), question("q2", "job-2"))
    before = await threads.turns(THREAD)
    now: dict[str, Any] = {"skill": Skill.COMPLETE, "language": "c", "code": "b", "file_name": "b.c", "edited_at": 5.0}
    assert await threads.edit_turn(THREAD, an_edit("m-q1", "what was meant", **now))
    assert await threads.turns(THREAD) == (replace(before[0], text="what was meant", **now), *before[1:])


@pytest.mark.parametrize("message_id", ["m-a1", "m-unknown"])
async def test_nothing_but_a_persons_message_can_be_edited(
    redis_client: Redis, threads: RedisThreads, message_id: str
) -> None:
    """Platforms report our own edits of an answer as well: those change no turn."""
    await add(redis_client, question("q1"), answer("a1"))
    before = await threads.turns(THREAD)
    assert not await threads.edit_turn(THREAD, an_edit(message_id, "forged"))
    assert await threads.turns(THREAD) == before


async def test_deleting_a_question_removes_the_pair(redis_client: Redis, threads: RedisThreads) -> None:
    """The answer to a deleted question goes with it, other exchanges stay; a second time there is nothing."""
    await add(redis_client, question("q1"), answer("a1"), question("q2", "job-2"), answer("a2", "job-2"))
    assert await threads.purge_message(THREAD, "m-q1")
    assert ids(await threads.turns(THREAD)) == ["q2", "a2"]
    assert not await threads.purge_message(THREAD, "m-q1")


async def test_an_answer_stays_while_a_message_of_its_question_is_left(
    redis_client: Redis, threads: RedisThreads
) -> None:
    """Of a question of two messages, the answer goes with the second one."""
    await add(redis_client, question("q1"), question("q2"), answer("a1"))
    assert await threads.purge_message(THREAD, "m-q1")
    assert ids(await threads.turns(THREAD)) == ["q2", "a1"]
    assert await threads.purge_message(THREAD, "m-q2")
    assert await threads.turns(THREAD) == ()


async def test_deleting_a_message_of_the_answer_leaves_the_question(redis_client: Redis, threads: RedisThreads) -> None:
    """Any of the messages that show an answer takes the answer's turn, and only that."""
    await add(redis_client, question("q1"), answer("a1", message_ids=("part-1", "part-2")))
    assert await threads.purge_message(THREAD, "part-2")
    assert ids(await threads.turns(THREAD)) == ["q1"]


async def test_a_place_is_not_given_twice(redis_client: Redis, threads: RedisThreads) -> None:
    """After a removal the thread's numbering goes on, so that a stored cut keeps its meaning."""
    await add(redis_client, question("q1"), answer("a1"))
    await threads.purge_message(THREAD, "m-q1")
    await add(redis_client, question("q2", "job-2"))
    assert [turn.seq for turn in await threads.turns(THREAD)] == [3]


@pytest.mark.parametrize("taken_back", ["edit", "purge"])
async def test_digests_of_what_was_taken_back_go(redis_client: Redis, threads: RedisThreads, taken_back: str) -> None:
    """No digest is left by which a text that was edited or deleted could be guessed."""
    await add(redis_client, question("q1"), answer("a1"))
    await threads.save_counts(THREAD, "llama", {"digest": 10})
    if taken_back == "edit":
        await threads.edit_turn(THREAD, an_edit("m-q1", "other"))
    else:
        await threads.purge_message(THREAD, "m-q1")
    assert await threads.counts(THREAD, "llama") == {}


async def test_a_turn_that_comes_while_one_is_removed_counts(
    redis_client: Redis, threads: RedisThreads, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write between the look and the removal makes it look again: here the answer is still asked for."""
    await add(redis_client, question("q1"), answer("a1"))
    plan, other = storage.threads._purge, blocking_redis.Redis.from_url(valkey_url)
    looks = []

    def interrupted(turns: Any, message_id: str) -> Any:
        looks.append(ids(turns))
        if len(looks) == 1:
            other.hset(KEYS.turns(THREAD), "q2", dump_turn(question("q2")))
            other.zadd(KEYS.order(THREAD), {"q2": 3})
        return plan(turns, message_id)

    monkeypatch.setattr(storage.threads, "_purge", interrupted)
    assert await threads.purge_message(THREAD, "m-q1")
    other.close()
    assert looks == [["q1", "a1"], ["q1", "a1", "q2"]]
    assert ids(await threads.turns(THREAD)) == ["a1", "q2"]


async def test_changes_at_the_same_time_all_happen(redis_client: Redis, threads: RedisThreads) -> None:
    """Eight edits and eight removals at once lose none of each other."""
    turns = [question(f"q{number}", f"job-{number}") for number in range(16)]
    await add(redis_client, *turns)
    await asyncio.gather(
        *(threads.edit_turn(THREAD, an_edit(f"m-q{number}", f"edited {number}")) for number in range(8)),
        *(threads.purge_message(THREAD, f"m-q{number}") for number in range(8, 16)),
    )
    assert [turn.text for turn in await threads.turns(THREAD)] == [f"edited {number}" for number in range(8)]


async def test_forget_leaves_nothing_but_where_the_numbering_stands(redis_client: Redis, threads: RedisThreads) -> None:
    """Turns, prompt, preferences, cut, screen and all counts go; another thread keeps all."""
    screen = RedisScreen(redis_client, KEYS)
    for thread in (THREAD, "another"):
        await threads.open(thread, f"prompt of {thread}", Preferences(additions=f"addition of {thread}"))
        await add(redis_client, question("q1"), answer("a1"), thread=thread, cut=2)
        await threads.save_counts(thread, "llama", {"d1": 1})
        await threads.save_counts(thread, "qwen", {"d1": 1})
        await screen.put(thread, "message", {"text": "x"})

    await threads.forget(THREAD)
    await threads.forget(THREAD)

    left = {key.decode() async for key in redis_client.scan_iter()}
    assert {key for key in left if "another" not in key} == {KEYS.thread(THREAD)}
    kept = await redis_client.hgetall(KEYS.thread(THREAD))
    assert set(kept) == {b"next_seq", b"forgotten_at"}
    assert kept[b"next_seq"] == b"2"
    assert len(left) == 7
    assert ids(await threads.turns("another")) == ["q1", "a1"]

    # An answer that was running when its thread was forgotten must not land before the cut that it brings along.
    await add(redis_client, question("q2", "job-2"), cut=2)
    opened = await threads.open(THREAD, "a new prompt")
    assert opened.forgotten_at == float(kept[b"forgotten_at"]) > time.time() - 3600
    assert (opened.system_prompt, opened.preferences) == ("a new prompt", Preferences())
    assert all(turn.seq >= opened.cut for turn in opened.turns)


async def test_forgetting_what_never_was_stores_nothing(redis_client: Redis, threads: RedisThreads) -> None:
    """`forget` of an unknown thread leaves no key."""
    await threads.forget("unknown")
    assert await redis_client.dbsize() == 0


async def test_a_store_that_is_away_is_unavailable(redis_server_factory: Callable[..., EmbeddedValkey]) -> None:
    """Each method says so with the one error that callers know."""
    server = redis_server_factory()
    redis = open_redis(server.start(), fast=True)
    threads = RedisThreads(redis, KEYS)
    await threads.open(THREAD, "")
    assert server.stop()
    calls: list[Awaitable[object]] = [
        threads.open(THREAD, ""),
        threads.turns(THREAD),
        threads.counts(THREAD, "llama"),
        threads.save_counts(THREAD, "llama", {"d": 1}),
        threads.edit_turn(THREAD, an_edit("m", "x")),
        threads.purge_message(THREAD, "m"),
        threads.forget(THREAD),
    ]
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        assert isinstance(outcome, StoreUnavailable)
    await redis.aclose()


NUMBERS = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("open"), NUMBERS),
    st.tuples(st.just("ask"), NUMBERS),
    st.tuples(st.just("answer"), NUMBERS),
    st.tuples(st.just("edit"), NUMBERS),
    st.tuples(st.just("purge"), NUMBERS),
    st.tuples(st.just("count"), NUMBERS),
    st.tuples(st.just("show"), NUMBERS),
    st.tuples(st.just("hide"), NUMBERS),
    st.tuples(st.just("forget"), st.just(0)),
)


async def step(redis: Redis, thread: str, what: str, number: int) -> None:
    threads, screen = RedisThreads(redis, KEYS), RedisScreen(redis, KEYS)
    match what:
        case "open":
            await threads.open(thread, f"prompt {number}")
        case "ask":
            await add(redis, question(f"q{number}", f"job-{number}"), thread=thread)
        case "answer":
            await add(redis, answer(f"a{number}", f"job-{number}"), thread=thread, cut=number)
        case "edit":
            await threads.edit_turn(thread, an_edit(f"m-q{number}", f"edited {number}"))
        case "purge":
            await threads.purge_message(thread, f"m-q{number}")
        case "count":
            await threads.save_counts(thread, f"vocabulary-{number % 2}", {f"digest-{number}": number})
        case "show":
            await screen.put(thread, f"message-{number}", {"text": f"shown {number}"})
        case "hide":
            await screen.delete(thread, f"message-{number}")
        case "forget":
            await threads.forget(thread)


async def view(redis: Redis, thread: str) -> list[object]:
    threads = RedisThreads(redis, KEYS)
    opened = await threads.open(thread, "last prompt")
    return [
        replace(opened, conversation_id="", forgotten_at=float(opened.forgotten_at > 0)),
        await threads.counts(thread, "vocabulary-0"),
        await threads.counts(thread, "vocabulary-1"),
        await RedisScreen(redis, KEYS).read(thread),
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.booleans(), STEPS), max_size=25))
async def test_two_threads_never_see_each_other(redis_client: Redis, steps: list[tuple[bool, tuple[str, int]]]) -> None:
    """A thread that others live beside is the same as one that is alone, whatever happens to them."""
    crowded, neighbour, alone = (uuid4().hex for _ in range(3))
    for is_ours, (what, number) in steps:
        await step(redis_client, crowded if is_ours else neighbour, what, number)
    for is_ours, (what, number) in steps:
        if is_ours:
            await step(redis_client, alone, what, number)
    assert await view(redis_client, crowded) == await view(redis_client, alone)
