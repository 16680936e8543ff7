"""What people call up: commands that everybody sees, answers that one person sees alone, and the menu of a message."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from adapters.discord import interactions
from adapters.discord.commands import ASK_MENU
from adapters.discord.desk import THREAD_COMES
from adapters.discord.private import ENDS_HERE, GOES_ON
from conversation import notices
from tests.servers.behaviour import Behaviour
from tests.servers.discord import ALICE, BOB, ELSEWHERE, GENERAL, RANDOM, DiscordServer, dm_of
from tests.servers.discord.interaction import DEFER_REPLY, REPLY_NOW
from tests.story.discord.conftest import (
    AGAIN,
    AT_ONCE,
    CONTINUE,
    OTHER_QUESTION,
    QUESTION,
    SLOWLY,
    STOP,
    WHOLE,
    WHOLE_PRIVATELY,
    Office,
    actions,
)
from tests.waiting import until


@pytest.fixture
async def open_office(office: Office) -> AsyncIterator[Office]:
    """With the program in it, and its commands on offer."""
    async with office.replica():
        await until("the commands are registered", lambda: bool(office.discord.commands))
        yield office


async def test_a_command_shows_what_was_asked_and_is_answered_in_a_thread_below(
    open_office: Office, discord: DiscordServer
) -> None:
    """The thread has the question's name, and a follow-up there needs no mention."""
    open_office.model.behaviour = AT_ONCE
    called = await discord.command("ask", {"question": QUESTION})
    assert (called.failed, called.response_type) == (False, REPLY_NOW)
    await open_office.settled()
    root = open_office.answer(GENERAL)
    assert "Alice" in root.shown
    assert QUESTION in root.shown
    assert open_office.answer(root.id).body == open_office.expected_now()
    assert QUESTION in open_office.last_prompt()
    assert QUESTION in discord.channel(root.id).name
    await discord.say("and backwards?", channel=root.id, user=BOB)
    await open_office.settled()
    assert [one.body for one in open_office.thread(root.id)][1:] == [open_office.expected_now()]
    assert QUESTION in open_office.last_prompt()


async def test_a_private_answer_is_seen_by_nobody_else(open_office: Office, discord: DiscordServer) -> None:
    """It takes the place of "thinking" and grows there; what one person asks privately in one place is one
    conversation, which others' questions there know nothing of."""
    called = await discord.command("ask", {"question": QUESTION, "private": True})
    assert called.response_type == DEFER_REPLY
    await open_office.settled()
    (answer,) = discord.ephemerals
    assert (answer.id, answer.ephemeral_for, answer.body) == (called.original, ALICE, open_office.expected())
    states = [state.text for state in answer.history if state.text]
    assert len(set(states)) > 2
    assert all(after.startswith(before) for before, after in pairwise(states))
    assert actions(answer) == WHOLE_PRIVATELY
    open_office.model.behaviour = AT_ONCE
    await discord.command("ask", {"question": "and backwards?", "private": True})
    await open_office.settled()
    assert QUESTION in open_office.last_prompt()
    await discord.command("ask", {"question": "and backwards?", "private": True}, user=BOB)
    await open_office.settled()
    assert QUESTION not in open_office.last_prompt()
    assert [message.ephemeral_for for message in discord.ephemerals] == [ALICE, ALICE, BOB]
    assert discord.bot_messages() == []
    assert discord.threads == []


async def test_a_private_answer_has_its_buttons(open_office: Office, discord: DiscordServer) -> None:
    """Stop, Continue and Regenerate, each with a token of its own: nothing of it becomes public."""
    await discord.command("ask", {"question": QUESTION, "private": True})
    await until("it has begun", lambda: len(discord.ephemerals[0].body.split()) > 3)
    await open_office.press(discord.ephemerals[0], STOP)
    await open_office.settled()
    first = discord.ephemerals[0]
    assert first.notice == "Stopped."
    open_office.model.behaviour = AT_ONCE
    await open_office.press(first, CONTINUE)
    await open_office.settled()
    first, second = discord.ephemerals
    assert f"{first.body} {second.body.strip()}" == open_office.expected()
    await open_office.press(second, AGAIN)
    await open_office.settled()
    assert open_office.expected() in [message.body for message in discord.ephemerals]
    assert {message.ephemeral_for for message in discord.ephemerals} == {ALICE}
    assert discord.bot_messages() == []


async def test_when_its_token_ends_a_private_answer_goes_on_in_direct_messages(
    open_office: Office, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole there; what stands in the channel says where it went, and is still seen by nobody else."""
    open_office.model.behaviour = SLOWLY
    monkeypatch.setattr(interactions, "TOKEN_SECONDS", 62)  # the last minute of a token is kept for a sentence
    discord.home.token_seconds = 62
    await discord.command("ask", {"question": QUESTION, "private": True})
    await open_office.settled()
    (left,) = discord.ephemerals
    assert left.notice == GOES_ON
    assert open_office.expected().startswith(left.body)
    assert actions(left) == []
    answer = open_office.answer(dm_of(ALICE))
    assert (answer.body, actions(answer)) == (open_office.expected(), WHOLE)
    assert [message.channel for message in discord.bot_messages()] == [dm_of(ALICE)]


async def test_a_private_answer_that_can_go_on_nowhere_says_so(
    open_office: Office, discord: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is marked as not whole, and is not written where others see it."""
    open_office.model.behaviour = SLOWLY
    monkeypatch.setattr(interactions, "TOKEN_SECONDS", 62)
    discord.home.token_seconds = 62
    await discord.refuse_dms()
    await discord.command("ask", {"question": QUESTION, "private": True})
    await open_office.settled()
    (left,) = discord.ephemerals
    assert left.notice == ENDS_HERE
    assert open_office.expected().startswith(left.body)
    assert discord.bot_messages() == []


async def test_an_answer_that_everybody_sees_needs_no_token(open_office: Office, discord: DiscordServer) -> None:
    """It goes on in its thread as if nothing were."""
    discord.home.token_seconds = 0.5
    await discord.command("ask", {"question": QUESTION})
    await open_office.settled()
    assert open_office.answer(open_office.answer(GENERAL).id).body == open_office.expected()


async def test_forget_is_a_command_too(open_office: Office, discord: DiscordServer) -> None:
    """In a thread it is about that, and is told to who called it alone; elsewhere about what they asked privately."""
    open_office.model.behaviour = AT_ONCE
    asked = await discord.mention(QUESTION)
    await open_office.settled()
    await discord.command("ask", {"question": OTHER_QUESTION, "private": True})
    await open_office.settled()
    await discord.command("forget", channel=asked)
    await open_office.settled()
    assert await open_office.turns(asked) == []
    assert discord.ephemerals[-1].shown == notices.FORGOTTEN
    await discord.command("ask", {"question": "and backwards?", "private": True})
    await open_office.settled()
    assert OTHER_QUESTION in open_office.last_prompt()
    await discord.command("forget")
    await open_office.settled()
    await discord.command("ask", {"question": "and backwards?", "private": True})
    await open_office.settled()
    assert OTHER_QUESTION not in open_office.last_prompt()
    assert len(open_office.thread(asked)) == 1


async def test_the_menu_of_a_message_has_it_answered_in_a_thread_of_that_message(
    open_office: Office, discord: DiscordServer
) -> None:
    """Also of what was never said to us; who called it is told where the answer comes."""
    open_office.model.behaviour = AT_ONCE
    about = await discord.say("KeyError: 'name'", user=BOB)
    await discord.message_menu(ASK_MENU, about)
    await open_office.settled()
    assert open_office.answer(about).body == open_office.expected_now()
    assert "KeyError: 'name'" in open_office.last_prompt()
    assert "KeyError" in discord.channel(about).name
    assert [(one.ephemeral_for, one.shown) for one in discord.ephemerals] == [(ALICE, THREAD_COMES)]


async def test_a_file_comes_with_a_command(open_office: Office, discord: DiscordServer) -> None:
    """It belongs to the question."""
    open_office.model.behaviour = AT_ONCE
    file = discord.add_file("loop.py", "while True: pass\n")
    await discord.command("ask", {"question": "why?", "file": file})
    await open_office.settled()
    assert "why?\n\nloop.py:\n```python\nwhile True: pass\n```" in open_office.last_prompt()


async def test_where_we_may_not_answer_a_private_answer_comes_all_the_same(
    open_office: Office, discord: DiscordServer
) -> None:
    """The public one is refused in a sentence that says what is missing, to who asked alone."""
    open_office.model.behaviour = AT_ONCE
    called = await discord.command("ask", {"question": QUESTION}, channel=ELSEWHERE)
    assert not called.failed
    assert "private" in discord.ephemerals[0].shown
    await discord.command("ask", {"question": QUESTION, "private": True}, channel=ELSEWHERE)
    await open_office.settled()
    assert discord.ephemerals[1].body == open_office.expected()
    assert discord.bot_messages() == []


async def test_what_a_private_answer_says_calls_nobody(open_office: Office, discord: DiscordServer) -> None:
    """Nor does the message that shows a public question."""
    open_office.model.behaviour = Behaviour(text=f"Ask @everyone or <@{BOB}>.", token_delay=0.02)
    await discord.command("ask", {"question": f"@everyone <@{BOB}>?", "private": True})
    await discord.command("ask", {"question": f"@everyone <@{BOB}>?"}, channel=RANDOM)
    await open_office.settled()
    assert BOB in discord.ephemerals[0].body
    assert not discord.pings
