"""Whose question comes next: of one person at most two conversations stand before other people's."""

from __future__ import annotations

from typing import cast

import pytest
from redis.asyncio import Redis

from conversation.model import Claim, StopReason
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.slots import RedisSlots
from tests.storage.questions import answer, claim_one, message

KEYS = Keys()


@pytest.fixture
def inbox(redis_client: Redis) -> RedisInbox:
    return RedisInbox(redis_client, redis_client, KEYS)


@pytest.fixture
def jobs(redis_client: Redis) -> RedisJobs:
    return RedisJobs(redis_client, KEYS, lanes=["slack"], lease_seconds=30.0)


@pytest.fixture
def slots(redis_client: Redis) -> RedisSlots:
    return RedisSlots(redis_client, KEYS, lease_seconds=30.0)


async def ask_many(inbox: RedisInbox, count: int, *, author: str = "ada", platform: str = "slack") -> None:
    """One person's questions, each in a thread of its own that names person and number."""
    for n in range(count):
        await inbox.accept(message(f"{author} {n}", thread=f"{author}-{n}", author=author, platform=platform))


async def claim_what_there_is(jobs: RedisJobs) -> list[Claim]:
    """All that anybody may claim now."""
    claims: list[Claim] = []
    while found := await jobs.claim(8):
        claims += found
    return claims


def texts(claims: list[Claim]) -> list[str]:
    return [claim.job.messages[0].text for claim in claims]


async def test_a_newcomer_stands_behind_two_questions_of_each_other_person(inbox: RedisInbox, jobs: RedisJobs) -> None:
    """However many somebody asked before."""
    await ask_many(inbox, 20, author="ada")
    await ask_many(inbox, 20, author="bob")
    await ask_many(inbox, 1, author="eve")
    assert texts(await claim_what_there_is(jobs)) == ["ada 0", "ada 1", "bob 0", "bob 1", "eve 0"]


async def test_the_next_one_is_announced_when_a_slot_is_given(
    inbox: RedisInbox, jobs: RedisJobs, slots: RedisSlots
) -> None:
    """With free slots nobody waits: one after the other, in the order of asking, all twenty get one."""
    await ask_many(inbox, 20)
    given = []
    while claims := await jobs.claim(1):
        given += claims
        assert await slots._ask(claims[0], "server", 32) == 0
    assert texts(given) == [f"ada {n}" for n in range(20)]


async def test_who_waits_for_a_slot_announces_nobody(inbox: RedisInbox, jobs: RedisJobs, slots: RedisSlots) -> None:
    """A place in the line is none of the model's slots."""
    await ask_many(inbox, 4)
    first, second = await claim_what_there_is(jobs)
    assert await slots._ask(first, "server", 1) == 0
    assert await slots._ask(second, "server", 1) == 1
    assert texts(await claim_what_there_is(jobs)) == ["ada 2"]


async def test_an_end_without_a_slot_announces_the_next(inbox: RedisInbox, jobs: RedisJobs) -> None:
    """A question that is answered by a notice, or set aside, makes room as well; the thread's own next question comes
    after what waited longer."""
    await ask_many(inbox, 4)
    await inbox.accept(message("behind ada 0", thread="ada-0", author="bob"))
    await inbox.accept(message("ada again", thread="ada-0", author="ada"))
    first, second = await claim_what_there_is(jobs)
    await jobs.finish(first, answer(first))
    assert texts(await claim_what_there_is(jobs)) == ["ada 2", "behind ada 0"]
    await jobs.bury(second, "why")
    assert texts(await claim_what_there_is(jobs)) == ["ada 3"]


async def test_a_question_that_is_taken_back_makes_room(inbox: RedisInbox, jobs: RedisJobs) -> None:
    """Announced or parked, it is gone, and the next one comes."""
    asked = [message(f"ada {n}", thread=str(n), author="ada") for n in range(5)]
    for one in asked:
        await inbox.accept(one)
    await inbox.remove(asked[0].key)
    await inbox.remove(asked[3].key)
    first, second = await claim_what_there_is(jobs)
    assert texts([first, second]) == ["ada 1", "ada 2"]
    await jobs.finish(first, answer(first))
    assert texts(await claim_what_there_is(jobs)) == ["ada 4"]


async def test_who_stops_a_parked_question_is_told_at_once(inbox: RedisInbox, jobs: RedisJobs) -> None:
    """It does not wait for its turn to be stopped."""
    await ask_many(inbox, 3)
    await claim_what_there_is(jobs)
    parked = await inbox.accept(message("parked", thread="parked", author="ada"))
    assert await inbox.cancel(parked.conversation_id)
    claim = await claim_one(jobs)
    assert (claim.job.id, claim.stop) == (parked.job_id, StopReason.STOPPED)


async def test_a_running_answer_that_is_handed_over_is_never_parked(
    inbox: RedisInbox, jobs: RedisJobs, slots: RedisSlots
) -> None:
    """Others of its person may stand announced: people see half of it, so it goes on."""
    await ask_many(inbox, 5)
    first, second = await claim_what_there_is(jobs)
    assert await slots._ask(first, "server", 1) == 0
    (third,) = await claim_what_there_is(jobs)
    await jobs.release(first)
    assert texts(await claim_what_there_is(jobs)) == ["ada 0"]
    assert texts([second, third]) == ["ada 1", "ada 2"]


async def unslotted(redis_client: Redis) -> list[bytes]:
    return [one for one in cast("list[bytes]", await redis_client.zrange(KEYS.unslotted(), 0, -1)) if one]


async def test_platforms_do_not_wait_for_each_other(inbox: RedisInbox, redis_client: Redis) -> None:
    """What a person asked where no worker is leaves their other questions alone."""
    await ask_many(inbox, 4, platform="discord")
    await ask_many(inbox, 1, platform="slack")
    assert texts(await claim_what_there_is(RedisJobs(redis_client, KEYS, lanes=["slack"]))) == ["ada 0"]


async def test_keys_deleted_by_hand_do_not_park_a_person_for_ever(
    inbox: RedisInbox, jobs: RedisJobs, redis_client: Redis
) -> None:
    """Conversations that vanished while they stood announced are not counted when the person asks again."""
    await ask_many(inbox, 2)
    for key in [key async for key in redis_client.scan_iter(f"{KEYS.base}:*")]:
        if key.decode() != KEYS.unslotted():
            await redis_client.delete(key)
    assert len(await unslotted(redis_client)) == 2
    await inbox.accept(message("new", thread="new", author="ada"))
    assert (await claim_one(jobs)).job.messages[0].text == "new"


async def test_nothing_is_left_of_it(inbox: RedisInbox, jobs: RedisJobs, redis_client: Redis) -> None:
    """When all questions are settled, no key of the person remains."""
    await ask_many(inbox, 5)
    while claims := await claim_what_there_is(jobs):
        for claim in claims:
            await jobs.finish(claim, answer(claim))
    assert await inbox.depth() == 0
    assert await unslotted(redis_client) == []
    assert await redis_client.exists(KEYS.parked("slack", "ada")) == 0
