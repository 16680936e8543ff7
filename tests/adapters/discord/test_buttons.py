"""Buttons from the worker who wrote them to the question that is stored: who presses what, and where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.discord.buttons import custom_id
from adapters.discord.private import DIRECT
from conversation.model import Action, Claim, Command, Ending, Job, Offer, Role, Settlement, StopReason, ThreadId, Turn
from conversation.ports import Content
from tests.adapters.discord.listening import COMMANDS, Desk, desk_of
from tests.adapters.discord.writing import Writer, ended, growing, writer
from tests.servers.discord import ALICE, BOB, DiscordServer, Message, dm_of
from tests.waiting import until


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


@pytest.fixture
async def at_work(discord: DiscordServer, redis_client: Redis) -> AsyncIterator[Writer]:
    async with writer(discord, redis_client) as opened:
        yield opened


async def claimed(desk: Desk) -> Claim:
    """The next question, for a worker who answers it."""
    found: list[Claim] = []

    async def is_there() -> bool:
        found.extend(await desk.jobs.claim(1))
        return bool(found)

    await until("something is asked", is_there)
    return found[0]


async def stopped(desk: Desk, claim: Claim) -> bool:
    """Whether the answer was asked to stop."""
    (reason,) = await desk.jobs.renew([claim])
    return reason is StopReason.STOPPED


def below(message: Message, action: Action) -> str:
    """What the button for this carries."""
    return next(one.custom_id for one in message.buttons if one.custom_id.startswith(f"corral:{action}:"))


async def moved(at_work: Writer, asked: Job, content: Content) -> Message:
    """A private answer in the direct messages, since its token is over."""
    message = asked.messages[0]
    late = replace(asked, messages=(replace(message, reply_to={**message.reply_to, "expires": "1"}),))
    segment = await at_work.show(late, content)
    assert segment.mode == DIRECT
    (shown,) = at_work.discord.bot_messages(dm_of(ALICE))
    return shown


async def test_whoever_sees_a_running_answer_may_stop_it(desk: Desk, discord: DiscordServer, at_work: Writer) -> None:
    """Also what somebody else asked: who may ask in a place may stop there."""
    await discord.mention("why?", user=ALICE)
    claim = await claimed(desk)
    asked = await at_work.begin(claim.job)
    await at_work.show(asked, growing("Because", asked.id))
    (shown,) = at_work.shown(asked)
    pressed = await discord.press(shown.id, below(shown, Action.STOP), user=BOB)
    assert not pressed.failed
    await until("it is asked to stop", lambda: stopped(desk, claim))


async def test_a_private_answer_that_moved_to_direct_messages_can_be_stopped(
    desk: Desk, discord: DiscordServer, at_work: Writer
) -> None:
    """The button says to which conversation it belongs."""
    await discord.command("ask", {"question": "why?", "private": True})
    claim = await claimed(desk)
    shown = await moved(at_work, claim.job, growing("Because", claim.job.id))
    await discord.press(shown.id, below(shown, Action.STOP))
    await until("it is asked to stop", lambda: stopped(desk, claim))


async def test_a_private_answer_that_moved_can_be_made_anew_in_direct_messages(
    desk: Desk, discord: DiscordServer, at_work: Writer
) -> None:
    """In the same conversation; and below that answer the buttons work as well."""
    await discord.command("ask", {"question": "why?", "private": True})
    first = await claimed(desk)
    exchange = first.job.id
    shown = await moved(
        at_work, first.job, replace(ended("Because."), offers=(Offer(Action.AGAIN, "Again", exchange),))
    )
    asked = Turn(id=f"{exchange}:0", exchange=exchange, role=Role.USER, text="why?", at=1.0)
    answer = Turn(id=f"{exchange}:answer", exchange=exchange, role=Role.ASSISTANT, text="Because.", at=2.0)
    await desk.jobs.finish(first, Settlement(Ending.COMPLETE, turns=(asked, answer)))
    await discord.press(shown.id, below(shown, Action.AGAIN))
    again = await claimed(desk)
    message = again.job.messages[0]
    assert (message.command, message.address) == (Command.AGAIN, first.job.messages[0].address)
    assert not at_work.replies.needs_place(again.job)
    await at_work.show(again.job, growing("Since", again.job.id))
    assert [one.body for one in discord.bot_messages(dm_of(ALICE))] == ["Because.", "Since"]
    running = discord.bot_messages(dm_of(ALICE))[-1]
    await discord.press(running.id, below(running, Action.STOP))
    await until("it is asked to stop", lambda: stopped(desk, again))


def test_what_a_button_carries_is_never_too_long() -> None:
    """With the greatest ids that there can be; a mark of the writer's of 13 characters comes behind it."""
    address = ThreadId("discord", str(2**64 - 1), str(2**64 - 1), "private-1")
    for action in Action:
        assert len(custom_id(Offer(action, "", "f" * 32), address)) + 13 <= 100
