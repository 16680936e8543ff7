"""When the model has more to do than it can: everybody sees at once that they were heard."""

from __future__ import annotations

from conversation import guide, notices
from tests.servers.behaviour import Behaviour
from tests.servers.slack import GENERAL, SlackServer
from tests.servers.slack.cast import PEOPLE
from tests.story.slack.conftest import AT_ONCE, QUESTION, Office
from tests.waiting import until


async def test_whoever_waits_for_the_model_is_told_the_place(office: Office, slack: SlackServer) -> None:
    """Up to the eighth; and who needs no model has the answer at once."""
    office.model.behaviour = Behaviour(first_token_delay=30)
    async with office.replica(model_slots=1):
        asked = [await slack.mention(QUESTION, user=person) for person in PEOPLE[:9]]
        await until("the last is told", lambda: notices.in_line(8) in [s for ts in asked for s in slack.statuses[ts]])
        assert all(slack.statuses[ts] for ts in asked)
        helped = await slack.mention("help", user=PEOPLE[0])
        await until("there is help", lambda: bool(office.thread(helped)))
        assert office.answer(helped).shown == guide.HELP
        await slack.mention("help", user=PEOPLE[1], thread_ts=asked[1])
        await until("there is help in a thread that waits", lambda: bool(office.thread(asked[1], GENERAL)))
        office.model.behaviour = AT_ONCE
        for ts in asked:
            await slack.delete(ts)
        await office.settled()
