"""Names of people: from Slack when it tells them soon, and never in anybody's way."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.slack.api import SlackApi
from adapters.slack.limits import SPARE_BESIDE, limit_of
from adapters.slack.people import KNOWN_NOW_SECONDS, KNOWN_SECONDS, STALE_SECONDS, UNKNOWN_SECONDS, People
from conversation.access import Person
from conversation.model import Belonging, ThreadId
from conversation.pacing import Use
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.slack import ALICE, BOB, STRANGER, SlackServer
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


# How people belong


def somebody(user: str = ALICE, belonging: Belonging = Belonging.UNKNOWN, home: str = "") -> Person:
    """As a payload shows them."""
    return Person(ThreadId("slack", "T0HOME", "C1", "1.2"), user, belonging, home)


async def belonging(people: People, user: str = ALICE) -> Belonging:
    found = await people.standing(somebody(user))
    assert found is not None
    return found.belonging


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ({}, Belonging.MEMBER),
        ({"is_restricted": True}, Belonging.GUEST),  # of several channels
        ({"is_restricted": True, "is_ultra_restricted": True}, Belonging.GUEST),  # of one
        ({"is_restricted": None}, Belonging.GUEST),  # whom Slack says nothing of
        ({"team_id": "T0OTHER9"}, Belonging.EXTERNAL),
        ({"is_stranger": True}, Belonging.EXTERNAL),
    ],
)
async def test_how_somebody_belongs(
    slack: SlackServer, people: People, profile: dict[str, object], expected: Belonging
) -> None:
    """No payload tells guests from members."""
    slack.home.users[ALICE] |= profile
    assert await belonging(people) is expected


async def test_what_a_payload_says_of_another_organisation_stands(slack: SlackServer, people: People) -> None:
    """Slack tells little of people that it shows us in shared channels only."""
    came = somebody(STRANGER, Belonging.EXTERNAL, "T0OTHER001")
    assert await people.standing(came) == came
    del slack.home.users[STRANGER]
    assert await people.standing(came) == came
    assert await people.standing(somebody(ALICE, Belonging.EXTERNAL, "T0ELSE")) == somebody(
        ALICE, Belonging.EXTERNAL, "T0ELSE"
    )


async def test_another_workspace_of_the_same_organisation(slack: SlackServer, people: People, api: SlackApi) -> None:
    """On Enterprise Grid its people are members, of their own workspace."""
    slack.home.users[BOB] |= {"team_id": "T0SISTER", "enterprise_user": {"enterprise_id": "E1"}}
    me = await api.me()
    api._me = type(me)(me.team, me.user, me.bot, "E1")
    came = somebody(BOB, Belonging.UNKNOWN, "T0SISTER")
    assert await people.standing(came) == somebody(BOB, Belonging.MEMBER, "T0SISTER")


async def test_who_was_deactivated_is_nobody(slack: SlackServer, people: People) -> None:
    """Whatever they asked before."""
    slack.home.users[ALICE]["deleted"] = True
    assert await people.standing_now(somebody()) is None


async def test_known_people_stay_known_for_a_day_of_slacks_trouble(
    slack: SlackServer, people: People, clock: Clock
) -> None:
    """And are what they were; whom nobody knew yet is not known."""
    assert await belonging(people) is Belonging.MEMBER
    clock.now += KNOWN_SECONDS
    slack.fail("users.info", "fatal_error", times=100)
    assert await belonging(people) is Belonging.MEMBER
    assert await belonging(people, BOB) is Belonging.UNKNOWN
    assert await people.name_of(ALICE) == "alice"
    clock.now += STALE_SECONDS
    assert await belonging(people) is Belonging.UNKNOWN


async def test_slow_lookups_keep_nobody_out_who_was_known(slack: SlackServer, people: People, clock: Clock) -> None:
    """Half a second later what was told last counts."""
    assert await belonging(people) is Belonging.MEMBER
    clock.now += KNOWN_SECONDS
    slack.hang("users.info")
    assert await belonging(people) is Belonging.MEMBER
    slack.release()


async def test_before_an_answer_they_are_asked_for_every_few_minutes(
    slack: SlackServer, people: People, clock: Clock
) -> None:
    """Who was made a guest meanwhile is one."""
    assert await belonging(people) is Belonging.MEMBER
    slack.home.users[ALICE]["is_restricted"] = True
    assert await people.standing_now(somebody()) == somebody(belonging=Belonging.MEMBER)
    clock.now += KNOWN_NOW_SECONDS
    assert await people.standing_now(somebody()) == somebody(belonging=Belonging.GUEST)


async def test_whose_answer_waits_is_asked_for_again_at_once(slack: SlackServer, people: People, clock: Clock) -> None:
    """One failure of Slack's is not taken for a stranger."""
    slack.fail("users.info", "fatal_error")
    assert await belonging(people) is Belonging.UNKNOWN
    clock.now += 1.0
    assert await people.standing_now(somebody()) == somebody(belonging=Belonging.MEMBER)


async def test_what_is_recalled_asks_nobody(slack: SlackServer, people: People) -> None:
    """A form cannot wait."""
    assert await people.recalled(somebody()) == somebody()
    assert slack.calls_of("users.info") == []
    await people.name_of(ALICE)
    assert await people.recalled(somebody()) == somebody(belonging=Belonging.MEMBER)
