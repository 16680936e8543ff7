"""What `doctor` says of Discord: token, intents, connections left, servers and channels."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.doctor.discord import MOST_CHANNELS, check_discord
from bot.doctor.findings import Finding, State
from tests.bot.doctor.looking import NOBODY, black_hole, look, named, page, troubled
from tests.servers.discord import ELSEWHERE, FORUM, GENERAL, PUBLIC, DiscordServer
from tests.servers.discord.cast import APP
from tests.servers.discord.routes import GATEWAY_BOT
from tests.servers.raw import serving

APPLICATION = "GET /applications/@me"


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as server:
        yield server


async def looked(discord: DiscordServer, **settings: str) -> list[Finding]:
    return await look(check_discord, **{"discord_token": discord.bot_token, "discord_api_url": discord.url, **settings})


async def test_without_a_token_there_is_nothing_to_look_at() -> None:
    """That is no failure."""
    (finding,) = await look(check_discord)
    assert (finding.name, finding.state) == ("discord", State.SKIPPED)


async def test_a_bot_that_is_set_up_well_is_well(discord: DiscordServer) -> None:
    """Who it is, its intents, its connections, its servers and channels; no session is opened."""
    found = await looked(discord, discord_help_channels=f"{GENERAL},{FORUM}")
    assert troubled(found) == []
    assert [finding.name for finding in found] == [
        *("discord.token", "discord.intents", "discord.gateway", "discord.servers", "discord.help_channels"),
    ]
    assert named(found, "discord.token").seen == f"corral, application {APP}"
    assert named(found, "discord.help_channels").seen == "#public-0, #help"
    assert not discord.identifies
    assert {call.route.split(" ")[0] for call in discord.calls} == {"GET"}


@pytest.mark.parametrize(
    ("token", "cause"),
    [
        ("aaa.bbb.ccc", "reset"),
        ("Bot aaa.bbb.ccc", "the word Bot"),
        ("0123456789abcdef0123456789abcdef", "Client Secret"),
    ],
)
async def test_a_refused_token_says_what_it_may_be(discord: DiscordServer, token: str, cause: str) -> None:
    """And where a new one is made."""
    (finding,) = await looked(discord, discord_token=token)
    assert (finding.name, finding.state) == ("discord.token", State.FAILED)
    assert cause in finding.cause
    assert "DISCORD_TOKEN" in finding.fix


@pytest.mark.parametrize(
    ("flags", "state"), [(1 << 18, State.OK), (1 << 19, State.OK), (1 << 15 | 1 << 23, State.FAILED)]
)
async def test_the_message_content_intent_must_be_on(discord: DiscordServer, flags: int, state: State) -> None:
    """Either as a large bot has it or as a small one does; the switch's page is named."""
    discord.home.application = {"flags": flags}
    finding = named(await looked(discord), "discord.intents")
    assert finding.state is state
    assert (f"/applications/{APP}/bot" in finding.fix) == (state is State.FAILED)


async def test_an_endpoint_for_interactions_takes_them_away_from_us(discord: DiscordServer) -> None:
    """Commands and buttons would never come over the gateway."""
    discord.home.application = {"interactions_endpoint_url": "https://example.com", "bot_require_code_grant": True}
    found = await looked(discord)
    assert named(found, "discord.interactions").state is State.FAILED
    assert named(found, "discord.code_grant").state is State.WARNING
    assert "Interactions Endpoint URL" in named(found, "discord.interactions").fix


@pytest.mark.parametrize(
    ("used", "state"), [(0, State.OK), (850, State.WARNING), (985, State.FAILED), (1000, State.FAILED)]
)
async def test_the_connections_that_are_left_are_told(discord: DiscordServer, used: int, state: State) -> None:
    """With how long it takes until all come back; the last twenty are not used by the program."""
    discord.token.identified = used
    discord.token.reset_after_seconds = 11_520.0
    finding = named(await looked(discord), "discord.gateway")
    assert finding.state is state
    assert finding.seen == f"{1000 - used} IDENTIFYs are left; all come back in 3 h 12 min"


async def test_a_bot_that_has_to_be_sharded_fails() -> None:
    """Corral has one connection."""
    async with DiscordServer(shards=2) as discord:
        finding = named(await looked(discord), "discord.gateway")
    assert (finding.state, finding.seen) == (State.FAILED, "Discord wants 2 shards")


async def test_a_bot_in_no_server_is_given_its_invitation(discord: DiscordServer) -> None:
    """The link with this application's id."""
    discord.home.guilds.clear()
    finding = named(await looked(discord), "discord.servers")
    assert finding.state is State.WARNING
    assert f"client_id={APP}" in finding.fix


@pytest.mark.parametrize(
    ("channel", "seen"),
    [
        ("1999999999999999999", "there is no channel"),
        (ELSEWHERE, "may not see"),
        ("#general", "is no channel's id"),
    ],
)
async def test_a_help_channel_that_cannot_be_heard_is_told(discord: DiscordServer, channel: str, seen: str) -> None:
    """Each with its id; the others are well."""
    found = await looked(discord, discord_help_channels=f"{GENERAL},{channel}")
    well, wrong = [finding for finding in found if finding.name == "discord.help_channels"]
    assert (well.state, well.seen) == (State.OK, "#public-0")
    assert wrong.state is State.FAILED
    assert seen in wrong.seen
    assert channel in wrong.seen
    assert "DISCORD_HELP_CHANNELS" in wrong.fix or "View Channel" in wrong.fix


async def test_a_place_that_is_no_channel_for_questions_is_told(discord: DiscordServer) -> None:
    """A category's id is copied as easily."""
    discord.channel(GENERAL).type = 4
    finding = named(await looked(discord, discord_help_channels=GENERAL), "discord.help_channels")
    assert (finding.state, "a category" in finding.seen) == (State.FAILED, True)


async def test_many_help_channels_are_not_all_looked_at(discord: DiscordServer) -> None:
    """Discord bounds the calls; how many were left out is told."""
    found = await looked(discord, discord_help_channels=",".join(PUBLIC))
    well, rest = [finding for finding in found if finding.name == "discord.help_channels"]
    assert well.seen.count("#") == MOST_CHANNELS
    assert (rest.state, rest.seen) == (State.SKIPPED, f"{len(PUBLIC) - MOST_CHANNELS} more were not looked at")


@pytest.mark.parametrize(
    ("route", "name"),
    [
        (APPLICATION, "discord.token"),
        (GATEWAY_BOT, "discord.gateway"),
        ("GET /users/@me/guilds", "discord.servers"),
        ("GET /channels/{channel_id}", "discord.help_channels"),
    ],
)
async def test_each_call_that_goes_wrong_is_a_finding(discord: DiscordServer, route: str, name: str) -> None:
    """Broken, limited, or answered by somebody else."""
    discord.fail(route, 500)
    assert named(await looked(discord, discord_help_channels=GENERAL), name).state is State.FAILED
    discord.fail(route, 429, retry_after=7)
    limited = named(await looked(discord, discord_help_channels=GENERAL), name)
    assert (limited.state, limited.fix) == (State.WARNING, "try again in 7 s")
    discord.break_body(route, status=200)
    garbled = named(await looked(discord, discord_help_channels=GENERAL), name)
    assert (garbled.state, "in its place" in garbled.cause) == (State.FAILED, True)


async def test_an_answer_without_its_parts_is_told(discord: DiscordServer) -> None:
    """JSON of somebody else's."""
    async with serving([page(200, b'{"hello": 1}', kind="application/json")]) as web:
        found = await looked(discord, discord_api_url=web.url)
    assert named(found, "discord.intents").state is State.FAILED
    assert named(found, "discord.gateway").state is State.FAILED


@pytest.mark.parametrize(
    ("url", "cause"), [(f"http://{NOBODY}", "nothing listens"), ("http://nowhere.invalid", "cannot be looked up")]
)
async def test_a_discord_that_cannot_be_reached_is_told(discord: DiscordServer, url: str, cause: str) -> None:
    """Without network, say."""
    (finding,) = await looked(discord, discord_api_url=url)
    assert (finding.name, finding.state) == ("discord.token", State.FAILED)
    assert cause in finding.cause


async def test_a_discord_that_never_answers_is_told(discord: DiscordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that drops what is sent looks like this."""
    monkeypatch.setattr("bot.doctor.discord.CALL_SECONDS", 0.3)
    async with black_hole() as place:
        (finding,) = await looked(discord, discord_api_url=f"http://{place}")
    assert "does not answer" in finding.cause
