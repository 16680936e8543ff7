"""Answers that one person sees alone, until that person wants it otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.slack.commands import ANSWER_COMES_PRIVATELY
from adapters.slack.private import MAY_BE_THERE
from adapters.slack.receiving import NOT_HERE
from conversation import notices
from tests.servers.behaviour import Behaviour
from tests.servers.slack import ALICE, BOB, ELSEWHERE, GENERAL, Message, SlackServer, dm_of
from tests.servers.slack.cast import PUBLIC
from tests.story.programs import program
from tests.story.slack.conftest import AGAIN, AT_ONCE, CONTINUE, FEEDBACK, QUESTION, Office, actions
from tests.story.slack.processes import Holds, Step
from tests.waiting import until

SHARE, THREAD, REVEAL = "corral:share", "corral:thread", "corral:reveal"
OFFERED = [AGAIN, SHARE, THREAD, FEEDBACK, FEEDBACK]


@pytest.fixture(autouse=True)
def _at_once(office: Office) -> None:
    office.model.behaviour = AT_ONCE


async def asked(office: Office, slack: SlackServer, text: str = QUESTION, **where: Any) -> Message:
    """Alice asks privately; gives the answer."""
    before = len(slack.ephemerals)
    delivery = await slack.command("/corral", f"private {text}", **where)
    assert delivery.reply["text"] == ANSWER_COMES_PRIVATELY
    await office.settled()
    await until("it is answered", lambda: len(slack.ephemerals) == before + 2)
    return slack.ephemerals[-1]


async def test_nobody_else_sees_it(office: Office, slack: SlackServer) -> None:
    """Neither the question nor the answer, which comes when it is whole; also where we are not."""
    async with office.replica():
        for channel in GENERAL, ELSEWHERE:
            answer = await asked(office, slack, channel=channel)
            assert (answer.ephemeral_for, answer.channel) == (ALICE, channel)
            assert (answer.body, answer.notice) == (office.expected(), "")
            assert actions(answer) == OFFERED
            assert len(answer.history) == 1
    assert slack.bot_messages() == []


async def test_the_box_in_the_form_says_it_too(office: Office, slack: SlackServer) -> None:
    """Its person is told that the answer comes."""
    async with office.replica():
        await slack.command("/corral", "explain")
        await slack.submit(code="x = 1", private=True)
        await office.settled()
        await until("both are there", lambda: len(slack.ephemerals) == 2)
    assert {message.shown for message in slack.ephemerals} == {ANSWER_COMES_PRIVATELY, office.expected_now()}
    assert slack.bot_messages() == []


async def test_it_is_shared_in_the_channel(office: Office, slack: SlackServer) -> None:
    """Once: as a message that says who asked what. What is said in its thread is answered, and knows it."""
    async with office.replica():
        answer = await asked(office, slack)
        await slack.press(answer.ts, SHARE)
        await office.settled()
        await slack.press(answer.ts, SHARE)
        await until("it is told", lambda: slack.ephemerals[-1].shown == notices.ALREADY_SHOWN)
        (shared,) = slack.bot_messages()
        assert (shared.channel, shared.thread_ts) == (GENERAL, None)
        assert shared.shown == f"alice asked:\n> {QUESTION}\n\n{office.expected()}"
        assert actions(shared) == [AGAIN, FEEDBACK, FEEDBACK]
        await slack.say("and backwards?", thread_ts=shared.ts, user=BOB)
        await office.settled()
    assert office.answer(shared.ts).body == office.expected_now()
    assert QUESTION in office.last_prompt()
    assert office.expected() in office.last_prompt()


async def test_it_goes_on_in_a_thread(office: Office, slack: SlackServer) -> None:
    """Below a message that says who asks; there it is as any other answer."""
    async with office.replica():
        answer = await asked(office, slack)
        await slack.press(answer.ts, THREAD)
        await office.settled()
        root = slack.bot_messages()[0]
        assert root.shown == f"alice asked:\n> {QUESTION}"
        shown = office.answer(root.ts)
        assert shown.body == office.expected()
        await slack.press(shown.ts, AGAIN, user=BOB)
        await until("it is made anew", lambda: len(office.model.requests) == 2)
        await office.settled()
        await slack.mention("and a tuple?", thread_ts=root.ts)
        await office.settled()
    assert office.thread(root.ts)[0].ts == shown.ts
    assert len(office.thread(root.ts)) == 2
    assert QUESTION in office.last_prompt()


async def test_what_was_asked_besides_stays_private(office: Office, slack: SlackServer) -> None:
    """Each private question is a conversation of its own."""
    async with office.replica():
        await asked(office, slack, "what is my secret?")
        answer = await asked(office, slack)
        await slack.press(answer.ts, THREAD)
        await office.settled()
        root = slack.bot_messages()[0]
        await slack.say("and backwards?", thread_ts=root.ts)
        await office.settled()
    assert "secret" not in office.last_prompt()


async def test_where_we_are_not_nothing_is_shared(office: Office, slack: SlackServer) -> None:
    """Its person is told what to do."""
    async with office.replica():
        answer = await asked(office, slack, channel=ELSEWHERE)
        await slack.press(answer.ts, SHARE)
        await until("it is told", lambda: slack.ephemerals[-1].shown == NOT_HERE)
        await slack.invite(ELSEWHERE)
        await slack.press(answer.ts, SHARE)
        await office.settled()
    assert len(slack.bot_messages(ELSEWHERE)) == 1


async def test_opinions_and_a_new_answer_stay_private(office: Office, slack: SlackServer) -> None:
    """Regenerate takes the old answer's place; a long one is gone on with."""
    office.settings["max_new_tokens"] = 16
    async with office.replica():
        answer = await asked(office, slack)
        assert actions(answer) == [CONTINUE, *OFFERED]
        await slack.press(answer.ts, CONTINUE)
        await office.settled()
        await until("it goes on", lambda: len(slack.ephemerals) == 3)
        rest = slack.ephemerals[-1]
        assert [*answer.body.split(), *rest.body.split()] == office.expected().split()
        await slack.press(rest.ts, FEEDBACK, value=next(one.value for one in rest.buttons if "good" in one.value))
        await until("it is kept", lambda: slack.ephemerals[-1].shown == notices.THANKS)
        office.model.behaviour = Behaviour(text="Rather so.")
        await slack.press(rest.ts, AGAIN)
        await until("it is replaced", lambda: rest.body == "Rather so.")
        await office.settled()
    assert slack.bot_messages() == []


async def test_when_its_address_expired_it_comes_in_direct_messages(office: Office, slack: SlackServer) -> None:
    """And can be shared from there."""
    async with office.replica():
        slack.fail("response_url", "expired_url", status=404)
        await slack.command("/corral", f"private {QUESTION}")
        await office.settled()
        (answer,) = slack.bot_messages(dm_of(ALICE))
        assert answer.body == f"alice asked:\n> private {QUESTION}\n\n{office.expected()}"
        await slack.press(answer.ts, SHARE)
        await office.settled()
    (shared,) = slack.bot_messages(GENERAL)
    assert office.expected() in shared.shown


async def test_status_is_told_to_its_person_alone(office: Office, slack: SlackServer) -> None:
    """Without the model's help."""
    async with office.replica():
        assert (await slack.command("/corral", "status")).reply == {}
        await until("it is told", lambda: len(slack.ephemerals) == 1)
        await office.settled()
    assert slack.ephemerals[0].shown.startswith("The model is ")
    assert slack.bot_messages() == []
    assert not office.model.requests


# kill -9


async def test_a_form_is_stored_before_it_is_acknowledged(office: Office, slack: SlackServer, tmp_path: Path) -> None:
    """From then on the question is safe; another process takes in what was opened by the first."""
    async with program(office, tmp_path, "--role", "listener") as listener:
        await slack.command("/corral", "explain")
        await slack.submit(code="x = 1")
        await slack.command("/corral", "review", user=BOB)
        await listener.killed()
    async with program(office, tmp_path):
        await slack.submit(code="y = 2", user=BOB)
        await office.settled()
    shown = sorted(root.shown for root in slack.bot_messages(GENERAL) if root.thread_ts is None)
    assert shown == ["alice asked:\n> explain\n> x = 1", "bob asked:\n> review\n> y = 2"]
    assert len(slack.bot_messages(GENERAL)) == 4


async def test_a_form_whose_acknowledgement_was_lost_is_one_question(
    office: Office, slack: SlackServer, tmp_path: Path
) -> None:
    """The process dies after it was stored; its person presses again."""
    async with program(office, tmp_path) as first:
        await slack.command("/corral", "explain")
        slack.hang("users.info")
        slack.deliveries.ack_seconds = 0.3
        delivery = await slack.submit(code="x = 1")
        assert delivery.acked is None
        slack.deliveries.all.remove(delivery)
        await until("it is asked", lambda: bool(slack.bot_messages(GENERAL)))
        await first.killed()
    slack.deliveries.ack_seconds = 3.0
    slack.release()
    async with program(office, tmp_path):
        await slack.submit(code="x = 1")
        await office.settled()
    assert len(slack.bot_messages(GENERAL)) == 2


STEPS = ("while it is made", "before it is shown", "when it was shown")


@pytest.mark.parametrize("step", STEPS)
async def test_a_private_answer_after_kill_9(office: Office, slack: SlackServer, tmp_path: Path, step: str) -> None:
    """It is in its thread's memory, and shown once; where nobody can know whether it was, its person may have it."""
    async with program(office, tmp_path) as first:
        if step == "while it is made":
            office.model.behaviour = Behaviour(token_delay=0.1)
        elif step == "before it is shown":
            slack.hang("response_url")
        else:
            slack.faults.mute("response_url")
        await slack.command("/corral", f"private {QUESTION}")
        await until("the model is asked", lambda: bool(office.model.requests))
        if step != "while it is made":
            await until("it is about to be shown", lambda: not slack.faults.is_waiting("response_url"))
        if step == "when it was shown":
            await until("it is shown", lambda: len(slack.ephemerals) == 2)
        await first.killed()
    office.model.behaviour = AT_ONCE
    async with program(office, tmp_path):
        await office.settled()
        shown = [message for message in slack.ephemerals if message.shown != ANSWER_COMES_PRIVATELY]
        if step == "while it is made":
            assert [message.body for message in shown] == [office.expected()]
        else:
            is_there = step == "when it was shown"
            assert [message.body for message in shown][:-1] == [office.expected()] * is_there
            assert shown[-1].shown == MAY_BE_THERE
            assert actions(shown[-1]) == [REVEAL, SHARE, THREAD]
            await slack.press(shown[-1].ts, REVEAL)
            await office.settled()
            await until("it is shown", lambda: slack.ephemerals[-1].body == office.expected())
            assert actions(slack.ephemerals[-1]) == OFFERED
    assert slack.bot_messages() == []


async def test_sharing_after_kill_9(
    office: Office, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it waited for, the answer stands in each channel once."""
    steps = {
        "before its place is made": Step("chat.postMessage", False),
        "when its place was made": Step("chat.postMessage", True),
        "before it is in its place": Step("chat.update", False),
        "when it is in its place": Step("chat.update", True),
    }
    channels = dict(zip(steps, PUBLIC, strict=False))
    async with program(office, tmp_path) as first:
        for channel in channels.values():
            await slack.command("/corral", f"private {QUESTION}", channel=channel)
        await office.settled()
        holds = Holds(monkeypatch, {channels[name]: step for name, step in steps.items()})
        answers = [message for message in slack.ephemerals if SHARE in actions(message)]
        for answer in answers:
            await slack.press(answer.ts, SHARE)
        await until("every one is at its step", lambda: holds.arrived == set(channels.values()))
        await first.killed()
    async with program(office, tmp_path):
        await office.settled()
    for name, channel in channels.items():
        (shared,) = slack.bot_messages(channel)
        assert shared.shown == f"alice asked:\n> {QUESTION}\n\n{office.expected()}", name
