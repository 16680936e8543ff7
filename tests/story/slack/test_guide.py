"""What people are told of the service itself: once, when they meet it, and whenever they ask."""

from __future__ import annotations

from conversation import notices
from tests.servers.slack import ALICE, SlackServer
from tests.story.slack.conftest import AT_ONCE, QUESTION, Office, actions
from tests.waiting import until


async def test_the_first_answer_tells_what_answers(office: Office, slack: SlackServer) -> None:
    """Below it, once for each person."""
    office.model.behaviour = AT_ONCE
    await office.redis.flushall()
    async with office.replica():
        first, second = await slack.mention(QUESTION), await slack.mention(QUESTION, user=ALICE)
        await office.settled()
    told = [office.answer(ts).notice for ts in (first, second)]
    assert sorted(told) == ["", notices.INTRODUCTION]


async def test_an_example_of_help_is_pressed(office: Office, slack: SlackServer) -> None:
    """It is answered in the thread where help was asked for."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention("help")
        await office.settled()
        helped = office.answer(ts)
        assert actions(helped) == [f"corral:try:{skill}" for skill in ("code", "explain", "fix", "test")]
        await slack.press(helped.ts, "corral:try:explain")
        await until("it is answered", lambda: len(office.thread(ts)) == 2)
        await office.settled()
    assert office.thread(ts)[-1].body == office.expected_now()
    assert "Explain what this code does" in office.last_prompt()
    assert "sorted(d, key=d.get)[-3:]" in office.last_prompt()


async def test_status_is_told_where_it_is_asked(office: Office, slack: SlackServer) -> None:
    """Without the model's help."""
    async with office.replica():
        ts = await slack.mention("status")
        await office.settled()
    lines = office.answer(ts).shown.splitlines()
    assert lines[0].startswith("The model is ")
    assert lines[2].startswith("No question waits, and ")
    assert lines[3:] == ["Set for this channel: nothing.", "Set for you: nothing."]
    assert not office.model.requests
