"""What Slack refuses, loses and bounds: the answer ends whole, and is there once."""

from __future__ import annotations

import re

import pytest

from adapters.slack import streams
from adapters.slack.replies import SlackReplies
from conversation import delivery, worker
from tests.servers.behaviour import Behaviour
from tests.servers.slack import SlackServer
from tests.servers.slack.cast import PEOPLE, PUBLIC
from tests.servers.slack.limits import Limits
from tests.story.slack.conftest import AGAIN, FEEDBACK, QUESTION, Office, actions
from tests.waiting import until

LINE = " returns because without returns because without returns because without"
CODE = "\n".join([LINE] * 180)
LONG_CODE = f"Here it is:\n\n```python\n{CODE}\n```\n"


def refuse(slack: SlackServer, method: str) -> None:
    """One call of the method meets each of the ways in which Slack fails; last the limit, for it holds off all."""
    slack.lose_reply(method)
    slack.fail(method, "service_unavailable", status=503)
    slack.break_body(method)
    slack.fail(method, "ratelimited", status=429, retry_after=1)


@pytest.mark.parametrize("method", ["chat.startStream", "chat.appendStream", "chat.stopStream"])
async def test_a_stream_survives_what_slack_does_to_one_of_its_calls(
    office: Office, slack: SlackServer, method: str
) -> None:
    """A limit, an error, a broken proxy and a lost reply, each in another thread: four answers, each whole and once."""
    refuse(slack, method)
    async with office.replica():
        asked = [(channel, await slack.mention(QUESTION, channel=channel)) for channel in PUBLIC[:4]]
        await office.settled()
    assert [office.answer(ts, channel).body for channel, ts in asked] == [office.expected()] * 4
    assert [office.answer(ts, channel).notice for channel, ts in asked] == [""] * 4
    assert len(slack.bot_messages()) == 4
    assert {call.status for call in slack.calls_of(method)} >= {429, 502, 503}


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update"])
async def test_a_message_survives_what_slack_does_to_one_of_its_calls(
    office: Office, slack: SlackServer, method: str
) -> None:
    """The same where there are no streams."""
    slack.fail("chat.startStream", "unknown_method", times=4)
    refuse(slack, method)
    async with office.replica():
        asked = [(channel, await slack.mention(QUESTION, channel=channel)) for channel in PUBLIC[:4]]
        await office.settled()
    assert [office.answer(ts, channel).body for channel, ts in asked] == [office.expected()] * 4
    assert len(slack.bot_messages()) == 4
    assert {call.status for call in slack.calls_of(method)} >= {429, 502, 503}


async def test_while_slack_is_away_the_end_of_an_answer_waits_for_it(
    office: Office, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up, it would stand there half-written and without a mark."""
    tries = 2 * delivery.FINAL_TRIES
    monkeypatch.setattr(delivery, "FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(delivery, "LONGEST_RETRY_SECONDS", 0.05)
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        slack.fail("chat.stopStream", "service_unavailable", status=503, times=tries)
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert sum(call.status == 503 for call in slack.calls) == tries


async def test_restarts_while_slack_is_away_cost_no_answer(
    office: Office, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are no crashes: however many there are, the question is not given up."""
    monkeypatch.setattr(worker, "HAND_OVER_SECONDS", 0.1)

    def refused() -> int:
        return sum(call.status == 503 for call in slack.calls)

    async with office.replica(drain_seconds=0):
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        for method in ("chat.stopStream", "chat.update", "conversations.replies"):
            slack.fail(method, "service_unavailable", status=503, times=1_000)
        await until("the end is tried", lambda: refused() > 0)
    for _ in range(4):
        slack.calls.clear()
        async with office.replica(drain_seconds=0):
            await until("the end is tried again", lambda: refused() > 0)
    slack.faults.mend()
    async with office.replica():
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert office.answer(ts).notice == ""


async def test_a_stream_that_dies_goes_on_in_its_message(office: Office, slack: SlackServer) -> None:
    """Slack ends it after five minutes and says nothing; from then on the message is updated."""
    slack.home.stream_seconds = 0.5
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    answer = office.answer(ts)
    assert answer.body == office.expected()
    assert answer.was_streamed
    assert answer.edited


async def test_a_stream_that_is_full_before_we_think_so_goes_on_in_its_message(
    office: Office, slack: SlackServer
) -> None:
    """Where Slack's bound is lower than what has been seen."""
    slack.home.stream_bytes = 60
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert office.answer(ts).edited


async def test_before_a_stream_dies_of_age_the_text_goes_on_in_the_next_message(
    office: Office, slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stream ends in time, only the last message has the buttons, and no word is lost between them."""
    monkeypatch.setattr(streams, "ROTATE_SECONDS", 0.4)
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    messages = office.thread(ts)
    assert len(messages) > 1
    assert all(message.was_streamed for message in messages)
    assert " ".join(message.body.strip() for message in messages) == office.expected()
    assert [bool(message.buttons) for message in messages] == [False] * (len(messages) - 1) + [True]


@pytest.mark.parametrize("has_streams", [True, False], ids=["streams", "messages"])
async def test_long_code_stands_in_several_messages_and_in_a_file(
    office: Office, slack: SlackServer, has_streams: bool
) -> None:
    """Each message is code of the same language by itself, no line is lost, and the file can be copied as a whole."""
    office.model.behaviour = Behaviour(text=LONG_CODE)
    if not has_streams:
        slack.fail("chat.startStream", "unknown_method")
    async with office.replica(max_new_tokens=2000):
        ts = await slack.mention(QUESTION)
        await office.settled()
    *messages, snippet = office.thread(ts)
    assert len(messages) == 2
    blocks = [re.findall(r"^```(\w*)\n(.*?)\n```$", message.body, re.MULTILINE | re.DOTALL) for message in messages]
    assert [[language for language, _ in found] for found in blocks] == [["python"], ["python"]]
    assert "\n".join(code for found in blocks for _, code in found) == CODE
    assert all(len(message.body.encode()) <= 9_000 for message in messages)
    (file_id,) = snippet.file_ids
    file = slack.home.files[file_id]
    assert file.data == f"{CODE}\n".encode()
    assert file.name.endswith(".py")


@pytest.mark.parametrize("lines", [100, 0], ids=["longer", "short"])
async def test_code_that_is_made_anew_replaces_its_messages_and_its_file(
    office: Office, slack: SlackServer, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    """Whether it needs more messages than before or fewer: nothing of the old one stays, nothing of the new is lost."""
    monkeypatch.setattr(SlackReplies, "message_limit", 3_000)
    code = "\n".join([LINE] * lines)
    async with office.replica(max_new_tokens=2000):
        office.model.behaviour = Behaviour(text="Here it is:\n\n```python\n" + "\n".join([LINE] * 50) + "\n```\n")
        ts = await slack.mention(QUESTION)
        await office.settled()
        first, second, _ = office.thread(ts)
        office.model.behaviour = Behaviour(text=f"Now so:\n\n```python\n{code}\n```\n")
        await slack.press(second.ts, AGAIN)
        await office.settled()
    messages = [one for one in office.thread(ts) if not one.file_ids]
    files = [slack.home.files[file_id].data for one in office.thread(ts) for file_id in one.file_ids]
    assert len(messages) == (3 if lines else 1)
    assert messages[0].ts == first.ts
    assert sum(message.body.count(LINE) for message in messages) == lines
    assert files == ([f"{code}\n".encode()] if lines else [])
    assert actions(messages[-1]) == [AGAIN, FEEDBACK, FEEDBACK]


async def test_under_the_documented_limits_nobody_is_refused(office: Office, slack: SlackServer) -> None:
    """More answers at once than a minute has streams: all end, without one call too many."""
    slack.api.limits = Limits()
    async with office.replica():
        asked = [
            (channel, await slack.mention(QUESTION, channel=channel, user=person))
            for channel, person in zip(PUBLIC[:24], PEOPLE, strict=False)
        ]
        await office.settled()
    assert [office.answer(ts, channel).body for channel, ts in asked] == [office.expected()] * 24
    assert slack.rate_limited == 0
    assert {office.answer(ts, channel).was_streamed for channel, ts in asked} == {True, False}
