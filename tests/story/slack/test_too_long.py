"""More than MAX_INPUT_CHARS, through every door of Slack: refused with the limit, before anything counts tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.slack.interactions import FORM_SHORTCUT
from tests.servers.slack import ALICE, BOB, GENERAL, SlackServer, dm_of
from tests.story.slack.conftest import AT_ONCE, QUESTION, Office

PASTE = "x = 1\n" * 33_333 + "xx"  # 200,000 characters
PIECE = "x = 1\n" * 10_000  # as much as a file may have, nearly; two are too much
TOLD = "Your message has 200,0"
LIMIT = "I take up to 100,000."


@pytest.fixture
async def open_office(office: Office) -> AsyncIterator[Office]:
    """With a model that has seen none of it in the end."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        yield office
    assert not [request for request in office.model.requests if len(str(request["inputs"])) > 10_000]
    assert office.model.longest_counted < 10_000


@pytest.mark.parametrize("before", ["", "fix\n", "complete\n", "explain\n```\n", "code: "])
async def test_a_mention(open_office: Office, slack: SlackServer, before: str) -> None:
    """As a question, and as a skill's."""
    ts = await slack.mention(before + PASTE)
    await open_office.settled()
    shown = open_office.answer(ts).shown
    assert shown.startswith(TOLD)
    assert LIMIT in shown


async def test_a_direct_message_and_a_follow_up(open_office: Office, slack: SlackServer) -> None:
    """Where nobody mentions us."""
    ts = await slack.dm(PASTE)
    await open_office.settled()
    assert LIMIT in open_office.answer(ts, dm_of(ALICE)).shown
    ts = await slack.mention(QUESTION)
    await open_office.settled()
    await slack.say(PASTE, thread_ts=ts)
    await open_office.settled()
    assert LIMIT in open_office.thread(ts)[-1].shown


async def test_an_edit(open_office: Office, slack: SlackServer) -> None:
    """The question stands as it was."""
    ts = await slack.mention(QUESTION)
    await open_office.settled()
    await slack.edit(ts, f"<@{slack.bot_user}> fix {PASTE}")
    await open_office.settled()
    assert [text for role, text in await open_office.turns(ts) if role == "user"] == [QUESTION]


async def test_a_file_and_several_files(open_office: Office, slack: SlackServer) -> None:
    """One has a limit of its own, all together have the message's."""
    ts = await slack.mention("fix", files=[("a.py", PASTE)])
    await open_office.settled()
    assert "a.py is larger than 64 KiB." in "\n".join(one.shown for one in open_office.thread(ts))
    ts = await slack.mention("review", files=[(f"{number}.py", PIECE) for number in range(4)])
    await open_office.settled()
    assert LIMIT in open_office.answer(ts).shown


@pytest.mark.parametrize("command", ["/corral", "/code"])
@pytest.mark.parametrize("before", ["", "private ", "fix ", "private complete\n"])
async def test_a_command(open_office: Office, slack: SlackServer, command: str, before: str) -> None:
    """Its author is told with the acknowledgement; nothing is posted."""
    told = (await slack.command(command, before + PASTE)).reply["text"]
    assert told.startswith(TOLD)
    assert LIMIT in told
    await open_office.settled()
    assert slack.bot_messages(GENERAL) == []


async def test_a_form(open_office: Office, slack: SlackServer) -> None:
    """Its fields take 3,000 characters; with files it stays open, and says so."""
    await slack.command("/corral", "explain")
    files = [slack.add_file(f"{number}.py", PIECE) for number in range(4)]
    await slack.submit(code="c = 1\n" * 500, words="w " * 1500, files=files)
    assert slack.modal().is_open
    assert LIMIT in slack.modal().errors["code"]
    assert slack.bot_messages(GENERAL) == []


async def test_a_messages_menu(open_office: Office, slack: SlackServer) -> None:
    """What the form has no room for is read when it is sent in."""
    ts = await slack.say(PASTE, user=BOB)
    await slack.shortcut(FORM_SHORTCUT, message_ts=ts)
    await slack.submit(skill="explain")
    assert LIMIT in slack.modal().errors["code"]
