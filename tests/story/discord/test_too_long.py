"""More than MAX_INPUT_CHARS, through every door of Discord: refused with the limit, before anything counts tokens.

Discord's clients let people send less than that in a message, an option or a field: there the limit is set lower.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from tests.servers.discord import BOB, GENERAL, DiscordServer
from tests.servers.discord.interaction import SHOW_MODAL
from tests.story.discord.conftest import AT_ONCE, HELP, QUESTION, Office
from tests.waiting import until

PASTE = "x = 1\n" * 33_333 + "xx"  # 200,000 characters
PIECE = "x = 1\n" * 10_000  # as much as a file may have, nearly; two are too much
LIMIT = "I take up to 100,000."

Opened = Callable[..., Coroutine[Any, Any, None]]


@pytest.fixture
async def open_office(office: Office, request: pytest.FixtureRequest) -> AsyncIterator[Office]:
    """With a model that has seen none of it in the end."""
    office.model.behaviour = AT_ONCE
    async with office.replica(max_input_chars=getattr(request, "param", 100_000)):
        await until("the commands are registered", lambda: bool(office.discord.commands))
        yield office
    assert not [request for request in office.model.requests if len(str(request["inputs"])) > 3_000]
    assert office.model.longest_counted < 3_000


def shown_anywhere(office: Office) -> str:
    """All that we said to anybody."""
    said = [one.shown for place in office.discord.home.channels for one in office.thread(place)]
    return "\n".join([*said, *(one.shown for one in office.discord.ephemerals)])


@pytest.mark.parametrize("before", ["", "fix\n", "complete\n", "explain\n```\n", "code: "])
async def test_a_mention(open_office: Office, discord: DiscordServer, before: str) -> None:
    """As a question, and as a skill's."""
    asked = await discord.mention(before + PASTE)
    await open_office.settled()
    assert LIMIT in open_office.answer(asked).shown


async def test_a_direct_message_a_follow_up_and_a_help_channel(open_office: Office, discord: DiscordServer) -> None:
    """Where nobody mentions us."""
    await discord.dm(PASTE)
    await open_office.settled()
    assert shown_anywhere(open_office).count(LIMIT) == 1
    await discord.say(PASTE, channel=HELP, user=BOB)
    await open_office.settled()
    assert shown_anywhere(open_office).count(LIMIT) == 2
    asked = await discord.mention(QUESTION)
    await open_office.settled()
    await discord.say(PASTE, channel=asked)
    await open_office.settled()
    assert LIMIT in open_office.thread(asked)[-1].shown


async def test_a_file_and_several_files(open_office: Office, discord: DiscordServer) -> None:
    """One has a limit of its own, all together have the message's."""
    asked = await discord.mention("fix", attachments=[("a.py", PASTE)])
    await open_office.settled()
    assert "a.py is larger than 64 KiB." in "\n".join(one.shown for one in open_office.thread(asked))
    asked = await discord.mention("review", attachments=[(f"{number}.py", PIECE) for number in range(4)])
    await open_office.settled()
    assert LIMIT in open_office.answer(asked).shown


@pytest.mark.parametrize("private", [True, False])
async def test_a_commands_file(open_office: Office, discord: DiscordServer, private: bool) -> None:
    """Its author is told."""
    file = discord.add_file("a.py", PASTE)
    await discord.command("explain", {"file": file, "private": private})
    await open_office.settled()
    assert "a.py is larger than 64 KiB." in shown_anywhere(open_office)


@pytest.mark.parametrize("open_office", [2_500], indirect=True)
@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("skill", ["ask", "code", "fix", "complete"])
async def test_a_commands_option(open_office: Office, discord: DiscordServer, skill: str, private: bool) -> None:
    """As long as Discord lets it be."""
    option = {"ask": "question", "code": "what", "fix": "words", "complete": "code"}[skill]
    await discord.command(skill, {option: f"f({'x' * 5_998}", "private": private})
    await open_office.settled()
    assert "I take up to 2,500." in shown_anywhere(open_office)


@pytest.mark.parametrize("open_office", [2_500], indirect=True)
async def test_a_form(open_office: Office, discord: DiscordServer) -> None:
    """As much as its fields take."""
    called = await discord.command("fix")
    await discord.submit(called, {"code": "c" * 4_000, "words": "w" * 4_000})
    await open_office.settled()
    assert "I take up to 2,500." in shown_anywhere(open_office)


async def test_what_a_form_has_no_room_for_is_not_cut(open_office: Office, discord: DiscordServer) -> None:
    """An option takes more than a form's field: whoever typed so much is told to send a file."""
    called = await discord.command("code", {"what": "w" * 4_001, "paste": True})
    assert called.response_type != SHOW_MODAL
    assert (
        "takes up to 4,000 characters; you gave 4,001. Send it as the command's `file`" in discord.ephemerals[-1].shown
    )
    called = await discord.command("code", {"what": "w" * 4_000, "paste": True})
    assert called.response_type == SHOW_MODAL
    assert open_office.thread(GENERAL) == []
