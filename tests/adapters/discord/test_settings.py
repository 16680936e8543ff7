"""`/settings`: what holds for a person, and for a channel, over real sockets with a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from adapters.discord.settings import ADMINS_ONLY, MOST_SHOWN, NOT_KEPT
from conversation import notices
from conversation.access import Person
from conversation.model import Language, Preferences, ThreadId
from storage.embedded import EmbeddedValkey
from tests.adapters.discord.listening import COMMANDS, MOST_TOKENS, Desk, desk_of
from tests.servers.discord import ALICE, BOB, GENERAL, GUILD, RANDOM, DiscordServer, Message, dm_of
from tests.waiting import until

ALL = {"language": "ts", "instructions": "Be brief.", "variety": "0.5", "length": "200"}
SET = Preferences(Language("TypeScript", "typescript"), "Be brief.", 0.5, 200)


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as discord:
        with discord.pointed():
            yield discord


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str, discord: DiscordServer) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk, desk.listener(discord):
        await until("Discord knows the commands", lambda: len(discord.commands) == COMMANDS)
        yield desk


async def told(discord: DiscordServer, name: str, options: dict[str, object] | None = None, **more: str) -> str:
    """What the person is told, and nobody else."""
    called = await discord.command(f"settings {name}", options or {}, **more)
    assert called.original is not None
    answer: Message = discord.message(called.original)
    await until("it is told", lambda: not answer.loading)
    assert answer.ephemeral_for == more.get("user", ALICE)
    return answer.shown


async def kept(desk: Desk, person: str = ALICE, channel: str = GENERAL, *, of_channel: bool = False) -> Preferences:
    where = ThreadId("discord", GUILD, channel, "x")
    return await desk.preferences.shown(Person(where, person), of_channel=of_channel)


async def test_a_persons_own(discord: DiscordServer, desk: Desk) -> None:
    """Are kept, shown, changed one by one and unset; they hold in all of the server's channels."""
    assert "- nothing" in await told(discord, "mine")
    said = await told(discord, "mine", dict(ALL))
    assert said.startswith("Set for you: code in TypeScript, variety 0.5")
    assert notices.FOR_NEW_THREADS in said
    assert await kept(desk) == SET
    assert await kept(desk, channel=RANDOM) == SET
    assert await kept(desk, BOB) == Preferences()
    shown = await told(discord, "mine", channel=RANDOM)
    for what in ("TypeScript", "Be brief.", "0.5", "200"):
        assert what in shown
    await told(discord, "mine", {"variety": "none", "language": "Go"})
    assert await kept(desk) == Preferences(Language("Go", "go"), "Be brief.", None, 200)
    await told(discord, "mine", {"reset": True, "length": "100"})
    assert await kept(desk) == Preferences(max_new_tokens=100)


async def test_a_channels_are_set_by_who_manages_it(discord: DiscordServer, desk: Desk) -> None:
    """Of a thread they are its channel's; everybody may see them, but for the words of what is added."""
    assert await told(discord, "channel", dict(ALL)) == ADMINS_ONLY
    assert await told(discord, "channel", {"reset": True}) == ADMINS_ONLY
    await discord.promote(BOB)
    thread = await discord.open_thread("talk")
    await told(discord, "channel", dict(ALL), channel=thread, user=BOB)
    assert await kept(desk, of_channel=True) == SET
    assert await kept(desk, channel=RANDOM, of_channel=True) == Preferences()
    assert "Be brief." in await told(discord, "channel", user=BOB)
    for_everybody = await told(discord, "channel")
    assert "TypeScript" in for_everybody
    assert "Be brief." not in for_everybody
    assert "9 characters" in for_everybody


async def test_in_direct_messages_everything_is_ones_own(discord: DiscordServer, desk: Desk) -> None:
    """The channel, too."""
    await told(discord, "channel", {"language": "Go"}, channel=dm_of(ALICE))
    where = Person(ThreadId("discord", "@me", dm_of(ALICE), "x"), ALICE)
    assert "in direct messages:" in await told(discord, "mine", channel=dm_of(ALICE))
    assert "in this server:" in await told(discord, "mine")
    assert (await desk.preferences.shown(where, of_channel=True)).language == Language("Go", "go")


@pytest.mark.parametrize(
    ("field", "typed", "why"),
    [
        ("language", "klingon", notices.no_such_language("klingon")),
        ("variety", "hot", notices.no_temperature(2.0)),
        ("length", "5", notices.no_reply_length(16, MOST_TOKENS)),
        ("instructions", "x" * 2001, notices.additions_too_long(2001, 2000)),
    ],
)
async def test_what_cannot_be_set_is_told(discord: DiscordServer, desk: Desk, field: str, typed: str, why: str) -> None:
    """Nothing is changed then."""
    assert await told(discord, "mine", {**ALL, field: typed}) == why
    assert await kept(desk) == Preferences()


async def test_languages_are_offered(discord: DiscordServer, desk: Desk) -> None:
    """As with the skills."""
    choices = await discord.autocomplete("settings mine", "language", "type")
    assert choices[0]["name"] == "TypeScript"


async def test_the_longest_addition_can_be_shown(discord: DiscordServer, desk: Desk) -> None:
    """Its beginning, in a message that Discord takes."""
    await told(discord, "mine", {"instructions": "x" * 2000})
    shown = await told(discord, "mine")
    assert f"{'x' * MOST_SHOWN}…" in shown
    assert "x" * (MOST_SHOWN + 1) not in shown


async def test_while_the_store_is_away(
    discord: DiscordServer, redis_server_factory: Callable[..., EmbeddedValkey]
) -> None:
    """Whoever changes something is told that nothing was."""
    server = redis_server_factory()
    async with desk_of(server.start()) as desk, desk.listener(discord):
        await until("Discord knows the commands", lambda: len(discord.commands) == COMMANDS)
        server.stop()
        assert await told(discord, "mine", {"language": "Go"}) == NOT_KEPT
