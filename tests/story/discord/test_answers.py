"""When it answers, and how: the ordinary days of a server."""

from __future__ import annotations

import re
from itertools import pairwise

from conversation import guide, notices
from tests.servers.behaviour import Behaviour
from tests.servers.discord import ALICE, BOB, GENERAL, OTHER_BOT, RANDOM, DiscordServer, dm_of
from tests.servers.discord.messages import REPLY
from tests.servers.discord.routes import EDIT, SEND
from tests.story.discord.conftest import AT_ONCE, HELP, OTHER_QUESTION, QUESTION, WHOLE, Office, actions
from tests.waiting import until

LINE = " returns because without returns because without"


async def test_a_mention_is_answered_in_a_thread_named_after_it_in_a_message_that_grows(
    office: Office, discord: DiscordServer
) -> None:
    """One message, posted once, whose text only ever grows; thumbs come with its end, and no link in it unfolds."""
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
    answer = office.answer(asked)
    assert (answer.body, answer.notice) == (office.expected(), "")
    states = [state.text for state in answer.history]
    assert len(set(states)) > 2
    assert all(after.startswith(before) for before, after in pairwise(states))
    assert actions(answer) == WHOLE
    assert [(thread.id, thread.name) for thread in discord.threads] == [(asked, QUESTION)]
    assert office.thread(GENERAL) == []
    assert len(discord.calls_of(SEND)) == 1
    assert {call.body["flags"] & 1 << 2 for call in [*discord.calls_of(SEND), *discord.calls_of(EDIT)]} == {1 << 2}
    assert len(office.model.requests) == 1


async def test_each_question_in_a_help_channel_has_a_thread_and_talk_has_none(
    office: Office, discord: DiscordServer
) -> None:
    """No mention is needed; thanks, people who answer each other, and what bots write are no questions."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        first = await discord.say(QUESTION, channel=HELP)
        second = await discord.say(OTHER_QUESTION, channel=HELP, user=BOB)
        await discord.say("use sorted()", channel=HELP, user=BOB, reply_to=first)
        await discord.say(f"<@{BOB}> did you see my pull request?", channel=HELP)
        await discord.say("thanks a lot!", channel=HELP)
        await discord.say("the build is green?", channel=HELP, user=OTHER_BOT)
        await office.settled()
    assert [(thread.id, thread.name) for thread in discord.threads] == [
        (first, QUESTION),
        (second, OTHER_QUESTION),
    ]
    assert office.answer(first).body == office.expected()
    assert office.answer(second).body == office.expected(OTHER_QUESTION)
    assert office.thread(HELP) == []


async def test_who_goes_on_with_their_question_in_the_channel_is_answered_in_its_thread(
    office: Office, discord: DiscordServer
) -> None:
    """A reply to one's own question is part of the same conversation."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.say(QUESTION, channel=HELP)
        await office.settled()
        await discord.say("and backwards?", channel=HELP, reply_to=asked)
        await office.settled()
    assert [message.body for message in office.thread(asked)] == [office.expected(), office.expected_now()]
    assert QUESTION in office.last_prompt()
    assert len(discord.threads) == 1


async def test_a_post_in_a_help_forum_is_answered_in_the_post(office: Office, discord: DiscordServer) -> None:
    """Its title belongs to the question; who helps there talks to its author, who goes on without a mention."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        post = await discord.open_forum_post("Sorting", "how do I do that in C?")
        await office.settled()
        assert office.answer(post).body == office.expected_now()
        assert "Sorting\n\nhow do I do that in C?" in office.last_prompt()
        await discord.say("look at qsort", channel=post, user=BOB)
        await office.settled()
        assert len(office.thread(post)) == 1
        await discord.say("and with a comparison?", channel=post)
        await office.settled()
    assert [message.body for message in office.thread(post)][1:] == [office.expected_now()]
    assert "how do I do that in C?" in office.last_prompt()
    assert [thread.id for thread in discord.threads] == [post]


async def test_what_people_say_to_each_other_is_not_answered(office: Office, discord: DiscordServer) -> None:
    """A channel's talk, a thread of others, what begins with somebody's name in our thread, what bots write."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        talk = await discord.say("has anybody seen the build?")
        await discord.say("no", user=BOB, reply_to=talk)
        theirs = await discord.open_thread("build", message=talk)
        await discord.say("it is broken", channel=theirs, user=BOB)
        asked = await discord.mention(QUESTION)
        await office.settled()
        await discord.say(f"<@{BOB}> is that right?", channel=asked)
        await discord.say("deployed", channel=asked, user=OTHER_BOT)
        await office.settled()
    assert [message.channel for message in discord.bot_messages()] == [asked]
    assert len(office.model.requests) == 1


async def test_a_follow_up_needs_no_mention_and_the_thread_is_remembered(
    office: Office, discord: DiscordServer
) -> None:
    """Whoever writes it; the model sees the first question and its answer."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        await discord.say("and backwards?", channel=asked, user=BOB)
        await office.settled()
    assert [message.body for message in office.thread(asked)] == [office.expected(), office.expected_now()]
    assert QUESTION in office.last_prompt()
    assert office.expected() in office.last_prompt()


async def test_it_can_be_asked_to_be_quiet(office: Office, discord: DiscordServer) -> None:
    """Then it says nothing in that thread, until it is called back."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        await discord.mention("quiet", channel=asked)
        await office.settled()
        assert office.thread(asked)[-1].shown == notices.QUIET
        await discord.say("let us talk among ourselves", channel=asked)
        await office.settled()
        assert len(office.thread(asked)) == 2
        await discord.mention("back", channel=asked)
        await office.settled()
        assert office.thread(asked)[-1].shown == notices.BACK
        await discord.say("and now?", channel=asked)
        await office.settled()
    assert office.thread(asked)[-1].body == office.expected_now()
    assert len(office.thread(asked)) == 4


async def test_a_mention_in_the_middle_of_a_thread_reads_what_was_said_and_says_so(
    office: Office, discord: DiscordServer
) -> None:
    """It answers in that thread; the model sees who said what, from the message that the thread began with."""
    async with office.replica():
        root = await discord.say("the import fails since Monday", user=BOB)
        thread = await discord.open_thread("imports", message=root, user=BOB)
        await discord.say("only on Windows", channel=thread, user=ALICE)
        await discord.mention("what could it be?", channel=thread, user=ALICE)
        await office.settled()
    answer = office.answer(thread)
    assert answer.body == office.expected_now()
    assert answer.notice == notices.read_above(2)
    prompt = office.last_prompt()
    assert "Bob: the import fails since Monday" in prompt
    assert prompt.index("Bob: the import fails") < prompt.index("Alice: only on Windows") < prompt.index("could it be")
    assert len(discord.threads) == 1


async def test_only_a_mention_means_what_stands_above(office: Office, discord: DiscordServer) -> None:
    """In a channel the messages before it are the question."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await discord.say("why does `[] is []` say False?", user=BOB)
        asked = await discord.mention("")
        await office.settled()
    answer = office.answer(asked)
    assert answer.body == office.expected_now()
    assert answer.notice == notices.read_above(1)
    assert "why does `[] is []` say False?" in office.last_prompt()


async def test_a_mention_that_replies_to_a_message_is_about_that(office: Office, discord: DiscordServer) -> None:
    """It is read, and nothing else of the channel."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        meant = await discord.say("KeyError: 'name'", user=BOB)
        await discord.say("who has the keys of the office?", user=BOB)
        asked = await discord.mention("why?", reply_to=meant)
        await office.settled()
    assert office.answer(asked).notice == notices.read_above(1)
    assert "KeyError: 'name'" in office.last_prompt()
    assert "the office" not in office.last_prompt()


async def test_a_reply_to_our_message_is_a_question_without_a_mention(office: Office, discord: DiscordServer) -> None:
    """In a channel it has a thread of its own, and what it replies to is read."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        await _commands_are_there(discord)
        await discord.command("ask", {"question": QUESTION})
        await office.settled()
        root = office.answer(GENERAL)
        asked = await discord.say("what does he mean?", user=BOB, reply_to=root.id)
        await office.settled()
    assert office.answer(asked).body == office.expected_now()
    assert QUESTION in office.last_prompt()


async def test_direct_messages_need_no_mention_and_no_thread(office: Office, discord: DiscordServer) -> None:
    """They are one conversation."""
    office.model.behaviour = AT_ONCE
    direct = dm_of(ALICE)
    async with office.replica():
        await discord.dm(QUESTION)
        await office.settled()
        await discord.dm("and backwards?")
        await office.settled()
    assert [message.body for message in office.thread(direct)] == [office.expected(), office.expected_now()]
    assert QUESTION in office.last_prompt()
    assert discord.threads == []


async def test_direct_messages_can_be_switched_off(office: Office, discord: DiscordServer) -> None:
    """Who writes one is told so once, below it; the model does not see it."""
    async with office.replica(discord_direct_messages=False):
        asked = await discord.dm(QUESTION)
        await discord.dm("hello?")
        await until("it is said", lambda: bool(office.thread(dm_of(ALICE))))
        await office.settled()
    answer = office.answer(dm_of(ALICE))
    assert (answer.type, answer.reply_to) == (REPLY, asked)
    assert "not in direct messages" in answer.shown
    assert not office.model.requests


async def test_help_and_forget_are_at_hand(office: Office, discord: DiscordServer) -> None:
    """The first costs the model nothing; after the second the next question there is the first one."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
        await discord.mention("help", channel=asked)
        await office.settled()
        assert office.thread(asked)[-1].shown == guide.HELP
        assert len(office.model.requests) == 1
        await discord.mention("forget", channel=asked)
        await office.settled()
        assert office.thread(asked)[-1].shown == notices.FORGOTTEN
        assert await office.turns(asked) == []
        await discord.say("and backwards?", channel=asked)
        await office.settled()
    assert QUESTION not in office.last_prompt()


async def test_who_attached_what_is_no_text_is_told_below_the_answer(office: Office, discord: DiscordServer) -> None:
    """The question is answered, and its person knows what was not read."""
    async with office.replica():
        asked = await discord.mention("what is this?", attachments=[("shot.png", b"\x89PNG\x00\x00")])
        await office.answered(asked)
    told = "shot.png is not a text file, and I read only text and code. Attach it as plain text, or paste"
    assert told in office.thread(asked)[-1].content


async def test_text_and_code_that_is_attached_belongs_to_the_question(office: Office, discord: DiscordServer) -> None:
    """Also alone, as Discord makes a file of a long paste; fenced, with its name."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention("what is wrong here?", attachments=[("loop.py", "while True: pass\n")])
        await office.settled()
        assert "what is wrong here?\n\nloop.py:\n```python\nwhile True: pass\n```" in office.last_prompt()
        alone = await discord.say("", channel=HELP, attachments=[("message.txt", "why is my list empty?")])
        await office.settled()
        assert "why is my list empty?" in office.last_prompt()
    assert office.answer(asked).body
    assert office.answer(alone).body == office.expected_now()


async def test_what_the_model_says_calls_nobody(office: Office, discord: DiscordServer) -> None:
    """Though it says it a character at a time, no state of the message pings; people can still read what it said."""
    office.model.behaviour = Behaviour(text=f"Ask @everyone, @here or <@{BOB}> in the morning.", token_delay=0.02)
    async with office.replica():
        asked = await discord.mention(QUESTION)
        await office.settled()
    answer = office.answer(asked)
    assert len(answer.history) > 1
    assert not discord.pings
    assert all(word in answer.body for word in ("Ask ", "everyone", "here", BOB, "in the morning."))


async def test_long_code_stands_in_several_messages_and_in_a_file(office: Office, discord: DiscordServer) -> None:
    """Each message is code of the same language by itself, no line is lost, and the file can be copied as a whole."""
    code = "\n".join([LINE] * 80)
    office.model.behaviour = Behaviour(text=f"Here it is:\n\n```python\n{code}\n```\n")
    async with office.replica(max_new_tokens=2000):
        asked = await discord.mention(QUESTION)
        await office.settled()
    *messages, file = office.thread(asked)
    assert len(messages) == 3
    assert all(len(message.content) <= 2_000 for message in messages)
    blocks = [re.findall(r"^```(\w*)\n(.*?)\n```$", message.body, re.MULTILINE | re.DOTALL) for message in messages]
    assert [[language for language, _ in found] for found in blocks] == [["python"]] * 3
    assert "\n".join(shown for found in blocks for _, shown in found) == code
    (file_id,) = file.attachments
    assert discord.home.files[file_id].data == f"{code}\n".encode()
    assert discord.home.files[file_id].name.endswith(".py")
    assert [actions(message) for message in messages] == [[], [], WHOLE]


async def test_two_replicas_that_share_a_store_give_one_answer(office: Office, discord: DiscordServer) -> None:
    """One of them listens, both write; an event that comes again is the same question."""
    async with office.replica(), office.replica():
        asked = [await discord.mention(QUESTION, channel=channel) for channel in (GENERAL, RANDOM)]
        await office.begun(asked[0])
        for message in asked:
            await discord.redeliver(message)
        await office.settled()
        assert discord.connected == 1
    assert [office.answer(message).body for message in asked] == [office.expected()] * 2
    assert len(office.model.requests) == 2


async def _commands_are_there(discord: DiscordServer) -> None:
    await until("the commands are registered", lambda: bool(discord.commands))
