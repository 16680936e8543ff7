"""What people can do about an answer: stop it, have it made anew, go on, judge it, change or take back the question."""

from __future__ import annotations

import json

from conversation import notices
from tests.servers.behaviour import Behaviour
from tests.servers.discord import ALICE, BOB, DiscordServer
from tests.story.discord.conftest import (
    AGAIN,
    AT_ONCE,
    BAD,
    CONTINUE,
    GOOD,
    HELP,
    OTHER_QUESTION,
    QUESTION,
    STOP,
    WHOLE,
    Office,
    actions,
)
from tests.waiting import until


async def test_the_stop_button_keeps_what_there_is_and_continue_goes_on(office: Office, discord: DiscordServer) -> None:
    """The text is the beginning of the answer, marked as stopped; what is continued stands below it."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        begun = await office.begun(asked, words=3)
        assert actions(begun) == [STOP]
        await office.press(begun, STOP, user=BOB)
        await office.settled()
        stopped = office.answer(asked)
        assert stopped.notice == "Stopped."
        assert office.expected().startswith(stopped.body)
        assert stopped.body != office.expected()
        assert actions(stopped) == [CONTINUE, AGAIN, GOOD, BAD]
        office.model.behaviour = AT_ONCE
        await office.press(stopped, CONTINUE)
        await office.settled()
    first, second = office.thread(asked)
    assert f"{first.body} {second.body.strip()}" == office.expected()


async def test_the_word_stop_in_the_thread_stops_too(office: Office, discord: DiscordServer) -> None:
    """It is no question, and gets no answer of its own."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked, words=3)
        await discord.say("stop", channel=asked)
        await office.settled()
    assert "Stopped." in office.answer(asked).notice
    assert len(office.model.requests) == 1


async def test_a_question_can_be_stopped_before_its_first_word(office: Office, discord: DiscordServer) -> None:
    """It is said that it was, with a button to try again."""
    office.model.behaviour = Behaviour(first_token_delay=30)
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await until("its thread is there", lambda: asked in discord.home.channels)
        await discord.say("stop", channel=asked)
        await office.settled()
    assert office.answer(asked).shown == "Stopped."
    assert [button.label for button in office.answer(asked).buttons] == [notices.TRY_AGAIN]


async def test_an_answer_that_somebody_deletes_stays_deleted(office: Office, discord: DiscordServer) -> None:
    """While it is being written too; nothing is posted in its place."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await discord.delete((await office.begun(asked)).id)
        await office.settled()
    assert office.thread(asked) == []


async def test_what_follows_at_once_is_part_of_the_question_and_what_others_ask_waits(
    office: Office, discord: DiscordServer
) -> None:
    """The same person's afterthought in the thread is answered with it; another's question has the next answer."""
    async with office.replica():
        asked = await discord.say(QUESTION, channel=HELP)
        await discord.say("in Python please", channel=HELP, reply_to=asked)
        await office.begun(asked)
        await discord.say("and backwards?", channel=asked, user=BOB)
        await office.settled()
    answer, other = office.thread(asked)
    assert answer.body == office.expected(f"{QUESTION}\n\nin Python please")
    assert other.body == office.expected_now()
    assert answer.body in office.last_prompt()


async def test_the_buttons_of_an_answer_work_after_a_restart(office: Office, discord: DiscordServer) -> None:
    """Regenerate writes into the same message; who presses a thumb is thanked, alone."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
    first = office.answer(asked).id
    office.model.model.answer_tokens = 12
    async with office.replica():
        await office.press(office.answer(asked), AGAIN, user=BOB)
        await office.settled()
        answer = office.answer(asked)
        assert (answer.id, answer.body, actions(answer)) == (first, office.expected(), WHOLE)
        await office.press(answer, GOOD)
        await until("Alice is thanked", lambda: [one.shown for one in discord.ephemerals] == [notices.THANKS])
    assert discord.ephemerals[0].ephemeral_for == ALICE
    (key,) = [key async for key in office.redis.scan_iter(match=f"{office.keys.feedback('*')}")]
    record = json.loads((await office.redis.hgetall(key))[ALICE.encode()])
    assert record["opinion"] == "good"
    assert record["made_with"]["model_id"] == office.model.model_id
    assert len(office.model.requests) == 2


async def test_an_answer_that_goes_on_after_a_restart_can_be_stopped(office: Office, discord: DiscordServer) -> None:
    """By the button that the process before had put there."""
    async with office.replica(drain_seconds=0):
        asked = await discord.mention(QUESTION)
        begun = await office.begun(asked, words=3)
    office.model.behaviour = Behaviour(token_delay=0.5)
    async with office.replica():
        await until("the answer goes on", lambda: len(office.model.requests) == 2)
        await office.press(begun, STOP)
        await office.settled()
    assert office.answer(asked).id == begun.id
    assert "Stopped." in office.answer(asked).notice
    assert office.expected().startswith(office.answer(asked).body)


async def test_continue_goes_on_where_the_length_limit_fell(office: Office, discord: DiscordServer) -> None:
    """Below the first message, which stays; pressed twice at once it goes on once, and the second press is told so."""
    office.model.behaviour = AT_ONCE
    async with office.replica(max_new_tokens=16):
        asked = await discord.mention(QUESTION)
        await office.settled()
        first = office.answer(asked)
        assert len(first.body.split()) == 16
        assert actions(first) == [CONTINUE, AGAIN, GOOD, BAD]
        await office.press(first, CONTINUE)
        await office.press(first, CONTINUE)
        await until("it is told", lambda: [one.shown for one in discord.ephemerals] != [])
        await office.settled()
    assert [one.shown for one in discord.ephemerals] in ([notices.ALREADY_ASKED], [notices.NOTHING_TO_CONTINUE])
    first, second = office.thread(asked)
    assert f"{first.body} {second.body.strip()}" == office.expected()
    assert await office.turns(asked) == [("user", QUESTION), ("assistant", office.expected())]


async def test_a_button_below_what_was_forgotten_does_nothing(office: Office, discord: DiscordServer) -> None:
    """Who presses it is told why, alone, and people can still read the answer."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        answer = office.answer(asked)
        await discord.mention("forget", channel=asked)
        await office.settled()
        await office.press(answer, AGAIN, user=BOB)
        await office.press(answer, GOOD, user=BOB)
        await until("Bob is told", lambda: [one.shown for one in discord.ephemerals] == [notices.NO_SUCH_ANSWER] * 2)
        await office.settled()
    assert answer.body == office.expected()
    assert discord.ephemerals[0].ephemeral_for == BOB
    assert len(office.model.requests) == 1


async def test_an_edited_question_restarts_the_answer_that_streams(office: Office, discord: DiscordServer) -> None:
    """The same message shows the answer to the new words, and nothing of the old one."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        first = await office.begun(asked, words=3)
        await discord.edit(asked, f"<@{discord.bot_user}> {OTHER_QUESTION}")
        await office.settled()
    assert (office.answer(asked).id, office.answer(asked).body) == (first.id, office.expected(OTHER_QUESTION))
    assert await office.turns(asked) == [("user", OTHER_QUESTION), ("assistant", office.expected(OTHER_QUESTION))]


async def test_a_question_edited_afterwards_is_answered_again_on_request(
    office: Office, discord: DiscordServer
) -> None:
    """The offer says what happened; when it is taken the old answer's message shows the new one."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        first = office.answer(asked).id
        await discord.edit(asked, f"<@{discord.bot_user}> {OTHER_QUESTION}")
        await office.settled()
        offer = office.thread(asked)[-1]
        assert offer.shown == notices.YOU_EDITED
        assert [button.label for button in offer.buttons] == [notices.ANSWER_AGAIN]
        assert len(office.model.requests) == 1
        await office.press(offer, AGAIN)
        await office.settled()
    assert (office.answer(asked).id, office.answer(asked).body) == (first, office.expected(OTHER_QUESTION))
    assert await office.turns(asked) == [("user", OTHER_QUESTION), ("assistant", office.expected(OTHER_QUESTION))]


async def test_a_preview_of_a_link_is_no_edit(office: Office, discord: DiscordServer) -> None:
    """Discord tells of it as of a changed message."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention("what does https://peps.python.org/pep-0008/ say?")
        await office.settled()
        await discord.unfurl(asked, "https://peps.python.org/pep-0008/")
        await office.settled()
    assert len(office.thread(asked)) == 1


async def test_deleting_the_question_takes_away_the_answer_that_streams(office: Office, discord: DiscordServer) -> None:
    """The model is stopped, the message goes, and nothing is remembered."""
    office.model.behaviour = Behaviour(token_delay=0.2)
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked)
        await discord.delete(asked)
        await until("the answer is gone", lambda: office.thread(asked) == [])
        await office.settled()
        await until("the model is stopped", lambda: office.model.live == 0)
    assert await office.turns(asked) == []
    assert office.model.generated < len(office.expected().split())


async def test_deleting_the_question_afterwards_takes_away_both(office: Office, discord: DiscordServer) -> None:
    """Of a thread only the pair goes: what came after stays."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        second = await discord.say(OTHER_QUESTION, channel=asked)
        await office.settled()
        kept, gone = office.thread(asked)
        await discord.delete(second)
        await until("its answer is gone", lambda: gone not in office.thread(asked))
        await office.settled()
    assert office.thread(asked) == [kept]
    assert await office.turns(asked) == [("user", QUESTION), ("assistant", office.expected())]


async def test_a_question_that_is_deleted_before_it_has_a_thread_gets_no_answer(
    office: Office, discord: DiscordServer
) -> None:
    """And nobody is told anything: who asked knows."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await discord.delete(asked)
        await office.settled()
    assert discord.bot_messages() == []


async def test_an_archived_thread_answers_again_when_somebody_writes(office: Office, discord: DiscordServer) -> None:
    """It is remembered; a thread that is archived in mid-answer is brought back for its end."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.begun(asked, words=3)
        await discord.archive(asked)
        await office.settled()
        assert office.answer(asked).body == office.expected()
        await discord.archive(asked)
        office.model.behaviour = AT_ONCE
        await discord.say("and backwards?", channel=asked)
        await office.settled()
    assert office.thread(asked)[-1].body == office.expected_now()
    assert QUESTION in office.last_prompt()
    assert not discord.channel(asked).archived
