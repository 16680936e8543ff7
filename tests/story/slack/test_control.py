"""What people can do about an answer: stop it, have it made anew, go on, judge it, change or take back the question."""

from __future__ import annotations

import json

import pytest

from conversation import notices
from tests.servers.behaviour import Behaviour
from tests.servers.slack import ALICE, BOB, STRANGER, SlackServer
from tests.story.slack.conftest import AGAIN, AT_ONCE, CONTINUE, FEEDBACK, QUESTION, STOP, Office, actions
from tests.waiting import until

OTHER_QUESTION = "how do I reverse a list?"


@pytest.mark.parametrize("ends_stream", [True, False], ids=["as documented", "as seen"])
async def test_slacks_own_stop_button_keeps_what_there_is(
    office: Office, slack: SlackServer, ends_stream: bool
) -> None:
    """The text is the beginning of the answer, marked as stopped, and Continue goes on with it below."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.begun(ts, words=3)
        await slack.stop_button(ts, ends_stream=ends_stream)
        await office.settled()
        stopped = office.answer(ts)
        assert "Stopped." in stopped.notice
        assert office.expected().startswith(stopped.body)
        assert stopped.body != office.expected()
        assert actions(stopped) == [CONTINUE, AGAIN, FEEDBACK, FEEDBACK]
        office.model.behaviour = AT_ONCE
        await slack.press(stopped.ts, CONTINUE)
        await office.settled()
    first, second = office.thread(ts)
    assert first.body + second.body == office.expected()


async def test_the_stop_button_below_a_message_does_the_same(office: Office, slack: SlackServer) -> None:
    """Where there are no streams Slack has no button of its own."""
    slack.fail("chat.startStream", "unknown_method")
    async with office.replica():
        ts = await slack.mention(QUESTION)
        message = await office.begun(ts)
        await slack.press(message.ts, STOP)
        await office.settled()
    assert "Stopped." in office.answer(ts).notice
    assert office.expected().startswith(office.answer(ts).body)
    assert office.answer(ts).body != office.expected()


async def test_the_word_stop_in_the_thread_stops_too(office: Office, slack: SlackServer) -> None:
    """It is no question, and gets no answer of its own."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.begun(ts, words=3)
        await slack.say("stop", thread_ts=ts)
        await office.settled()
    assert "Stopped." in office.answer(ts).notice
    assert len(office.model.requests) == 1


async def test_a_question_can_be_stopped_before_its_first_word(office: Office, slack: SlackServer) -> None:
    """It is said that it was, with a button to try again."""
    office.model.behaviour = Behaviour(first_token_delay=30)
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await until("Slack shows its button", lambda: "processing" in slack.statuses[ts])
        await slack.stop_button(ts)
        await office.settled()
    assert office.answer(ts).shown == "Stopped."
    assert [button.label for button in office.answer(ts).buttons] == [notices.TRY_AGAIN]


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "message"])
async def test_an_answer_that_somebody_deletes_stays_deleted(office: Office, slack: SlackServer, streams: bool) -> None:
    """While it is being written too; nothing is posted in its place."""
    if not streams:
        slack.fail("chat.startStream", "unknown_method")
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await slack.delete((await office.begun(ts)).ts)
        await office.settled()
    assert office.thread(ts) == []


async def test_what_follows_at_once_is_part_of_the_question_and_what_others_ask_waits(
    office: Office, slack: SlackServer
) -> None:
    """The same person's afterthought is answered with it; another's question has the next answer."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await slack.say("in Python please", thread_ts=ts)
        await until("both are stored", lambda: not slack.unacked)
        await slack.say("and backwards?", thread_ts=ts, user=BOB)
        await office.settled()
    answer, other = office.thread(ts)
    assert answer.body == office.expected(f"{QUESTION}\n\nin Python please")
    assert other.body == office.expected_now()
    assert answer.body in office.last_prompt()


async def test_the_buttons_of_an_answer_work_after_a_restart(office: Office, slack: SlackServer) -> None:
    """Regenerate writes into the same message; whoever presses another button is thanked."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    first = office.answer(ts).ts
    office.model.model.answer_tokens = 12
    async with office.replica():
        await slack.press(first, AGAIN, user=BOB)
        await office.settled()
        assert office.answer(ts).ts == first
        assert office.answer(ts).body == office.expected()
        assert actions(office.answer(ts)) == [AGAIN, FEEDBACK, FEEDBACK]
        good = next(button.value for button in office.answer(ts).buttons if button.value.startswith("good"))
        await slack.press(first, FEEDBACK, value=good)
        await until("Alice is thanked", lambda: any(one.shown == notices.THANKS for one in slack.ephemerals))
    (key,) = [key async for key in office.redis.scan_iter(match=f"{office.keys.feedback('*')}")]
    record = json.loads((await office.redis.hgetall(key))[ALICE.encode()])
    assert record["opinion"] == "good"
    assert record["made_with"]["model_id"] == office.model.model_id
    assert len(record["made_with"]["prompt_sha256"]) == 64
    assert len(office.model.requests) == 2


async def test_continue_goes_on_where_the_length_limit_fell(office: Office, slack: SlackServer) -> None:
    """Below the first message, which stays; pressed twice it goes on once."""
    office.model.behaviour = AT_ONCE
    async with office.replica(max_new_tokens=16):
        ts = await slack.mention(QUESTION)
        await office.settled()
        first = office.answer(ts)
        assert len(first.body.split()) == 16
        assert actions(first) == [CONTINUE, AGAIN, FEEDBACK, FEEDBACK]
        await slack.press(first.ts, CONTINUE)
        await slack.press(first.ts, CONTINUE)
        await office.settled()
    first, second = office.thread(ts)
    assert first.body + second.body == office.expected()
    assert (first.notice, actions(first)) == ("", [])
    assert (second.notice, actions(second)) == ("", [AGAIN, FEEDBACK, FEEDBACK])
    assert await office.turns(ts) == [("user", QUESTION), ("assistant", office.expected())]


async def test_each_message_of_an_answer_that_goes_on_again_shows_its_own_part(
    office: Office, slack: SlackServer
) -> None:
    """Only the last one has a notice and buttons, however often it was asked to go on."""
    office.model.behaviour = AT_ONCE
    async with office.replica(max_new_tokens=16):
        office.model.model.answer_tokens = 40
        ts = await slack.mention(QUESTION)
        for _ in range(2):
            await office.settled()
            await slack.press(office.thread(ts)[-1].ts, CONTINUE)
        await office.settled()
    messages = office.thread(ts)
    assert "".join(one.body for one in messages) == office.expected()
    assert [(one.notice, actions(one)) for one in messages[:-1]] == [("", []), ("", [])]


async def test_what_could_not_go_on_keeps_its_button(office: Office, slack: SlackServer) -> None:
    """It can be tried again."""
    office.model.behaviour = AT_ONCE
    async with office.replica(max_new_tokens=16, model_patience_seconds=1):
        ts = await slack.mention(QUESTION)
        await office.settled()
        office.model.behaviour = Behaviour(asleep=True)
        await slack.press(office.answer(ts).ts, CONTINUE)
        await office.settled()
    assert actions(office.thread(ts)[0]) == [CONTINUE, AGAIN, FEEDBACK, FEEDBACK]


async def test_who_belongs_to_another_organisation_cannot_press(office: Office, slack: SlackServer) -> None:
    """They are told so, and nobody else is."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.press(office.answer(ts).ts, AGAIN, user=STRANGER)
        await until("the stranger is told", lambda: bool(slack.ephemerals))
        await office.settled()
    assert [(one.ephemeral_for, one.shown) for one in slack.ephemerals] == [(STRANGER, notices.OUTSIDER)]
    assert len(office.model.requests) == 1


async def test_an_edited_question_restarts_the_answer_that_streams(office: Office, slack: SlackServer) -> None:
    """The same message shows the answer to the new words, and nothing of the old one."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        first = await office.begun(ts, words=3)
        await slack.edit(ts, f"<@{slack.bot_user}> {OTHER_QUESTION}")
        await office.settled()
    assert office.answer(ts).ts == first.ts
    assert office.answer(ts).body == office.expected(OTHER_QUESTION)
    assert await office.turns(ts) == [("user", OTHER_QUESTION), ("assistant", office.expected(OTHER_QUESTION))]


async def test_a_question_edited_afterwards_is_answered_again_on_request(office: Office, slack: SlackServer) -> None:
    """The offer says what happened; when it is taken the old answer's message shows the new one."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        first = office.answer(ts).ts
        await slack.edit(ts, f"<@{slack.bot_user}> {OTHER_QUESTION}")
        await until("the offer is there", lambda: len(office.thread(ts)) == 2)
        await office.settled()
        offer = office.thread(ts)[-1]
        assert offer.shown == notices.YOU_EDITED
        assert [button.label for button in offer.buttons] == [notices.ANSWER_AGAIN]
        assert len(office.model.requests) == 1
        await slack.press(offer.ts, AGAIN)
        await office.settled()
    assert office.answer(ts).ts == first
    assert office.answer(ts).body == office.expected(OTHER_QUESTION)
    assert await office.turns(ts) == [("user", OTHER_QUESTION), ("assistant", office.expected(OTHER_QUESTION))]


async def test_a_preview_of_a_link_is_no_edit(office: Office, slack: SlackServer) -> None:
    """Slack tells of it as of a changed message."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention("what does https://peps.python.org/pep-0008/ say?")
        await office.settled()
        await slack.unfurl(ts, "https://peps.python.org/pep-0008/")
        await office.settled()
    assert len(office.thread(ts)) == 1


async def test_deleting_the_question_takes_away_the_answer_that_streams(office: Office, slack: SlackServer) -> None:
    """The model is stopped, the message goes, and nothing is remembered."""
    office.model.behaviour = Behaviour(token_delay=0.2)
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        await slack.delete(ts)
        await until("the answer is gone", lambda: not slack.bot_messages())
        await office.settled()
        await until("the model is stopped", lambda: office.model.live == 0)
    assert await office.turns(ts) == []
    assert office.model.generated < len(office.expected().split())


async def test_deleting_the_question_afterwards_takes_away_both(office: Office, slack: SlackServer) -> None:
    """Of a thread only the pair goes: what came after stays."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        second = await slack.say(OTHER_QUESTION, thread_ts=ts)
        await office.settled()
        kept, gone = office.thread(ts)
        await slack.delete(second)
        await until("its answer is gone", lambda: gone not in office.thread(ts))
        await office.settled()
    assert office.thread(ts) == [kept]
    assert await office.turns(ts) == [("user", QUESTION), ("assistant", office.expected())]
