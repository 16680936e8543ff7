"""kill -9 and SIGTERM of the real program at each step of an answer's path: the same message goes on, nothing twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.slack import SlackServer
from tests.servers.slack.cast import Json
from tests.story.slack.conftest import AGAIN, FEEDBACK, QUESTION, Office, actions
from tests.story.slack.processes import kill_in, program
from tests.waiting import until


def ends(args: Json) -> bool:
    """Whether this call writes an answer's last text: thumbs come with it."""
    return "corral:feedback" in str(args.get("blocks"))


def is_blank(args: Json) -> bool:
    """Whether this call takes a status away."""
    return not args["status"]


@dataclass(frozen=True)
class Step:
    """A call in which the program dies, and whether the call still has its effect."""

    method: str
    has_effect: bool
    number: int = 1
    matches: Callable[[Json], bool] = lambda args: True


STREAM = {
    "when the status is shown": Step("assistant.threads.setStatus", True),
    "before the stream begins": Step("chat.startStream", False),
    "when it has begun": Step("chat.startStream", True),
    "before a piece is added": Step("chat.appendStream", False, 2),
    "when a piece was added": Step("chat.appendStream", True, 2),
    "before the stream ends": Step("chat.stopStream", False),
    "when it has ended": Step("chat.stopStream", True),
    "before it is settled": Step("assistant.threads.setStatus", True, matches=is_blank),
}
MESSAGE = {
    "before the message is posted": Step("chat.postMessage", False),
    "when it was posted": Step("chat.postMessage", True),
    "when it was updated": Step("chat.update", True),
    "before its last text": Step("chat.update", False, matches=ends),
    "when its last text is there": Step("chat.update", True, matches=ends),
}


async def goes_on(office: Office, directory: Path, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    """Ask, let the program die in the step, start it again; the thread shows one whole answer, in the message that
    people saw before, and remembers it once."""
    slack = office.slack
    async with program(office, directory) as first:
        dead = kill_in(
            monkeypatch, first, step.method, number=step.number, has_effect=step.has_effect, matches=step.matches
        )
        ts = await slack.mention(QUESTION)
        await until("the program is killed", dead.is_set)
    before = [message.ts for message in office.thread(ts)]
    async with program(office, directory) as second:
        await office.settled()
        assert await second.terminated() == 0
    answer = office.answer(ts)
    assert answer.ts in before or not before
    assert answer.body == office.expected()
    assert answer.notice == ""
    assert actions(answer) == [AGAIN, FEEDBACK, FEEDBACK]
    assert await office.turns(ts) == [("user", QUESTION), ("assistant", office.expected())]


@pytest.mark.parametrize("step", STREAM.values(), ids=STREAM)
async def test_a_stream_goes_on_after_kill_9(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """Wherever on its path the program is killed."""
    await goes_on(office, tmp_path, monkeypatch, step)


@pytest.mark.parametrize("step", MESSAGE.values(), ids=MESSAGE)
async def test_a_message_goes_on_after_kill_9(
    office: Office, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """The same where there are no streams."""
    slack.fail("chat.startStream", "unknown_method", times=9)
    await goes_on(office, tmp_path, monkeypatch, step)


async def test_what_was_acknowledged_and_not_claimed_is_answered_after_kill_9(
    office: Office, slack: SlackServer, tmp_path: Path
) -> None:
    """From the acknowledgement on the question is safe; Slack does not bring it again."""
    async with program(office, tmp_path, "--role", "listener") as listener:
        ts = await slack.mention(QUESTION)
        await until("it is acknowledged", lambda: not slack.unacked)
        await listener.killed()
    attempts = [len(delivery.sent) for delivery in slack.events if delivery.event.get("ts") == ts]
    async with program(office, tmp_path):
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert [len(delivery.sent) for delivery in slack.events if delivery.event.get("ts") == ts] == attempts


async def test_what_is_running_at_sigterm_is_handed_over(office: Office, slack: SlackServer, tmp_path: Path) -> None:
    """Exit code 0; the next process goes on in the same message at once, without waiting for the lease."""
    async with program(office, tmp_path, drain_seconds="0", lease_seconds="30") as first:
        ts = await slack.mention(QUESTION)
        begun = await office.begun(ts, words=3)
        assert await first.terminated() == 0
    assert begun.body != office.expected()
    async with program(office, tmp_path, lease_seconds="30"):
        await office.settled()
    assert office.answer(ts).ts == begun.ts
    assert office.answer(ts).body == office.expected()


async def test_what_is_running_at_sigterm_may_end_first(office: Office, slack: SlackServer, tmp_path: Path) -> None:
    """In the time that the operator gives it."""
    async with program(office, tmp_path) as first:
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        assert await first.terminated() == 0
    assert office.answer(ts).body == office.expected()
