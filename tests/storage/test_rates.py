"""The book of calls to platforms, on a real store: no limit is passed, and what is kept free is there."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from conversation.errors import StoreUnavailable
from conversation.pacing import Allowance, Grant, Use
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.keys import DAY_SECONDS, Keys
from storage.rates import LONGEST_WAIT_SECONDS, SHORTEST_WAIT_SECONDS, RedisRates
from tests.storage.questions import lossy_server
from tests.waiting import until

KEYS = Keys(prefix="test")
HOUR = 3600.0
WORD = Allowance("slack:T1:chat.update", 3, HOUR)
OTHER = Allowance("slack:T1:chat.postMessage:C1", 2, HOUR)


@pytest.fixture
async def rates(redis_client: Redis) -> RedisRates:
    return RedisRates(redis_client, KEYS)


@pytest.fixture
async def elsewhere(valkey_url: str) -> AsyncIterator[RedisRates]:
    """The budget as another process sees it."""
    async with open_redis(valkey_url) as redis:
        yield RedisRates(redis, KEYS)


async def score(redis: Redis, allowance: Allowance, member: str) -> float:
    """When a member stops counting, in milliseconds."""
    at = await redis.zscore(KEYS.rates(allowance.name), member)
    assert at is not None, f"no {member}"
    return float(at)


async def scores(redis: Redis, allowance: Allowance) -> list[float]:
    """When the members stop counting, the first one first."""
    members: Any = await redis.zrange(KEYS.rates(allowance.name), 0, -1, withscores=True)
    return [at for _, at in members]


def end(allowance: Allowance = WORD, name: str = "end") -> Use:
    return Use(allowance, hold=name)


def hold(allowance: Allowance = WORD, name: str = "end", seconds: float = HOUR) -> Use:
    return Use(allowance, hold=name, hold_seconds=seconds)


class TestCalls:
    async def test_are_granted_up_to_the_limit_for_all_processes(
        self, rates: RedisRates, elsewhere: RedisRates
    ) -> None:
        """Three calls of three, whoever makes them; the fourth is told to ask again in the longest wait."""
        assert await rates.take(Use(WORD)) == Grant(0.0, 1 / 3)
        assert await elsewhere.take(Use(WORD)) == Grant(0.0, 2 / 3)
        assert await rates.take(Use(WORD)) == Grant(0.0, 1.0)
        for process in (rates, elsewhere):
            assert await process.take(Use(WORD)) == Grant(LONGEST_WAIT_SECONDS, 1.0)
        assert await rates.take(Use(OTHER)) == Grant(0.0, 0.5)

    async def test_leave_what_is_spared(self, rates: RedisRates) -> None:
        """A call that spares two gets the first place only; one that spares none gets the others."""
        assert await rates.take(Use(WORD, spare=2)) == Grant(0.0, 1 / 3)
        assert (await rates.take(Use(WORD, spare=2))).wait_seconds > 0
        assert await rates.take(Use(WORD, spare=1)) == Grant(0.0, 2 / 3)
        assert await rates.take(Use(WORD)) == Grant(0.0, 1.0)

    async def test_are_granted_together_or_not_at_all(self, rates: RedisRates, redis_client: Redis) -> None:
        """Where one allowance is full, nothing of the other is taken, in either order."""
        await rates.take(Use(OTHER), Use(OTHER))
        for uses in ((Use(WORD), Use(OTHER)), (Use(OTHER), Use(WORD)), (Use(WORD), hold(), Use(OTHER))):
            assert (await rates.take(*uses)).wait_seconds > 0
        assert not await redis_client.exists(KEYS.rates(WORD.name))
        assert await rates.take(Use(WORD)) == Grant(0.0, 1 / 3)

    async def test_of_one_allowance_count_together(self, rates: RedisRates) -> None:
        """Two at once need two places, and what any of them spares beside them."""
        assert (await rates.take(Use(WORD), Use(WORD, spare=2))).wait_seconds > 0
        assert (await rates.take(Use(WORD, spare=2), Use(WORD))).wait_seconds > 0
        assert await rates.take(Use(WORD), Use(WORD, spare=1)) == Grant(0.0, 2 / 3)
        assert (await rates.take(Use(WORD), Use(WORD))).wait_seconds > 0
        assert await rates.take(Use(WORD)) == Grant(0.0, 1.0)

    async def test_who_waits_as_told_is_granted(self, redis_client: Redis) -> None:
        """When nobody else asks, the wait ends when the first place is free."""
        quick = RedisRates(redis_client, KEYS, margin_seconds=0.0)
        short = Allowance("short", 2, 1.0)
        for _ in range(2):
            assert (await quick.take(Use(short))).wait_seconds == 0
        grant = await quick.take(Use(short))
        assert SHORTEST_WAIT_SECONDS <= grant.wait_seconds <= 1.001
        await asyncio.sleep(grant.wait_seconds)
        assert (await quick.take(Use(short))).wait_seconds == 0

    async def test_the_wait_is_for_the_place_that_matters(self, rates: RedisRates) -> None:
        """Who spares more must see more places free."""
        begun = time.monotonic()
        for seconds in (2.0, 3.0, 4.0):
            await rates.take(hold(name=str(seconds), seconds=seconds))
        for spare, seconds in ((0, 2.0), (1, 3.0), (2, 4.0)):
            wait_seconds = (await rates.take(Use(WORD, spare=spare))).wait_seconds
            assert seconds - (time.monotonic() - begun) <= wait_seconds <= seconds + 0.002
        two = await rates.take(Use(OTHER), Use(OTHER), Use(OTHER))
        assert two.wait_seconds == LONGEST_WAIT_SECONDS

    async def test_the_longest_of_several_waits_is_told(self, rates: RedisRates) -> None:
        """All of them must have room, whichever is named first."""
        await rates.take(*(hold(WORD, str(n), 1.0) for n in range(3)), *(hold(OTHER, str(n)) for n in range(2)))
        for uses in ((Use(WORD), Use(OTHER)), (Use(OTHER), Use(WORD))):
            assert (await rates.take(*uses)).wait_seconds == LONGEST_WAIT_SECONDS

    async def test_count_longer_by_the_margin(self, redis_client: Redis) -> None:
        """A call that arrives late must not meet the next one early: ours are further apart than the platform asks."""
        rates = RedisRates(redis_client, KEYS, margin_seconds=0.3)
        one = Allowance("one", 1, 0.2)
        begun = time.monotonic()
        assert (await rates.take(Use(one))).wait_seconds == 0
        while (await rates.take(Use(one))).wait_seconds:
            await asyncio.sleep(0.005)
        assert time.monotonic() - begun >= 0.5

    async def test_an_allowance_may_have_a_margin_of_its_own(self, redis_client: Redis) -> None:
        """One for two seconds, on top of a second, would waste most of a limit."""
        rates = RedisRates(redis_client, KEYS)
        one = Allowance("one", 1, 0.2, margin_seconds=0.3)
        assert (await rates.take(Use(one))).wait_seconds == 0
        assert 0.3 < (await rates.take(Use(one))).wait_seconds <= 0.502

    async def test_names_may_hold_any_characters(self, rates: RedisRates) -> None:
        """Spaces, braces, line ends, other scripts; a hold may be called as a call or a pause is inside."""
        for name in ("a b", "}{", "line\nend", "ünï:中", "*", ""):
            allowance = Allowance(name, 2, HOUR)
            assert (await rates.take(hold(allowance, f"p{name}"), Use(allowance))).wait_seconds == 0
            assert (await rates.take(Use(allowance))).wait_seconds > 0
            assert (await rates.take(end(allowance, f"p{name}"))).wait_seconds == 0
        allowance = Allowance("names", 4, HOUR)
        for name in ("p", "c", "h"):
            assert (await rates.take(hold(allowance, name))).wait_seconds == 0
        assert await rates.take(Use(allowance)) == Grant(0.0, 1.0)

    @pytest.mark.parametrize(
        ("uses", "why"),
        [
            ((), "nothing is asked"),
            ((Use(WORD, spare=3),), "spared"),
            ((Use(WORD, spare=-1),), "spared"),
            ((Use(WORD, hold_seconds=1.0),), "name"),
            ((Use(WORD, hold="x", hold_seconds=-1.0),), "hold lasts"),
            ((Use(WORD, hold="x", hold_seconds=DAY_SECONDS + 1),), "hold lasts"),
            ((Use(WORD, hold="x", hold_seconds=math.nan),), "hold lasts"),
            ((Use(Allowance("none", 0, 1.0)),), "at least one call"),
            ((Use(Allowance("instant", 1, 0.0)),), "more than 0"),
            ((Use(WORD), Use(Allowance("eternal", 1, math.inf))), "more than 0"),
        ],
    )
    async def test_what_could_never_be_granted_is_an_error(
        self, rates: RedisRates, redis_client: Redis, uses: tuple[Use, ...], why: str
    ) -> None:
        """A mistake of ours is not waited for, and nothing is counted."""
        with pytest.raises(ValueError, match=why):
            await rates.take(*uses)
        assert await redis_client.dbsize() == 0


class TestHolds:
    async def test_an_answer_that_began_can_end_however_full_it_is(
        self, rates: RedisRates, elsewhere: RedisRates
    ) -> None:
        """The place is counted from the beginning, and another process may use it by its name."""
        assert await rates.take(Use(WORD), hold()) == Grant(0.0, 2 / 3)
        assert await rates.take(Use(WORD)) == Grant(0.0, 1.0)
        assert (await elsewhere.take(Use(WORD))).wait_seconds > 0
        assert await elsewhere.take(end()) == Grant(0.0, 1.0)
        assert (await rates.take(end())).wait_seconds > 0

    async def test_an_end_without_a_hold_is_an_ordinary_call(self, rates: RedisRates) -> None:
        """It counts, and is granted while there is room."""
        for _ in range(3):
            assert (await rates.take(end())).wait_seconds == 0
        assert (await rates.take(end())).wait_seconds > 0

    async def test_a_hold_that_is_taken_again_lasts_longer(self, rates: RedisRates, redis_client: Redis) -> None:
        """It needs no second place, also when all is full, and it never becomes shorter."""
        await rates.take(Use(WORD), Use(WORD), hold(seconds=10.0))
        before = await score(redis_client, WORD, "hend")
        assert await rates.take(hold(seconds=60.0)) == Grant(0.0, 1.0)
        after = await score(redis_client, WORD, "hend")
        assert after >= before + 49_000
        await rates.take(hold(seconds=1.0))
        assert await score(redis_client, WORD, "hend") == after

    async def test_an_end_and_a_new_hold_in_one(self, rates: RedisRates) -> None:
        """Under the same name: the call uses the old hold and the new one needs a place."""
        await rates.take(hold(), Use(WORD))
        assert await rates.take(end(), hold()) == Grant(0.0, 1.0)
        assert (await rates.take(end(), hold())).wait_seconds > 0
        assert await rates.take(end()) == Grant(0.0, 1.0)

    async def test_a_crashed_holder_gives_its_place_back(self, rates: RedisRates) -> None:
        """Nobody ends or releases it, and its time does."""
        allowance = Allowance("one", 1, HOUR)
        await rates.take(hold(allowance, seconds=1.0))
        grant = await rates.take(Use(allowance))
        assert SHORTEST_WAIT_SECONDS <= grant.wait_seconds <= 1.001

        async def granted() -> bool:
            return (await rates.take(Use(allowance))).wait_seconds == 0

        await until("the place is free", granted)
        assert (await rates.take(end(allowance))).wait_seconds > 0

    async def test_a_release_gives_the_place_back_at_once(self, rates: RedisRates, elsewhere: RedisRates) -> None:
        """Calls stay counted; what is not held is released without a word."""
        await rates.take(Use(OTHER), hold(OTHER))
        await elsewhere.release(OTHER, "another")
        await elsewhere.release(WORD, "end")
        assert (await rates.take(Use(OTHER))).wait_seconds > 0
        for _ in range(2):
            await elsewhere.release(OTHER, "end")
        assert await rates.take(Use(OTHER)) == Grant(0.0, 1.0)
        assert (await rates.take(Use(OTHER))).wait_seconds > 0


class TestPause:
    async def test_nothing_is_granted_to_anybody(self, rates: RedisRates, elsewhere: RedisRates) -> None:
        """No call, no hold and no end, alone or beside another allowance, which stays untouched."""
        await rates.take(hold())
        await elsewhere.pause(WORD, 60.0)
        for uses in ((Use(WORD),), (hold(),), (hold(name="new"),), (end(),)):
            assert await rates.take(*uses) == Grant(LONGEST_WAIT_SECONDS, 1.0)
        assert (await rates.take(Use(OTHER), Use(WORD))) == Grant(LONGEST_WAIT_SECONDS, 0.0)
        assert await rates.take(Use(OTHER)) == Grant(0.0, 0.5)

    async def test_after_it_all_goes_on(self, rates: RedisRates, redis_client: Redis) -> None:
        """The wait says when; a hold that would have run out meanwhile is there, and the pause takes no place."""
        await rates.take(hold(OTHER, seconds=0.8))
        held_until = await score(redis_client, OTHER, "hend")
        await rates.pause(OTHER, 1.0)
        assert await score(redis_client, OTHER, "hend") >= held_until + 1000
        grant = await rates.take(end(OTHER))
        assert SHORTEST_WAIT_SECONDS <= grant.wait_seconds <= 1.001
        await rates.take(hold(OTHER, seconds=HOUR))  # refused: nothing is made longer by it
        assert await score(redis_client, OTHER, "hend") < held_until + 2000

        async def granted() -> bool:
            return (await rates.take(end(OTHER), Use(OTHER))).wait_seconds == 0

        await until("the pause is over", granted)

    async def test_the_longest_wins(self, rates: RedisRates, redis_client: Redis) -> None:
        """A shorter one changes nothing; a longer one adds to a hold only what it adds to the pause."""
        await rates.take(hold(seconds=100.0))
        held_until = await score(redis_client, WORD, "hend")
        await rates.pause(WORD, 50.0)
        first = await score(redis_client, WORD, "p")
        for seconds in (1.0, 0.0, -5.0, math.nan):
            await rates.pause(WORD, seconds)
        assert await score(redis_client, WORD, "p") == first
        await rates.pause(WORD, 70.0)
        added = await score(redis_client, WORD, "p") - first
        assert added >= 20_000 - 1
        assert await score(redis_client, WORD, "hend") == pytest.approx(held_until + 50_000 + added, abs=3)
        await rates.pause(WORD, math.inf)
        assert await score(redis_client, WORD, "p") <= first + DAY_SECONDS * 1000 + 60_000


class TestTheStore:
    async def test_keys_outlive_what_they_hold_and_then_go(self, redis_client: Redis) -> None:
        """By a second, whatever was the last to be written."""
        rates = RedisRates(redis_client, KEYS, margin_seconds=0.5)
        short = Allowance("short", 5, 0.5)
        key = KEYS.rates(short.name)

        async def spared_ms() -> float:
            return float(await redis_client.pexpiretime(key)) - (await scores(redis_client, short))[-1]

        await rates.take(hold(short, seconds=30.0))
        assert await spared_ms() == 1000
        await rates.take(Use(short))
        assert await spared_ms() == 1000
        await rates.pause(short, 60.0)
        assert await spared_ms() == 1000
        await redis_client.zrem(key, "p", "hend")
        await rates.take(Use(short))

        async def gone() -> bool:
            return not await redis_client.exists(key)

        assert await spared_ms() == 1000
        await until("the key is gone", gone)

    async def test_a_reply_that_is_lost_counts_once(
        self, rates: RedisRates, redis_client: Redis, valkey_url: str
    ) -> None:
        """The client sends the same take again and hears the same, for calls, holds and ends."""
        await rates.take(Use(OTHER))  # the server knows the script
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            lossy = RedisRates(redis, KEYS)
            for lost, uses in enumerate(((Use(WORD), hold()), (Use(WORD),), (end(),)), 1):
                server.lose = 1
                assert (await lossy.take(*uses)).wait_seconds == 0
                assert server.lost == lost
        assert await redis_client.zcard(KEYS.rates(WORD.name)) == 3
        assert (await rates.take(end())).wait_seconds > 0

    async def test_a_call_that_is_sent_again_counts_from_then(
        self, rates: RedisRates, redis_client: Redis, valkey_url: str
    ) -> None:
        """The caller makes it after the second reply, so the first one's time would be too early."""
        await rates.take(Use(OTHER))
        async with lossy_server(valkey_url) as server, open_redis(server.url) as redis:
            server.lose = 1
            task = asyncio.create_task(RedisRates(redis, KEYS).take(Use(WORD)))
            seen: set[float] = set()

            async def moved() -> bool:
                seen.update(await scores(redis_client, WORD))
                return len(seen) > 1

            await until("the call counts from the second time", moved)
            await task
        assert len(await scores(redis_client, WORD)) == 1

    async def test_a_caller_that_takes_again_counts_twice(self, rates: RedisRates, valkey_url: str) -> None:
        """After StoreUnavailable nobody knows; a place too many is counted, never one too few."""
        await rates.take(Use(OTHER))
        async with lossy_server(valkey_url) as server, open_redis(server.url, fast=True) as redis:
            lossy = RedisRates(redis, KEYS)
            server.lose = 1
            with pytest.raises(StoreUnavailable):
                await lossy.take(Use(WORD))
            assert await lossy.take(Use(WORD)) == Grant(0.0, 2 / 3)

    async def test_a_store_that_is_away_is_told_without_names(self) -> None:
        """All three raise StoreUnavailable, and no channel's name gets into it."""
        async with open_redis("unix:///nowhere/store.sock", fast=True) as redis:
            rates = RedisRates(redis, KEYS)
            for away in (rates.take(hold(OTHER)), rates.release(OTHER, "end"), rates.pause(OTHER, 1.0)):
                with pytest.raises(StoreUnavailable) as raised:
                    await away
                assert "C1" not in str(raised.value)

    async def test_a_full_store_still_lets_answers_be_written(
        self, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """What was accepted before must be answered; the book is small and goes by itself."""
        server = redis_server_factory()
        async with open_redis(await asyncio.to_thread(server.start)) as redis:
            rates = RedisRates(redis, KEYS)
            await redis.config_set("maxmemory", 1)
            assert await rates.take(Use(WORD), hold()) == Grant(0.0, 2 / 3)
            await rates.pause(OTHER, 60.0)
            assert (await rates.take(Use(OTHER))).wait_seconds > 0


@dataclass
class Book:
    """What the store should know of one allowance while no time passes."""

    limit: int
    calls: int = 0
    holds: set[str] = field(default_factory=set)

    @property
    def taken(self) -> int:
        return self.calls + len(self.holds)


def decide(books: dict[str, Book], uses: list[Use]) -> bool:
    """The rule, one use after the other: whether all are granted; the books are brought up to date."""
    after = {name: Book(book.limit, book.calls, set(book.holds)) for name, book in books.items()}
    new: set[int] = set()
    for number, use in enumerate(uses):
        book = after[use.allowance.name]
        before = book.taken
        if use.hold_seconds:
            book.holds.add(use.hold)
        else:
            book.holds.discard(use.hold)
            book.calls += 1
        if book.taken > before:
            new.add(number)
    if any(after[uses[n].allowance.name].taken + uses[n].spare > uses[n].allowance.limit for n in new):
        return False
    books.update(after)
    return True


ALLOWANCES = [Allowance("a", 4, HOUR), Allowance("b", 3, HOUR)]
USES = st.builds(
    Use,
    st.sampled_from(ALLOWANCES),
    spare=st.integers(0, 2),
    hold=st.sampled_from(["x", "y"]),
    hold_seconds=st.sampled_from([0.0, HOUR]),
) | st.builds(Use, st.sampled_from(ALLOWANCES), spare=st.integers(0, 2))
STEPS = st.lists(
    st.lists(USES, min_size=1, max_size=3) | st.tuples(st.sampled_from(ALLOWANCES), st.sampled_from(["x", "y"])),
    max_size=20,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_every_decision_is_the_rules(valkey_url: str, steps: list[list[Use] | tuple[Allowance, str]]) -> None:
    """Any row of takes and releases, from two processes by turns, is granted and counted as the rule says."""

    async def run() -> None:
        books = {allowance.name: Book(allowance.limit) for allowance in ALLOWANCES}
        async with open_redis(valkey_url) as redis, open_redis(valkey_url) as other:
            await redis.flushall()
            processes = [RedisRates(redis, KEYS), RedisRates(other, KEYS)]
            for number, step in enumerate(steps):
                rates = processes[number % 2]
                if isinstance(step, tuple):
                    allowance, name = step
                    await rates.release(allowance, name)
                    books[allowance.name].holds.discard(name)
                    continue
                grant = await rates.take(*step)
                assert (grant.wait_seconds == 0) is decide(books, step)
                book = books[step[0].allowance.name]
                assert grant.used == book.taken / book.limit
                assert {name: await redis.zcard(KEYS.rates(name)) for name in books} == {
                    name: book.taken for name, book in books.items()
                }

    asyncio.run(run())


@dataclass
class Call:
    """A granted call: the server's time of the grant lies between the two."""

    asked_at: float
    heard_at: float


def most_in_a_window(calls: list[Call], seconds: float) -> int:
    """The most calls that were surely granted within `seconds`, whenever in its round trip each of them was."""
    return max(
        sum(c.asked_at >= first.asked_at and c.heard_at < first.asked_at + seconds for c in calls) for first in calls
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_no_window_ever_holds_more_than_the_limit(redis_client: Redis, valkey_url: str, seed: int) -> None:
    """Two processes and a crowd that asks much more than there is, for many windows: no sliding window is passed, every
    hold has its end at the first asking, and what is only taken together is counted together."""
    wide, narrow = Allowance("wide", 9, 0.3), Allowance("narrow", 5, 0.2)
    pair = (Use(Allowance("left", 3, 0.25)), Use(Allowance("right", 4, 0.25)))
    chance = random.Random(seed)
    granted: dict[str, list[Call]] = {name: [] for name in ("wide", "narrow", "left", "right")}
    done: Counter[str] = Counter()
    enough = asyncio.Event()

    async def take(rates: RedisRates, *uses: Use) -> Grant:
        asked_at = time.monotonic()
        grant = await rates.take(*uses)
        heard_at = time.monotonic()
        if grant.wait_seconds == 0:
            for use in uses:
                if not use.hold_seconds:
                    granted[use.allowance.name].append(Call(asked_at, heard_at))
        return grant

    async def call(rates: RedisRates, *uses: Use) -> None:
        while not enough.is_set():
            grant = await take(rates, *uses)
            done["calls"] += grant.wait_seconds == 0
            await asyncio.sleep(chance.uniform(0, 0.02))

    async def answer(rates: RedisRates, name: str) -> None:
        while not enough.is_set():
            grant = await take(rates, Use(wide), Use(wide, hold=name, hold_seconds=60.0))
            await asyncio.sleep(chance.uniform(0, 0.05))
            if grant.wait_seconds == 0:
                assert (await take(rates, Use(wide, hold=name))).wait_seconds == 0
                done["answers"] += 1

    async def watch() -> None:
        while not enough.is_set():
            async with redis_client.pipeline(transaction=True) as look:
                for use in pair:
                    look.zrange(KEYS.rates(use.allowance.name), 0, -1, withscores=True)
                left, right = await look.execute()
            assert [at for _, at in left] == [at for _, at in right]
            done["looks"] += bool(left)
            await asyncio.sleep(0.005)

    allowances = (wide, narrow, *(use.allowance for use in pair))
    async with open_redis(valkey_url) as other, asyncio.TaskGroup() as crowd:
        processes = [RedisRates(redis, KEYS, margin_seconds=0.0) for redis in (redis_client, other)]
        for number, rates in enumerate(processes):
            crowd.create_task(call(rates, Use(wide, spare=3)))
            crowd.create_task(call(rates, Use(narrow, spare=1)))
            crowd.create_task(call(rates, Use(wide, spare=3), Use(narrow)))
            crowd.create_task(call(rates, Use(narrow), Use(narrow)))
            crowd.create_task(call(rates, *pair))
            for n in range(2):
                crowd.create_task(answer(rates, f"{number} {n}"))
        crowd.create_task(watch())
        await until(
            "every window was filled several times",
            lambda: (
                all(len(granted[allowance.name]) > 5 * allowance.limit for allowance in allowances)
                and min(done[what] for what in ("calls", "answers", "looks")) > 10
            ),
        )
        enough.set()

    for allowance in allowances:
        assert most_in_a_window(granted[allowance.name], allowance.seconds) <= allowance.limit
