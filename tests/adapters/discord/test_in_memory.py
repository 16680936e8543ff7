"""What people do, on simcord: discord.py's own machinery on a Discord in memory, which checks what a bot may do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import pytest
import simcord
from redis.asyncio import Redis

from adapters.discord.attachments import Attachments
from adapters.discord.client import CorralClient
from adapters.discord.identity import DiscordAccess
from adapters.discord.listener import assemble
from adapters.discord.lookups import Lookups
from conversation.access import Person
from conversation.background import Background
from conversation.model import Command, InboundMessage, Language, Skill, ThreadId
from tests.adapters.discord.listening import Desk, desk_of
from tests.waiting import until


@dataclass
class Town:
    """A server with two people, and the listener's parts behind a client that simcord feeds."""

    env: simcord.Env
    desk: Desk
    channel: simcord.ChannelHandle
    help: simcord.ChannelHandle
    alice: simcord.MemberActor
    bob: simcord.MemberActor

    async def asked(self, count: int) -> list[InboundMessage]:
        """So many questions, once they are stored."""
        found: list[InboundMessage] = []

        async def are_there() -> bool:
            found.extend(await self.desk.asked())
            return len(found) >= count

        await until(f"{count} questions are asked", are_there)
        return found


@asynccontextmanager
async def town_of(desk: Desk) -> AsyncIterator[Town]:
    client, background = CorralClient(), Background()
    async with simcord.run(client) as env, aiohttp.ClientSession() as session:
        guild = env.create_guild()
        channel, help_channel = guild.create_text_channel("general"), guild.create_text_channel("help")
        alice, bob = (guild.add_member(env.create_user(name)) for name in ("alice", "bob"))
        access = DiscordAccess("unused", frozenset({str(help_channel.id)}))
        assert client.user is not None
        lookups = Lookups(client.http, desk.rates, str(client.user.id))
        _, tree = assemble(
            client,
            lookups,
            Attachments(session),
            background,
            access,
            desk.reception,
            desk.gateways,
            desk.api(access),
            desk.preferences,
        )
        await tree.sync()
        yield Town(env, desk, channel, help_channel, alice, bob)
        await lookups.aclose()
        await background.aclose()


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk:
        yield desk


async def test_questions_in_a_help_channel(desk: Desk) -> None:
    """Each is one; thanks are none."""
    async with town_of(desk) as town:
        await town.alice.send(town.help, "How do I sort a dict?")
        await town.bob.send(town.help, "thanks!")
        await town.bob.send(town.channel, "lunch?")
        await town.bob.send(town.help, "How do I reverse a list?")
        assert [one.text for one in await town.asked(2)] == ["How do I sort a dict?", "How do I reverse a list?"]


async def test_ask(desk: Desk) -> None:
    """Everybody sees the question; a private one nobody but who asks."""
    async with town_of(desk) as town:
        shown = await town.alice.slash(town.channel, "ask", question="why?")
        assert not shown.ephemeral
        assert town.channel.last_message is not None
        assert town.channel.last_message.content == "**alice** asked:\n>>> why?"
        private = await town.bob.slash(town.channel, "ask", question="and why?", private=True)
        assert private.ephemeral
        first, second = await town.asked(2)
        assert (first.text, second.text) == ("why?", "and why?")
        assert second.address.thread == f"private-{town.bob.id}"


async def test_forget(desk: Desk) -> None:
    """Told to who asks for it, alone."""
    async with town_of(desk) as town:
        shown = await town.alice.slash(town.channel, "forget")
        assert shown.ephemeral
        assert (await town.asked(1))[0].command is Command.FORGET


async def test_a_form(desk: Desk) -> None:
    """Opened by a command without code, and sent back as discord.py delivers it."""
    async with town_of(desk) as town:
        shown = await town.alice.slash(town.channel, "fix", words="it crashes", language="Python", private=True)
        answered = await town.alice.submit_modal(shown, {"code": "x = 1\n\ty", "words": "it crashes"})
        assert answered.ephemeral
        (asked,) = await town.asked(1)
        assert (asked.skill, asked.language) == (Skill.FIX, "python")
        assert asked.text.endswith("\n\nit crashes\n\n```python\nx = 1\n\ty\n```")


async def test_the_menu_of_a_message(desk: Desk) -> None:
    """Does the skill with it, for who called it."""
    async with town_of(desk) as town:
        about = await town.bob.send(town.channel, "x = 1")
        shown = await town.alice.context_menu(town.channel, "Review this", about)
        assert shown.ephemeral
        (asked,) = await town.asked(1)
        assert (asked.skill, asked.author_id) == (Skill.REVIEW, str(town.alice.id))
        assert asked.above == (f"message:{town.channel.id}:{about.id}",)


async def test_settings(desk: Desk) -> None:
    """A person's own, and a channel's for who may manage it alone."""
    async with town_of(desk) as town:
        kept = await town.alice.slash(town.channel, "settings mine", language="Go")
        assert kept.ephemeral
        where = Person(ThreadId("discord", str(town.alice.guild.id), str(town.channel.id), "x"), str(town.alice.id))
        assert (await desk.preferences.shown(where)).language == Language("Go", "go")
        await town.alice.slash(town.channel, "settings channel", language="Go")
        assert (await desk.preferences.shown(where, of_channel=True)).language is None
