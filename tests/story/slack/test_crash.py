"""kill -9 and SIGTERM of the real program at each step of an answer's path: the same message goes on, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.behaviour import Behaviour
from tests.servers.slack import GENERAL, RANDOM, SlackServer
from tests.servers.slack.cast import PUBLIC, Json
from tests.story.programs import program
from tests.story.slack.conftest import AGAIN, AT_ONCE, FEEDBACK, QUESTION, Office, actions
from tests.story.slack.processes import Holds, Step
from tests.story.slack.test_limits import LONG_CODE
from tests.waiting import until


def ends(args: Json) -> bool:
    """Whether this call writes an answer's last text: thumbs come with it."""
    return "corral:feedback" in str(args.get("blocks"))


def is_blank(args: Json) -> bool:
    """Whether this call takes a status away."""
    return not args["status"]


STEPS = {
    "before the stream begins": Step("chat.startStream", False),
    "when it has begun": Step("chat.startStream", True),
    "before a piece is added": Step("chat.appendStream", False, 2),
    "when a piece was added": Step("chat.appendStream", True, 2),
    "before the stream ends": Step("chat.stopStream", False),
    "when it has ended": Step("chat.stopStream", True),
    "before it is settled": Step("assistant.threads.setStatus", True, matches=is_blank),
    "before the message is posted": Step("chat.postMessage", False, streams=False),
    "when it was posted": Step("chat.postMessage", True, streams=False),
    "when it was updated": Step("chat.update", True, streams=False),
    "before its last text": Step("chat.update", False, matches=ends, streams=False),
    "when its last text is there": Step("chat.update", True, matches=ends, streams=False),
}


async def test_whatever_an_answer_waits_for_when_the_program_is_killed_it_goes_on(
    office: Office, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kill -9 falls into every step of the path, each in a channel of its own. After the restart every answer is
    whole, in the message that people saw before, there and remembered once."""
    channels = dict(zip(STEPS, PUBLIC, strict=False))
    holds = Holds(monkeypatch, {channels[name]: step for name, step in STEPS.items()})
    async with program(office, tmp_path) as first:
        asked = {name: await slack.mention(QUESTION, channel=channel) for name, channel in channels.items()}
        await until("every answer is at its step", lambda: holds.arrived == set(channels.values()))
        await first.killed()
    before = {name: [message.ts for message in office.thread(ts, channels[name])] for name, ts in asked.items()}
    async with program(office, tmp_path) as second:
        await office.settled()
        assert await second.terminated() == 0
    after = {name: office.thread(ts, channels[name]) for name, ts in asked.items()}
    assert {name: len(messages) for name, messages in after.items()} == dict.fromkeys(STEPS, 1)
    answers = {name: message for name, (message,) in after.items()}
    assert {name: answer.body for name, answer in answers.items()} == dict.fromkeys(STEPS, office.expected())
    assert {name: answer.notice for name, answer in answers.items()} == dict.fromkeys(STEPS, "")
    buttons = [AGAIN, FEEDBACK, FEEDBACK]
    assert {name: actions(answer) for name, answer in answers.items()} == dict.fromkeys(STEPS, buttons)
    assert [name for name, seen in before.items() if seen and seen != [answers[name].ts]] == []
    assert [name for name, seen in before.items() if not seen] == [
        "before the stream begins",
        "before the message is posted",
    ]
    remembered = [("user", QUESTION), ("assistant", office.expected())]
    assert {name: await office.turns(ts, channels[name]) for name, ts in asked.items()} == dict.fromkeys(
        STEPS, remembered
    )


async def test_a_command_and_an_answer_that_is_made_anew_go_on_too(
    office: Office, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command has one root message and below it one answer; Regenerate writes on in the old answer's message."""
    steps = {GENERAL: Step("chat.postMessage", True), RANDOM: Step("chat.update", True)}
    async with program(office, tmp_path) as first:
        ts = await slack.mention("how do I reverse a list?", channel=RANDOM)
        await office.settled()
        old = office.answer(ts, RANDOM)
        office.model.model.answer_tokens *= 2
        holds = Holds(monkeypatch, steps)
        await slack.press(old.ts, AGAIN)
        await slack.command("/corral", QUESTION)
        await until("both are at their step", lambda: holds.arrived == {GENERAL, RANDOM})
        await first.killed()
    async with program(office, tmp_path):
        await office.settled()
    root, answer = slack.bot_messages(GENERAL)
    assert QUESTION in root.shown
    assert (answer.thread_ts, answer.body) == (root.ts, office.expected())
    assert office.answer(ts, RANDOM).ts == old.ts
    assert office.answer(ts, RANDOM).body == office.expected("how do I reverse a list?")


async def test_what_happens_while_the_program_is_dead_counts(
    office: Office, slack: SlackServer, tmp_path: Path
) -> None:
    """One stream runs out of time, one question is deleted, one answer is stopped; all is well after the restart."""
    slack.home.stream_seconds = 1.0
    office.model.behaviour = Behaviour(token_delay=0.1)
    async with program(office, tmp_path) as first:
        late, deleted, stopped = [await slack.mention(QUESTION, channel=channel) for channel in PUBLIC[:3]]
        begun = [await office.begun(ts, channel) for ts, channel in zip((late, deleted, stopped), PUBLIC, strict=False)]
        await first.killed()
    await slack.delete(deleted)
    await slack.stop_button(stopped)
    await until("the streams are dead", lambda: not any(message.streaming for message in begun))
    async with program(office, tmp_path):
        # The model stays slow until then: an answer that has ended cannot be stopped any more.
        await until("all that happened is heard", lambda: not slack.unacked)
        office.model.behaviour = AT_ONCE
        await office.settled()
    assert (office.answer(late).ts, office.answer(late).body) == (begun[0].ts, office.expected())
    assert office.thread(deleted, PUBLIC[1]) == []
    assert await office.turns(deleted, PUBLIC[1]) == []
    end = office.answer(stopped, PUBLIC[2])
    assert end.notice == "Stopped."
    assert office.expected().startswith(end.body)


async def test_a_file_that_was_on_its_way_is_there_once(
    office: Office, slack: SlackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether Slack had taken it or not when the program was killed."""
    office.model.behaviour = Behaviour(text=LONG_CODE)
    office.settings["max_new_tokens"] = 2000
    upload = "files.completeUploadExternal"
    holds = Holds(monkeypatch, {GENERAL: Step(upload, True), RANDOM: Step(upload, False)})
    async with program(office, tmp_path) as first:
        asked = {channel: await slack.mention(QUESTION, channel=channel) for channel in (GENERAL, RANDOM)}
        await until("both files are on their way", lambda: holds.arrived == {GENERAL, RANDOM})
        await first.killed()
    async with program(office, tmp_path):
        await office.settled()
    for channel, ts in asked.items():
        assert [len(message.file_ids) for message in office.thread(ts, channel)] == [0, 0, 1], channel


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
