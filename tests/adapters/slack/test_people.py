"""Names of people: from Slack when it tells them soon, and never in anybody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.slack.api import SlackApi
from adapters.slack.limits import SPARE_BESIDE, limit_of
from adapters.slack.people import KNOWN_SECONDS, UNKNOWN_SECONDS, People
from conversation.pacing import Use
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.slack import ALICE, BOB, SlackServer
from tests.waiting import until


class Clock:
    """Time that a test turns on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer() as slack:
        yield slack


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(slack: SlackServer, redis_client: Redis) -> AsyncIterator[SlackApi]:
    async with SlackApi(slack.bot_token, RedisRates(redis_client, Keys()), base_url=slack.api_url) as api:
        yield api


@pytest.fixture
async def people(api: SlackApi, clock: Clock) -> AsyncIterator[People]:
    people = People(api, size=3, clock=clock)
    yield people
    await people.aclose()


def person(number: int) -> str:
    return f"U0HUMAN{number:03d}"


async def test_a_name_is_asked_for_once_an_hour(slack: SlackServer, people: People, clock: Clock) -> None:
    """Also when many want it at once."""
    assert await people.names([ALICE, BOB, ALICE]) == {ALICE: "alice", BOB: "bob"}
    assert await people.name_of(ALICE) == "alice"
    assert len(slack.calls_of("users.info")) == 2
    clock.now += KNOWN_SECONDS
    assert await people.name_of(ALICE) == "alice"
    assert len(slack.calls_of("users.info")) == 3


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"name": "a", "real_name": "Ann A", "profile": {"display_name": "ann", "real_name": "Ann A"}}, "ann"),
        ({"name": "a", "real_name": "Ann A", "profile": {"display_name": " ", "real_name": "Ann A"}}, "Ann A"),
        ({"name": "a", "real_name": "Ann A", "profile": {}}, "Ann A"),
        ({"name": "a"}, "a"),
        ({"profile": []}, ALICE),
        ({}, ALICE),
    ],
)
async def test_which_name_it_is(slack: SlackServer, people: People, user: dict[str, object], name: str) -> None:
    """What people chose to be called, else what they are called, else the id."""
    slack.home.users[ALICE] = user
    assert await people.name_of(ALICE) == name


async def test_what_slack_does_not_tell_is_asked_for_again_later(
    slack: SlackServer, people: People, clock: Clock
) -> None:
    """And not at once."""
    slack.break_body("users.info")
    assert await people.name_of(ALICE) == ALICE
    assert await people.name_of(ALICE) == ALICE
    assert len(slack.calls_of("users.info")) == 1
    clock.now += UNKNOWN_SECONDS
    assert await people.name_of(ALICE) == "alice"


async def test_a_late_name_serves_the_next_message(slack: SlackServer, people: People) -> None:
    """Nobody waits longer than half a second, and the answer is not thrown away."""
    slack.hang("users.info")
    assert await people.name_of(ALICE) == ALICE
    slack.release()

    async def is_known() -> bool:
        return await people.name_of(ALICE) == "alice"

    await until("the name is known", is_known)
    assert len(slack.calls_of("users.info")) == 1


async def test_names_leave_calls_to_others(slack: SlackServer, people: People, api: SlackApi) -> None:
    """Whichever replica asked before: all of them share Slack's limit."""
    limit = limit_of(slack.team, "users.info")
    for _ in range(limit.limit - SPARE_BESIDE - 1):
        assert (await api.budget.take(Use(limit))).wait_seconds == 0
    assert await people.name_of(ALICE) == "alice"
    assert await people.name_of(BOB) == BOB
    assert len(slack.calls_of("users.info")) == 1


async def test_slack_is_left_alone_when_it_says_so(slack: SlackServer, people: People) -> None:
    """For as long as it says, and no longer: that nobody was asked says nothing about a name."""
    slack.fail("users.info", "ratelimited", status=429, retry_after=2)
    assert await people.name_of(ALICE) == ALICE
    assert await people.name_of(BOB) == BOB
    assert len(slack.calls_of("users.info")) == 1

    async def are_known() -> bool:
        return await people.names([ALICE, BOB]) == {ALICE: "alice", BOB: "bob"}

    await until("both are known", are_known)
    assert slack.rate_limited == 1


async def test_few_names_are_kept(slack: SlackServer, people: People) -> None:
    """Those that were wanted last."""
    for number in (0, 1, 2, 0, 3):
        await people.name_of(person(number))
    assert len(slack.calls_of("users.info")) == 4
    await people.name_of(person(0))
    assert len(slack.calls_of("users.info")) == 4
    await people.name_of(person(1))
    assert len(slack.calls_of("users.info")) == 5
