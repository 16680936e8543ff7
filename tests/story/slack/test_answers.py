"""When it answers, and how: the ordinary days of a team."""

from __future__ import annotations

from itertools import pairwise

import pytest

from adapters.slack.commands import ANSWER_COMES, ANSWER_COMES_DIRECTLY, ANSWER_COMES_SOMEWHERE, HELP
from adapters.slack.interactions import ASK_SHORTCUT
from conversation import guide, notices
from tests.servers.behaviour import Behaviour
from tests.servers.slack import ALICE, BOB, ELSEWHERE, GENERAL, OTHER_BOT, PRIVATE, RANDOM, SlackServer, dm_of
from tests.story.slack.conftest import AGAIN, AT_ONCE, FEEDBACK, QUESTION, STOP, Office, actions
from tests.waiting import until


async def test_a_mention_is_answered_below_it_in_a_stream_that_grows(office: Office, slack: SlackServer) -> None:
    """One message, in the thread, whose text only ever grows; thumbs come with its end."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    answer = office.answer(ts)
    assert answer.body == office.expected()
    states = [state.text for state in answer.history]
    assert len(set(states)) > 3
    assert all(after.startswith(before) for before, after in pairwise(states))
    assert answer.was_streamed
    assert actions(answer) == [AGAIN, FEEDBACK, FEEDBACK]
    assert [message.ts for message in slack.bot_messages()] == [answer.ts]
    assert len(office.model.requests) == 1


async def test_while_it_thinks_the_thread_says_so(office: Office, slack: SlackServer) -> None:
    """A status and Slack's own stop button stand there before the first word, and go with the answer."""
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    assert slack.statuses[ts][0] == notices.THINKING
    assert "processing" in slack.statuses[ts]
    assert slack.sessions[GENERAL, ts]["status"] == "active"


async def test_without_streams_a_message_grows_that_can_be_stopped_by_a_button(
    office: Office, slack: SlackServer
) -> None:
    """Posted once and updated; no link in it is unfurled."""
    slack.fail("chat.startStream", "unknown_method")
    async with office.replica():
        ts = await slack.mention(QUESTION)
        assert STOP in actions(await office.begun(ts))
        await office.settled()
    answer = office.answer(ts)
    assert answer.body == office.expected()
    assert len({state.text for state in answer.history}) > 1
    assert actions(answer) == [AGAIN, FEEDBACK, FEEDBACK]
    posts = slack.calls_of("chat.postMessage")
    assert [(post.args["unfurl_links"], post.args["unfurl_media"]) for post in posts] == [(False, False)]


async def test_a_follow_up_needs_no_mention_and_the_thread_is_remembered(office: Office, slack: SlackServer) -> None:
    """Whoever writes it; the model sees the first question and its answer."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.say("and backwards?", thread_ts=ts, user=BOB)
        await office.settled()
    first, second = office.thread(ts)
    assert (first.body, second.body) == (office.expected(), office.expected_now())
    assert QUESTION in office.last_prompt()
    assert office.expected() in office.last_prompt()


async def test_what_people_say_to_each_other_is_not_answered(office: Office, slack: SlackServer) -> None:
    """A channel's talk, a thread of others, a reply that begins with somebody's name, what bots write."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        talk = await slack.say("has anybody seen the build?")
        await slack.say("no", thread_ts=talk, user=BOB)
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.say(f"<@{BOB}> what do you think?", thread_ts=ts)
        await slack.say(f"<@{slack.bot_user}> deployed", user=OTHER_BOT)
        await office.settled()
        assert len(slack.bot_messages()) == 1
        await slack.say(f"is {BOB} right?", thread_ts=ts)
        await office.settled()
    assert len(office.thread(ts)) == 2
    assert len(slack.bot_messages()) == 2


async def test_quiet_makes_it_wait_for_its_name_and_back_undoes_that(office: Office, slack: SlackServer) -> None:
    """Both are said in the thread, and hold for it alone."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.mention("quiet", thread_ts=ts)
        await office.settled()
        assert office.thread(ts)[-1].shown == notices.QUIET
        await slack.say("let us talk among ourselves", thread_ts=ts)
        await office.settled()
        assert len(office.thread(ts)) == 2
        await slack.mention("are you there?", thread_ts=ts)
        await office.settled()
        assert office.thread(ts)[-1].body == office.expected_now()
        await slack.mention("back", thread_ts=ts)
        await office.settled()
        assert office.thread(ts)[-1].shown == notices.BACK
        await slack.say("and now?", thread_ts=ts)
        await office.settled()
    assert office.thread(ts)[-1].body == office.expected_now()
    assert len(office.thread(ts)) == 5


async def test_a_mention_in_the_middle_of_a_thread_reads_what_was_said_and_says_so(
    office: Office, slack: SlackServer
) -> None:
    """The model sees who said what; the answer tells how much was read."""
    async with office.replica():
        root = await slack.say("the import fails since Monday", user=BOB)
        await slack.say("only on Windows", thread_ts=root, user=ALICE)
        await slack.mention("what could it be?", thread_ts=root, user=ALICE)
        await office.settled()
    answer = office.answer(root)
    assert answer.body == office.expected_now()
    assert answer.notice == notices.read_above(2)
    prompt = office.last_prompt()
    assert "bob: the import fails since Monday" in prompt
    assert prompt.index("bob: the import fails") < prompt.index("alice: only on Windows") < prompt.index("could it be")


async def test_only_a_mention_means_what_stands_above(office: Office, slack: SlackServer) -> None:
    """In a channel the messages before it are the question."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await slack.say("why does `[] is []` say False?", user=BOB)
        ts = await slack.say(f"<@{slack.bot_user}>")
        await office.settled()
    answer = office.answer(ts)
    assert answer.body == office.expected_now()
    assert answer.notice == notices.read_above(1)
    assert "why does `[] is []` say False?" in office.last_prompt()


async def test_a_linked_message_is_read_unless_it_is_private(office: Office, slack: SlackServer) -> None:
    """What one may read in another channel is not for everybody here."""
    office.model.behaviour = AT_ONCE

    def link(channel: str, ts: str) -> str:
        return f"https://corral-test.slack.com/archives/{channel}/p{ts.replace('.', '')}"

    async with office.replica():
        public = await slack.say("the loop never ends", channel=RANDOM, user=BOB)
        secret = await slack.say("the password is swordfish", channel=PRIVATE, user=BOB)
        first = await slack.mention(f"what is wrong in {link(RANDOM, public)} ?")
        await office.settled()
        assert "the loop never ends" in office.last_prompt()
        second = await slack.mention(f"and in {link(PRIVATE, secret)} ?")
        await office.settled()
    assert office.answer(first).notice == notices.read_above(1)
    assert "swordfish" not in office.last_prompt()
    assert office.answer(second).notice == "I may not read the linked message."


async def test_direct_messages_need_no_mention(office: Office, slack: SlackServer) -> None:
    """They are answered below the message, and the thread goes on."""
    office.model.behaviour = AT_ONCE
    direct = dm_of(ALICE)
    async with office.replica():
        ts = await slack.dm(QUESTION)
        await office.settled()
        await slack.dm("and backwards?", thread_ts=ts)
        await office.settled()
    first, second = office.thread(ts, direct)
    assert (first.body, second.body) == (office.expected(), office.expected_now())
    assert QUESTION in office.last_prompt()


async def test_who_opens_their_messages_with_us_finds_prompts_to_begin_with(office: Office, slack: SlackServer) -> None:
    """Of the agent view; up to four."""
    async with office.replica():
        await slack.open_home()
        await until("prompts are suggested", lambda: bool(slack.suggested_prompts))
    (suggested,) = slack.suggested_prompts
    assert suggested["channel_id"] == dm_of(ALICE)
    assert 1 <= len(suggested["prompts"]) <= 4


async def test_the_shortcut_answers_somebodys_message_in_its_thread(office: Office, slack: SlackServer) -> None:
    """From the message's menu, also of what was never said to us."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.say("KeyError: 'name'", user=BOB)
        await slack.shortcut(ASK_SHORTCUT, message_ts=ts)
        await office.settled()
    assert office.answer(ts).body == office.expected_now()
    assert "KeyError: 'name'" in office.last_prompt()


@pytest.mark.parametrize(
    ("command", "text", "asked"), [("/corral", QUESTION, QUESTION), ("/code", "python sort a list", "in Python")]
)
async def test_a_command_opens_a_thread_of_its_own(
    office: Office, slack: SlackServer, command: str, text: str, asked: str
) -> None:
    """A message shows who asked what, the answer stands below it, and a follow-up there is answered too."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        delivery = await slack.command(command, text)
        assert delivery.reply["text"] == ANSWER_COMES
        await office.settled()
        root = slack.bot_messages(GENERAL)[0]
        assert "alice" in root.shown
        assert text in root.shown
        assert root.thread_ts is None
        assert office.answer(root.ts).body == office.expected_now()
        assert asked in office.last_prompt()
        await slack.say("and backwards?", thread_ts=root.ts)
        await office.settled()
    assert office.thread(root.ts)[-1].body == office.expected_now()
    assert len(office.thread(root.ts)) == 2
    assert asked in office.last_prompt()


@pytest.mark.parametrize("is_private", [False, True])
async def test_a_command_says_where_its_answer_comes(office: Office, slack: SlackServer, is_private: bool) -> None:
    """Where we are not, that is in direct messages; where nobody can tell, it says both."""
    office.model.behaviour = AT_ONCE
    channel = PRIVATE if is_private else ELSEWHERE
    async with office.replica():
        if is_private:
            assert (await slack.command("/corral", QUESTION, channel=channel)).reply["text"] == ANSWER_COMES
            await office.settled()
            await slack.leave(channel)
        delivery = await slack.command("/corral", "why?", channel=channel)
        assert delivery.reply["text"] == ANSWER_COMES_DIRECTLY
        await office.settled()
        assert [one.channel for one in slack.bot_messages(dm_of(ALICE))] == [dm_of(ALICE)] * 2
        slack.fail("conversations.history", status=503)
        assert (await slack.command("/corral", "why?")).reply["text"] == ANSWER_COMES_SOMEWHERE
        await office.settled()


async def test_help_is_at_hand_in_threads_and_behind_the_command(office: Office, slack: SlackServer) -> None:
    """Neither costs the model anything."""
    async with office.replica():
        ts = await slack.mention("help")
        await office.settled()
        delivery = await slack.command("/corral", "help")
    assert office.answer(ts).shown == guide.HELP
    assert delivery.reply["text"] == HELP
    assert "/corral fix" in HELP
    assert not office.model.requests


async def test_two_replicas_that_get_the_same_event_give_one_answer(office: Office, slack: SlackServer) -> None:
    """The mention's two events and a redelivery come to both of them."""
    async with office.replica(), office.replica():
        await until("both are connected", lambda: len(slack.sockets.sockets) == 2)
        ts = await slack.mention(QUESTION)
        await office.begun(ts)
        for event in [delivery.id for delivery in slack.events if delivery.event.get("ts") == ts]:
            await slack.redeliver(event)
        await office.settled()
    assert office.answer(ts).body == office.expected()
    assert len(office.model.requests) == 1


@pytest.mark.parametrize("has_streams", [True, False], ids=["stream", "message"])
async def test_what_the_model_says_calls_nobody(office: Office, slack: SlackServer, has_streams: bool) -> None:
    """Though it says it a character at a time, no state of the message pings; people can still read what it said."""
    office.model.behaviour = Behaviour(text=f"Ask <!channel>, <!here> or <@{BOB}> in #general.", token_delay=0.02)
    if not has_streams:
        slack.fail("chat.startStream", "unknown_method")
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
    answer = office.answer(ts)
    assert not slack.pings
    assert answer.body.startswith("Ask ")
    assert all(word in answer.body for word in ("channel", "here", BOB, "in #general."))


async def test_forget_removes_the_thread_from_memory(office: Office, slack: SlackServer) -> None:
    """The next question there is the first one."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        ts = await slack.mention(QUESTION)
        await office.settled()
        await slack.mention("forget", thread_ts=ts)
        await office.settled()
        assert office.thread(ts)[-1].shown == notices.FORGOTTEN
        assert await office.turns(ts) == []
        await slack.say("and backwards?", thread_ts=ts)
        await office.settled()
    assert QUESTION not in office.last_prompt()
