"""What people are told beside their answers: within the limits that answers have, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.discord.api import DiscordApi
from adapters.discord.asides import Asides
from adapters.discord.channels import Kind, Place
from adapters.discord.limits import sends_in
from conversation import telling
from conversation.background import Background
from conversation.pacing import Use
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.discord import BOB, GENERAL, GUILD, DiscordServer
from tests.servers.discord.routes import SEND
from tests.waiting import until

HERE = Place(GUILD, GENERAL, Kind.CHANNEL)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "RETRY_SECONDS", 0.01)


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(limits=True) as discord:
        with discord.pointed():
            yield discord


@pytest.fixture
async def api(discord: DiscordServer, redis_client: Redis) -> AsyncIterator[DiscordApi]:
    async with DiscordApi(discord.bot_token, RedisRates(redis_client, Keys())) as client:
        yield client


@pytest.fixture
async def asides(api: DiscordApi) -> AsyncIterator[Asides]:
    background = Background()
    yield Asides(api, background)
    await background.aclose()


def said(discord: DiscordServer) -> list[str]:
    """Our words there."""
    return [message.shown for message in discord.bot_messages(GENERAL)]


async def test_it_is_a_reply_that_calls_nobody_and_is_said_once(asides: Asides, discord: DiscordServer) -> None:
    """In five minutes; another sentence is another matter."""
    asked = await discord.mention("why?")
    for sentence in "Later.", "Later.", f"Soon, <@{BOB}>.":
        asides.tell(HERE, asked, sentence)
    await until("both are said", lambda: len(said(discord)) == 2)
    first = discord.bot_messages(GENERAL)[0]
    assert (first.shown, (first.reference or {})["message_id"]) == ("Later.", asked)
    assert discord.pings == []


async def test_a_lost_reply_does_not_make_it_said_twice(asides: Asides, discord: DiscordServer) -> None:
    """It is tried again, under the same nonce."""
    discord.lose_reply(SEND)
    asides.tell(HERE, await discord.mention("why?"), "Later.")
    await until("it was tried twice", lambda: len(discord.calls_of(SEND)) == 2)
    assert said(discord) == ["Later."]


async def test_it_waits_for_room_within_the_limits(asides: Asides, discord: DiscordServer, api: DiscordApi) -> None:
    """The same as the answers': no call is one too many."""
    while (await api.budget.take(Use(sends_in(GENERAL)))).wait_seconds == 0:
        pass
    await api.budget.pause(sends_in(GENERAL), 0.3)
    asides.tell(HERE, await discord.mention("why?"), "Later.")
    await until("it is said", lambda: said(discord) == ["Later."])
    assert discord.rate_limited == 0


async def test_what_discord_refuses_is_not_said_and_breaks_nothing(asides: Asides, discord: DiscordServer) -> None:
    """A best effort."""
    await discord.deny(GENERAL, "send_messages")
    asked = await discord.mention("why?")
    asides.tell(HERE, asked, "Later.")
    await until("it was tried twice", lambda: len(discord.calls_of(SEND)) == 2)
    await discord.allow(GENERAL, "send_messages")
    asides.tell(HERE, asked, "Soon.")
    await until("the next is said", lambda: said(discord) == ["Soon."])
