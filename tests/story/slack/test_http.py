"""Without an app token Slack calls us: signed requests to /slack/events, for events, commands and buttons alike."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.servers.slack import GENERAL, SlackServer, sign
from tests.story.programs import program
from tests.story.slack.conftest import AGAIN, AT_ONCE, QUESTION, Office
from tests.waiting import until


@pytest.fixture
def office(office: Office) -> Office:
    """It has a signing secret only."""
    del office.settings["slack_app_token"]
    return office


async def test_the_program_answers_over_http(office: Office, slack: SlackServer, tmp_path: Path) -> None:
    """The handshake, a mention, a button and a command; nothing needs a socket."""
    async with program(office, tmp_path) as running:
        assert await slack.deliver_to(f"{running.url}/slack/events").verify()
        ts = await slack.mention(QUESTION)
        await office.settled()
        answer = office.answer(ts)
        assert answer.body == office.expected()
        office.model.model.answer_tokens = 12
        await slack.press(answer.ts, AGAIN)
        await office.settled()
        assert office.answer(ts).body == office.expected()
        await slack.command("/corral", QUESTION)
        await office.settled()
        assert await running.terminated() == 0
    assert [one.body for one in slack.bot_messages(GENERAL)[-1:]] == [office.expected()]
    assert not slack.calls_of("apps.connections.open")


def _now(secret: str, body: str) -> dict[str, str]:
    return _signed(secret, body, str(int(time.time())))


def _signed(secret: str, body: str, timestamp: str) -> dict[str, str]:
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": sign(body, timestamp, secret)}


FORGERIES: dict[str, Callable[[str, str], dict[str, str]]] = {
    "no signature": lambda secret, body: {},
    "another secret": lambda secret, body: _now("another-secret", body),
    "another body": lambda secret, body: _now(secret, body + " "),
    "old": lambda secret, body: _signed(secret, body, str(int(time.time()) - 400)),
    "of the future": lambda secret, body: _signed(secret, body, str(int(time.time()) + 400)),
    "no number": lambda secret, body: _signed(secret, body, "yesterday"),
    "an empty time": lambda secret, body: _signed(secret, body, ""),
}


async def test_only_slack_itself_is_heard(office: Office, slack: SlackServer) -> None:
    """Every request that is not signed as Slack signs is refused with 401, and nothing comes of it."""
    office.model.behaviour = AT_ONCE
    async with office.replica() as address, aiohttp.ClientSession() as session:
        url = f"{address}/slack/events"
        slack.deliver_to(url)
        ts = await slack.mention(QUESTION)
        await office.settled()
        genuine = next(one for one in slack.events if one.type == "app_mention").payload
        event = {**genuine["event"], "ts": "1700000000.000001", "event_ts": "1700000000.000001"}
        body = json.dumps({**genuine, "event_id": "EvFORGED", "event": event})
        refused = {}
        for name, forge in FORGERIES.items():
            headers = {"Content-Type": "application/json", **forge(slack.signing_secret, body)}
            async with session.post(url, data=body, headers=headers) as response:
                refused[name] = response.status
        await office.settled()
    assert refused == dict.fromkeys(FORGERIES, 401)
    assert [message.thread_ts for message in slack.bot_messages()] == [ts]
    assert len(office.model.requests) == 1


async def test_what_was_not_stored_is_brought_again(office: Office, slack: SlackServer) -> None:
    """While nobody listens Slack gets no 200; its next attempt is answered, once."""
    office.model.behaviour = AT_ONCE
    async with office.replica() as gone:
        slack.deliver_to(f"{gone}/slack/events")
    ts = await slack.mention(QUESTION)
    await until("nobody is there", lambda: any(one.reason == "connection_failed" for one in slack.events))
    async with office.replica() as address:
        slack.deliver_to(f"{address}/slack/events")
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert all(len(one.sent) > 1 for one in slack.events if one.event.get("ts") == ts)
    assert len(office.model.requests) == 1
