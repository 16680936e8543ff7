"""kill -9 and SIGTERM of the real program at each step of an answer's path: the same message goes on, nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.behaviour import Behaviour
from tests.servers.discord import BOB, GENERAL, PUBLIC, RANDOM, DiscordServer, Message
from tests.servers.discord.calls import Call
from tests.servers.discord.routes import EDIT, EDIT_RESPONSE, RESPOND, SEND, THREAD_FROM_MESSAGE
from tests.story.discord.conftest import (
    AGAIN,
    AT_ONCE,
    GOOD,
    OTHER_QUESTION,
    QUESTION,
    SLOWLY,
    WHOLE,
    WHOLE_PRIVATELY,
    Office,
    actions,
)
from tests.story.discord.processes import Holds, Step
from tests.story.discord.test_answers import LINE
from tests.story.programs import program
from tests.waiting import until


def ends(call: Call) -> bool:
    """Whether this call writes an answer's last text: thumbs come with it."""
    return f"corral:{GOOD}" in str(call.body.get("components"))


def has_file(call: Call) -> bool:
    return bool(call.files)


PUBLIC_STEPS = {
    "before its thread is opened": Step(THREAD_FROM_MESSAGE, False),
    "when its thread is open": Step(THREAD_FROM_MESSAGE, True),
    "before its first text": Step(SEND, False),
    "when its first text is there": Step(SEND, True),
    "before an edit": Step(EDIT, False),
    "when it was edited": Step(EDIT, True),
    "before its last text": Step(EDIT, False, matches=ends),
    "when its last text is there": Step(EDIT, True, matches=ends),
    "before it is settled": Step(EDIT, True, matches=ends),
}
PRIVATE_STEPS = {
    "before the first private text": Step(EDIT_RESPONSE, False),
    "when the first private text is there": Step(EDIT_RESPONSE, True),
    "when the last private text is there": Step(EDIT_RESPONSE, True, matches=ends),
}
STEPS = PUBLIC_STEPS | PRIVATE_STEPS


async def test_whatever_an_answer_waits_for_when_the_program_is_killed_it_goes_on(
    office: Office, discord: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kill -9 falls into every step of the path, each in a channel of its own, and Discord's nonces are forgotten
    by the restart. Then every answer is whole, in the message that people saw before, there and remembered once."""
    office.model.behaviour = SLOWLY
    discord.home.nonce_seconds = 1.0
    channels = dict(zip(STEPS, PUBLIC[10:], strict=False))
    holds = Holds(monkeypatch, discord, {channels[name]: step for name, step in STEPS.items()})
    async with program(office, tmp_path) as first:
        await until("the commands are registered", lambda: bool(discord.commands))
        asked = {name: await discord.mention(QUESTION, channel=channels[name]) for name in PUBLIC_STEPS}
        for name in PRIVATE_STEPS:
            await discord.command("ask", {"question": QUESTION, "private": True}, channel=channels[name])
        await until("every answer is at its step", lambda: holds.arrived == set(channels.values()))
        # Of one the last edit is confirmed; then the store takes nothing any more.
        await office.redis.client_pause(20_000, all=False)
        holds.release(channels["before it is settled"])
        await until("it is about to be settled", lambda: _is_answered(discord, asked["before it is settled"]))
        await first.killed()
        await office.redis.client_unpause()
    seen = {name: [message.id for message in office.thread(place)] for name, place in asked.items()}
    async with program(office, tmp_path) as second:
        await office.settled()
        assert await second.terminated() == 0
    after: dict[str, list[Message]] = {name: office.thread(place) for name, place in asked.items()}
    hidden = {message.channel: message for message in discord.ephemerals}
    after |= {name: [hidden[channels[name]]] for name in PRIVATE_STEPS}
    assert {name: len(messages) for name, messages in after.items()} == dict.fromkeys(STEPS, 1)
    answers = {name: message for name, (message,) in after.items()}
    assert {name: answer.body for name, answer in answers.items()} == dict.fromkeys(STEPS, office.expected())
    assert {name: answer.notice for name, answer in answers.items()} == dict.fromkeys(STEPS, "")
    whole = dict.fromkeys(PUBLIC_STEPS, WHOLE) | dict.fromkeys(PRIVATE_STEPS, WHOLE_PRIVATELY)
    assert {name: actions(answer) for name, answer in answers.items()} == whole
    assert [name for name, ids in seen.items() if ids and ids != [answers[name].id]] == []
    assert [name for name, ids in seen.items() if not ids] == list(PUBLIC_STEPS)[:3]
    assert len(discord.threads) == len(PUBLIC_STEPS)
    assert len(discord.identifies) == 1
    assert len(discord.ephemerals) == len(PRIVATE_STEPS)
    remembered = [("user", QUESTION), ("assistant", office.expected())]
    assert {name: await office.turns(place) for name, place in asked.items()} == dict.fromkeys(PUBLIC_STEPS, remembered)


async def test_a_command_is_answered_though_the_program_is_killed_before_it_is_stored(
    office: Office, discord: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Discord showed that it was taken. It comes again with the session, also when other events were seen to since:
    one message shows the question, and the private one is answered where it thinks."""
    office.model.behaviour = AT_ONCE
    holds = Holds(monkeypatch, discord, {GENERAL: Step(RESPOND, True), RANDOM: Step(RESPOND, True)})
    async with program(office, tmp_path) as first:
        await until("the commands are registered", lambda: bool(discord.commands))
        public = await discord.command("ask", {"question": QUESTION})
        private = await discord.command("ask", {"question": QUESTION, "private": True}, channel=RANDOM)
        assert holds.arrived == {GENERAL, RANDOM}
        answered = await discord.mention(OTHER_QUESTION, channel=PUBLIC[3])
        await office.answered(answered)
        await office.marked(PUBLIC[3])
        await office.killed(first)
    assert [await office.is_stored(called) for called in (public, private)] == [False, False]
    async with program(office, tmp_path):
        await office.settled()
    root = office.answer(GENERAL)
    assert root.id == public.original
    assert office.answer(root.id).body == office.expected()
    assert [(one.id, one.body) for one in discord.ephemerals] == [(private.original, office.expected())]
    assert office.answer(answered).body == office.expected(OTHER_QUESTION)


async def test_an_answer_that_is_made_anew_and_a_file_on_its_way_go_on_too(
    office: Office, discord: DiscordServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regenerate writes on in the old answer's message; a file is there once, whether Discord had taken it or not, and
    so is each message of a long answer."""
    office.model.behaviour = AT_ONCE
    office.settings["max_new_tokens"] = 2000
    code = "\n".join([LINE] * 80)
    async with program(office, tmp_path) as first:
        anew = await discord.mention(OTHER_QUESTION)
        await office.answered(anew)
        old = office.answer(anew)
        office.model.model.answer_tokens *= 2
        steps = {
            GENERAL: Step(EDIT, True),
            PUBLIC[11]: Step(SEND, False, matches=has_file),
            PUBLIC[12]: Step(SEND, True, matches=has_file),
            PUBLIC[13]: Step(SEND, False, 2),
            PUBLIC[14]: Step(SEND, True, 2),
        }
        holds = Holds(monkeypatch, discord, steps)
        await office.press(old, AGAIN)
        await until("it is made anew", lambda: GENERAL in holds.arrived)
        office.model.behaviour = Behaviour(text=f"Here it is:\n\n```python\n{code}\n```\n")
        asked = [await discord.mention(QUESTION, channel=channel) for channel in PUBLIC[11:15]]
        await until("all are at their step", lambda: holds.arrived == set(steps))
        await until("the model has said all", lambda: office.model.live == 0)  # it says something else from then on
        await office.killed(first)
    office.model.behaviour = AT_ONCE
    async with program(office, tmp_path):
        await office.settled()
    for place in asked:
        *messages, file = office.thread(place)
        assert [actions(message) for message in messages] == [[], [], WHOLE]
        assert sum(message.body.count(LINE) for message in messages) == 80
        (file_id,) = file.attachments
        assert discord.home.files[file_id].data == f"{code}\n".encode()
    assert (office.answer(anew).id, office.answer(anew).body) == (old.id, office.expected(OTHER_QUESTION))


async def test_what_happens_while_the_program_is_dead_counts(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """One question is deleted, one is changed, one answer is stopped, and more is asked: all is well after the restart,
    for the session that goes on brings it all."""
    office.model.behaviour = SLOWLY
    async with program(office, tmp_path) as first:
        deleted, changed, stopped = [await discord.mention(QUESTION, channel=channel) for channel in PUBLIC[:3]]
        begun = [await office.begun(place) for place in (deleted, changed, stopped)]
        await office.killed(first)
    await discord.delete(deleted)
    await discord.edit(changed, f"<@{discord.bot_user}> {OTHER_QUESTION}")
    await discord.say("stop", channel=stopped)
    new = await discord.mention(OTHER_QUESTION, channel=PUBLIC[3])
    more = await discord.say("and backwards?", channel=changed, user=BOB)
    async with program(office, tmp_path):
        await office.settled()
    assert (len(discord.identifies), [one.accepted for one in discord.resumes]) == (1, [True])
    assert office.thread(deleted) == []
    assert office.answer(new).body == office.expected(OTHER_QUESTION)
    answer, another = office.thread(changed)
    assert (answer.id, answer.body) == (begun[1].id, office.expected(OTHER_QUESTION))
    assert int(another.id) > int(more)
    end = office.answer(stopped)
    assert (end.id, end.notice) == (begun[2].id, "Stopped.")
    assert office.expected().startswith(end.body)


async def test_what_was_stored_and_not_claimed_is_answered_after_kill_9(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """Whatever was heard is safe; the process that answers need not be the one that listens."""
    office.model.behaviour = AT_ONCE
    async with program(office, tmp_path, "--role", "listener") as listener:
        asked = await discord.mention(QUESTION)
        await office.marked(GENERAL)
        await listener.killed()
    async with program(office, tmp_path, "--role", "worker"):
        await office.answered(asked)
    assert office.answer(asked).body == office.expected()
    assert discord.resumes == []


async def test_what_is_running_at_sigterm_is_handed_over(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """Exit code 0; the next process goes on in the same message at once, and with the gateway's session, without
    waiting for any lease."""
    office.model.behaviour = SLOWLY
    async with program(office, tmp_path, drain_seconds="0", lease_seconds="30") as first:
        asked = await discord.mention(QUESTION)
        begun = await office.begun(asked, words=3)
        assert await first.terminated() == 0
    assert begun.body != office.expected()
    follow_up = await discord.say("and backwards?", channel=asked, user=BOB)
    async with program(office, tmp_path, lease_seconds="30"):
        await office.settled()
    assert follow_up in discord.channel(asked).messages
    assert [message.body for message in office.thread(asked)] == [office.expected(), office.expected_now()]
    assert office.thread(asked)[0].id == begun.id
    assert (len(discord.identifies), [one.accepted for one in discord.resumes]) == (1, [True])


async def test_of_two_processes_the_other_goes_on_with_everything(
    office: Office, discord: DiscordServer, tmp_path: Path
) -> None:
    """With the answers, with listening, and with what was asked in between; nothing is answered twice."""
    office.model.behaviour = SLOWLY
    async with program(office, tmp_path) as first, program(office, tmp_path) as second:
        status, page = await second.page("readyz")
        assert (status, page["checks"]["discord"]) == (200, "ok")
        asked = [await discord.mention(QUESTION, channel=channel) for channel in PUBLIC[:4]]
        begun = [(await office.begun(place)).id for place in asked]
        await first.killed()
        between = await discord.mention(OTHER_QUESTION, channel=PUBLIC[5])
        await office.answered(between)
        await office.settled()
        assert await second.terminated() == 0
    assert [(office.answer(place).id, office.answer(place).body) for place in asked] == [
        (message, office.expected()) for message in begun
    ]
    assert office.answer(between).body == office.expected(OTHER_QUESTION)


def _is_answered(discord: DiscordServer, thread: str) -> bool:
    """Whether the last edit in this thread was answered."""
    calls = [call for call in discord.calls_of(EDIT) if call.channel == thread]
    return bool(calls) and ends(calls[-1]) and calls[-1].status == 200
