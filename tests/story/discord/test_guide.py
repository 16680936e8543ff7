"""What people are told of the service itself: once, when they meet it, and whenever they ask."""

from __future__ import annotations

from conversation import notices
from tests.servers.discord import DiscordServer
from tests.story.discord.conftest import AT_ONCE, QUESTION, Office, actions
from tests.waiting import until


async def test_the_first_answer_tells_what_answers(office: Office, discord: DiscordServer) -> None:
    """Below it, once for each person."""
    office.model.behaviour = AT_ONCE
    await office.redis.flushall()
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.answered(asked)
        await discord.say("and backwards?", channel=asked)
        await office.answered(asked, times=2)
    assert [answer.notice for answer in office.thread(asked)] == [notices.INTRODUCTION, ""]


async def test_an_example_of_help_is_pressed(office: Office, discord: DiscordServer) -> None:
    """It is answered like a question."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.answered(asked)
        await discord.mention("help", channel=asked)
        await office.settled()
        helped = office.thread(asked)[-1]
        assert actions(helped) == ["try"] * 4
        button = next(one for one in helped.buttons if one.custom_id.split(":")[2] == "explain")
        await discord.press(helped.id, button.custom_id)
        await office.answered(asked, times=2)
    assert len(office.thread(asked)) == 3
    assert "Explain what this code does" in office.last_prompt()


async def test_help_outside_a_thread_can_be_pressed_too(office: Office, discord: DiscordServer) -> None:
    """The answer gets a thread, like any other in a channel."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention("help")
        await office.settled()
        places = [place for place in office.discord.home.channels if office.thread(place)]
        (helped,) = [message for place in places for message in office.thread(place)]
        button = next(one for one in helped.buttons if one.custom_id.split(":")[2] == "fix")
        await discord.press(helped.id, button.custom_id)
        await until("it is answered", lambda: len(office.model.requests) == 1)
        await office.settled()
        answers = [one for place in office.discord.home.channels for one in office.ended(place)]
    assert [answer.body for answer in answers] == [office.expected_now()], (asked, places)


async def test_status_is_told_where_it_is_asked(office: Office, discord: DiscordServer) -> None:
    """Without the model's help."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.answered(asked)
        await discord.mention("status", channel=asked)
        await office.settled()
    lines = office.thread(asked)[-1].shown.splitlines()
    assert lines[0].startswith("The model is ")
    assert lines[-2:] == ["Set for this channel: nothing.", "Set for you: nothing."]
    assert len(office.model.requests) == 1


async def test_an_example_of_the_help_command_is_answered_below_it(office: Office, discord: DiscordServer) -> None:
    """To who called it alone, and the help stays there; nobody else sees any of it."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await until("the commands are registered", lambda: bool(discord.commands))
        called = await discord.command("help")
        (helped,) = discord.ephemerals
        said = helped.shown
        button = next(one for one in helped.buttons if one.custom_id.split(":")[2] == "fix")
        await discord.press(helped.id, button.custom_id)
        await until("it is answered", lambda: len(office.model.requests) == 1)
        await office.settled()
    assert (called.original, helped.shown) == (helped.id, said)
    (_, answer) = discord.ephemerals
    assert (answer.body, answer.ephemeral_for) == (office.expected_now(), helped.ephemeral_for)
    assert discord.bot_messages() == []
