"""What Discord refuses, loses and bounds: the answer ends whole, and is there once."""

from __future__ import annotations

import pytest

from adapters.discord import messages, refusals
from conversation import delivery, worker
from conversation.pacing import Allowance
from tests.servers.discord import PEOPLE, PUBLIC, DiscordServer
from tests.servers.discord.limits import Limits
from tests.servers.discord.routes import EDIT, EDIT_RESPONSE, RESPOND, SEND, THREAD_FROM_MESSAGE
from tests.story.discord.conftest import AT_ONCE, HELP, QUESTION, WHOLE, Office, actions
from tests.waiting import until

FAILURES = 5


def refuse(office: Office, route: str) -> None:
    """One call of the route meets each of the ways in which Discord fails: its reply is lost, an error of its own, a
    page of its proxy's, a limit, and a page of what guards it, which looks at all our calls."""
    office.discord.lose_reply(route)
    office.discord.fail(route, 503)
    office.discord.break_body(route)
    office.discord.fail(route, 429, retry_after=1)
    office.discord.break_body(route, status=429)
    office.refusals = 2


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "UNSAID_RETRY_SECONDS", 1.0)


@pytest.fixture
def _many_edits(discord: DiscordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than Discord allows, for what is tried again and again."""
    discord.api.limits = None
    monkeypatch.setattr(messages, "edits_in", lambda channel: Allowance(f"discord:{channel}:edits", 100, 1.0))


@pytest.mark.parametrize("route", [THREAD_FROM_MESSAGE, SEND, EDIT], ids=["thread", "post", "edit"])
async def test_an_answer_survives_what_discord_does_to_one_of_its_calls(
    office: Office, discord: DiscordServer, route: str
) -> None:
    """Each failure in another channel: every answer is whole, in one message of one thread."""
    refuse(office, route)
    async with office.replica():
        asked = [await discord.mention(QUESTION, channel=channel) for channel in PUBLIC[:FAILURES]]
        await office.settled()
    answers = [office.answer(one) for one in asked]
    assert [(answer.body, answer.notice) for answer in answers] == [(office.expected(), "")] * FAILURES
    assert [actions(answer) for answer in answers] == [WHOLE] * FAILURES
    assert len(discord.bot_messages()) == len(discord.threads) == FAILURES
    assert {call.status for call in discord.calls_of(route)} >= {429, 502, 503}


async def test_a_private_answer_survives_it_too(office: Office, discord: DiscordServer) -> None:
    """It is shown to each of five people once, and to nobody else."""
    async with office.replica():
        await until("the commands are registered", lambda: bool(discord.commands))
        refuse(office, EDIT_RESPONSE)
        for person in PEOPLE[:FAILURES]:
            question = {"question": QUESTION, "private": True}
            await discord.command("ask", question, user=person)
        await office.settled()
    assert [message.ephemeral_for for message in discord.ephemerals] == PEOPLE[:FAILURES]
    assert [message.body for message in discord.ephemerals] == [office.expected()] * FAILURES
    assert discord.bot_messages() == []


@pytest.mark.parametrize("private", [False, True])
async def test_a_command_whose_acknowledgement_is_lost_is_answered(
    office: Office, discord: DiscordServer, private: bool
) -> None:
    """Discord took it, and only we do not know."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await until("the commands are registered", lambda: bool(discord.commands))
        discord.lose_reply(RESPOND)
        called = await discord.command("ask", {"question": QUESTION, "private": private})
        await office.settled()
    assert called.original is not None
    assert (discord.message(called.original) if private else office.answer(called.original)).body == office.expected()


@pytest.mark.usefixtures("_many_edits")
async def test_while_discord_is_away_the_end_of_an_answer_waits_for_it(
    office: Office, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up, it would stand there half-written and without a mark."""
    tries = 12
    monkeypatch.setattr(delivery, "FINAL_TRIES", 2)
    monkeypatch.setattr(delivery, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "LONGEST_RETRY_SECONDS", 0.05)
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked)
        discord.fail(EDIT, 503, times=tries)
        await office.settled()
    assert office.answer(asked).body == office.expected()
    assert sum(call.status == 503 for call in discord.calls) == tries


@pytest.mark.usefixtures("_many_edits")
async def test_restarts_while_discord_is_away_cost_no_answer(
    office: Office, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no crashes: however many there are, the question is not given up."""
    monkeypatch.setattr(worker, "HAND_OVER_SECONDS", 0.1)

    def refused() -> int:
        return sum(call.status == 503 for call in discord.calls)

    async with office.replica(drain_seconds=0):
        asked = await discord.mention(QUESTION)
        await office.begun(asked)
        discord.fail(EDIT, 503, times=1_000)
        await until("the end is tried", lambda: refused() > 0)
    for _ in range(4):
        discord.calls.clear()
        async with office.replica(drain_seconds=0):
            await until("the end is tried again", lambda: refused() > 0)
    discord.api.faults.mend()
    async with office.replica():
        await office.settled()
    assert (office.answer(asked).body, office.answer(asked).notice) == (office.expected(), "")


@pytest.mark.parametrize("kind", ["route", "everything"])
async def test_limits_that_are_lower_than_we_know_cost_little(
    office: Office, discord: DiscordServer, kind: str
) -> None:
    """Headers and refusals tell of them; every answer ends whole, and few calls were too many."""
    assert discord.api.limits is not None
    if kind == "route":
        discord.api.limits.per_window |= {SEND: (1, 2.0), EDIT: (2, 1.0), "threads": (1, 0.5)}
    else:
        discord.api.limits = Limits(per_second=3)
    async with office.replica():
        asked = [await discord.mention(QUESTION) for _ in range(3)]
        await office.settled()
    assert [office.answer(one).body for one in asked] == [office.expected()] * 3
    office.refusals = discord.rate_limited
    assert office.refusals <= 10


async def test_under_the_limits_that_are_known_nobody_is_refused(office: Office, discord: DiscordServer) -> None:
    """More threads in one channel than may be opened at once, and answers elsewhere: all end, and no call was too
    many."""
    async with office.replica():
        asked = [await discord.say(QUESTION, channel=HELP, user=person) for person in PEOPLE[:7]]
        asked += [await discord.mention(QUESTION, channel=channel) for channel in PUBLIC[10:20]]
        await office.settled()
    assert [office.answer(one).body for one in asked] == [office.expected()] * 17
    assert discord.rate_limited == 0
