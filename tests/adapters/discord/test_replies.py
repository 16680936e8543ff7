"""Answers in Discord: in threads, in direct messages, within the limits, and whatever gets lost on the way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.discord import messages, status
from adapters.discord.buttons import _TEMPLATE
from adapters.discord.limits import edits_in
from adapters.discord.rendering import nonce
from conversation.errors import DeliveryError, Paced, Unwritable
from conversation.model import Command, Segment, SegmentState
from conversation.pacing import Use
from conversation.ports import Attachment, FillsUp, OpensPlaces, TakesFiles, TellsPrivately
from tests.adapters.discord.writing import Writer, ended, growing, job, writer
from tests.servers.discord import ALICE, BOB, ELSEWHERE, GENERAL, GUILD, DiscordServer, Message, dm_of
from tests.servers.discord.routes import DELETE, EDIT, HISTORY, SEND, THREAD_FROM_MESSAGE, TYPING
from tests.waiting import until


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often answers are written is no matter in most tests here."""
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(messages, "STEADY_PAUSE_SECONDS", 0.0)


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Writer]:
    """A writer. Whatever a test lets it write, nobody is called by it."""
    async with DiscordServer() as discord, writer(discord, redis_client) as opened:
        yield opened
        assert discord.pings == []


def test_it_can_do_what_delivery_asks_for(at_work: Writer) -> None:
    """Delivery looks for these abilities on the object itself."""
    for ability in OpensPlaces, TakesFiles, TellsPrivately:
        assert isinstance(at_work.replies, ability)
    assert not isinstance(at_work.replies, FillsUp)


# --- places -----------------------------------------------------------------------------------------------------------


async def test_a_question_in_a_channel_gets_a_thread_of_its_own(at_work: Writer) -> None:
    """It is called as the question, and what is written goes there and not into the channel."""
    asked = await at_work.asked(title="How do I sort a list?")
    assert at_work.replies.needs_place(asked)
    begun = await at_work.begin(asked)
    assert not at_work.replies.needs_place(begun)
    await at_work.show(begun, ended("Use `sorted`."))
    (thread,) = at_work.discord.threads
    assert (thread.id, thread.name, thread.parent) == (begun.place, "How do I sort a list?", GENERAL)
    assert [message.body for message in at_work.shown(begun)] == ["Use `sorted`."]
    assert at_work.discord.bot_messages(GENERAL) == []


async def test_a_thread_is_opened_once_whoever_opens_it(at_work: Writer, redis_client: Redis) -> None:
    """By several at once, by a process that does not know of it, by a person."""
    asked = await at_work.asked()
    await asyncio.gather(*(at_work.replies.open(asked, look=False) for _ in range(3)))
    assert len(at_work.discord.calls_of(THREAD_FROM_MESSAGE)) == 1
    async with writer(at_work.discord, redis_client) as other:
        await other.begin(asked)
    theirs = await at_work.asked()
    await at_work.discord.open_thread("Mine", message=theirs.messages[0].message_id)
    await at_work.begin(theirs)
    assert len(at_work.discord.threads) == 2


async def test_a_thread_whose_reply_was_lost_is_there(at_work: Writer) -> None:
    """Opening it again finds it."""
    asked = await at_work.asked()
    at_work.discord.lose_reply(THREAD_FROM_MESSAGE)
    with pytest.raises(DeliveryError) as error:
        await at_work.replies.open(asked, look=False)
    assert not error.value.certain
    await at_work.replies.open(asked, look=True)
    assert len(at_work.discord.threads) == 1


async def test_threads_posts_and_direct_messages_are_places_already(at_work: Writer) -> None:
    """Nothing is opened for what is asked there."""
    post = await at_work.discord.open_forum_post("Sorting", "How?")
    jobs = [
        await at_work.asked_in_thread(),
        await at_work.asked_directly(),
        job(post, post, thread=post),
    ]
    for asked in jobs:
        assert not at_work.replies.needs_place(asked)
        await at_work.show(asked, ended("Use `sorted`."))
        assert [message.body for message in at_work.shown(asked)] == ["Use `sorted`."]


async def test_a_question_that_is_gone_has_no_thread(at_work: Writer) -> None:
    """The person is told why there is no answer."""
    asked = await at_work.asked()
    await at_work.discord.delete(asked.messages[0].message_id)
    with pytest.raises(Unwritable) as error:
        await at_work.replies.open(asked, look=False)
    assert error.value.user_notice == "The message that I was to answer is gone."


async def test_a_name_that_discord_does_not_take_is_replaced(at_work: Writer) -> None:
    """Some servers forbid words in the names of threads; the question is answered all the same."""
    asked = await at_work.asked(title="A word that Discord does not like")
    at_work.discord.fail(THREAD_FROM_MESSAGE, 400, code=50035, message="Contains words not allowed.")
    await at_work.begin(asked)
    assert [thread.name for thread in at_work.discord.threads] == ["Question"]


@pytest.mark.parametrize(
    ("permission", "sentence"),
    [("create_public_threads", "I may not open threads here."), ("view_channel", "I may not")],
)
async def test_where_no_thread_may_be_opened_nothing_is_written(
    at_work: Writer, permission: str, sentence: str
) -> None:
    """It is not written into the channel instead."""
    asked = await at_work.asked()
    await at_work.discord.deny(GENERAL, permission)
    with pytest.raises(Unwritable) as error:
        await at_work.replies.open(asked, look=False)
    assert error.value.user_notice.startswith(sentence)


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_a_message_grows_and_is_ended(at_work: Writer) -> None:
    """One post, then edits of it; the stop button goes, and the small print comes."""
    asked = await at_work.asked_in_thread()
    await at_work.show(asked, growing("Use", asked.id))
    (message,) = at_work.shown(asked)
    assert [button.label for button in message.buttons] == ["Stop"]
    await at_work.show(asked, growing("Use `sorted`", asked.id))
    await at_work.show(asked, ended("Use `sorted`.", notice="I read the message above.\nStopped."))
    assert at_work.routes() == [SEND, EDIT, EDIT]
    assert (message.body, message.notice) == ("Use `sorted`.", "I read the message above.\nStopped.")
    assert [button.label for button in message.buttons] == ["Again", "👍", "👎"]


async def test_every_button_tells_what_it_is_about_and_which_message_it_stands_below(at_work: Writer) -> None:
    """The listener reads the action and the target; the rest is for finding the message again."""
    asked = await at_work.asked_in_thread()
    await at_work.show(asked, ended("Use `sorted`."))
    (message,) = at_work.shown(asked)
    read = [re.fullmatch(_TEMPLATE, button.custom_id) for button in message.buttons]
    assert [(one["action"], one["target"]) for one in read if one] == [("again", "x1"), ("good", "x1"), ("bad", "x1")]


async def test_nobody_is_called_and_no_link_unfolds(at_work: Writer) -> None:
    """Neither by the first text nor by an edit; the words are broken besides."""
    asked = await at_work.asked_in_thread()
    text = f"@everyone @here <@{BOB}> <@&{GUILD}> https://discord.gg/abc `@everyone`"
    await at_work.show(asked, growing(text))
    await at_work.show(asked, ended(text + "."))
    (message,) = at_work.shown(asked)
    assert not message.pings
    assert "@everyone @here" not in message.body
    assert "`@everyone`" in message.body
    for call in at_work.discord.calls:
        assert call.body["allowed_mentions"] == {"parse": []}
        assert call.body["flags"] == 1 << 2


async def test_a_notice_without_an_answer_is_no_small_print(at_work: Writer) -> None:
    """It is all that the person gets."""
    asked = await at_work.asked_in_thread()
    await at_work.show(asked, ended("", notice="The model is not running at the moment."))
    (message,) = at_work.shown(asked)
    assert (message.body, message.notice) == ("The model is not running at the moment.", "")


async def test_the_longest_text_and_the_longest_notice_fit_together(at_work: Writer) -> None:
    """Discord takes 2,000 characters; a table whose columns would not fit stays as it was written."""
    asked = await at_work.asked_in_thread()
    row = "| a | " + "b" * 300 + " |\n"
    table = "| x | y |\n|---|---|\n" + "| 1 | 2 |\n" * 60 + row
    text = (table + "word " * 400)[: at_work.replies.message_limit]
    await at_work.show(asked, ended(text, notice="A sentence. " * 80))
    (message,) = at_work.shown(asked)
    assert len(message.content) <= 2000
    assert message.content.count("| 1 | 2 |") == 60


async def test_a_deleted_message_is_left_alone(at_work: Writer) -> None:
    """Somebody did not want it; that is no error, and it does not come back."""
    asked = await at_work.asked_in_thread()
    segment = await at_work.show(asked, growing("Use"))
    assert segment.message_id is not None
    await at_work.discord.delete(segment.message_id)
    for text in "Use a", "Use a list":
        await at_work.show(asked, growing(text))
    await at_work.show(asked, ended("Use a list."))
    assert at_work.shown(asked) == []
    assert at_work.routes() == [SEND, EDIT]


async def test_an_answer_made_anew_shows_although_the_old_one_was_deleted(at_work: Writer) -> None:
    """It was to take the old message's place; without one it gets a message of its own, once."""
    asked = await at_work.asked_in_thread()
    old = await at_work.show(asked, ended("Use a list."))
    assert old.message_id is not None
    await at_work.discord.delete(old.message_id)
    thread = asked.messages[0].address.thread
    again = job(at_work.discord.home.snowflakes.next(), thread, command=Command.AGAIN, thread=thread)
    taken = Segment(f"{again.id}:0", 0, SegmentState.SENT, old.message_id)
    at_work.segments[taken.key] = taken
    await at_work.show(again, growing("Use", again.id))
    await at_work.show(again, ended("Use a tuple."))
    assert [message.body for message in at_work.shown(again)] == ["Use a tuple."]


async def test_deleting_takes_away_and_can_be_repeated(at_work: Writer) -> None:
    """The second time there is nothing."""
    asked = await at_work.asked_in_thread()
    segment = await at_work.show(asked, ended("Use a list."))
    assert segment.message_id is not None
    for _ in range(2):
        await at_work.replies.delete(asked, segment.message_id)
    assert at_work.shown(asked) == []
    assert len(at_work.discord.calls_of(DELETE)) == 2


# --- what gets lost ---------------------------------------------------------------------------------------------------


async def test_a_post_without_a_reply_is_found_and_not_doubled(at_work: Writer) -> None:
    """By what its button carries, also by another process."""
    asked = await at_work.asked_in_thread()
    segment = at_work.segment(asked)
    at_work.discord.lose_reply(SEND)
    with pytest.raises(DeliveryError) as error:
        await at_work.replies.post(asked, segment, growing("Use", asked.id))
    assert not error.value.certain
    written = await at_work.replies.find(asked, segment)
    assert written is not None
    at_work.segments[segment.key] = replace(segment, message_id=written.message_id, mode=written.mode)
    await at_work.show(asked, ended("Use a list."))
    assert [message.body for message in at_work.shown(asked)] == ["Use a list."]
    assert await at_work.replies.find(asked, segment) == written
    assert await at_work.replies.find(asked, Segment(f"{asked.id}:1", 9, SegmentState.PLANNED)) is None


async def test_a_post_that_is_repeated_is_the_same_message_and_shows_the_newest_text(at_work: Writer) -> None:
    """For some minutes Discord gives back the first one, with what that said."""
    asked = await at_work.asked_in_thread()
    segment = at_work.segment(asked)
    first = await at_work.replies.post(asked, segment, growing("Use", asked.id))
    again = await at_work.replies.post(asked, segment, ended("Use a list."))
    assert again == first
    (message,) = at_work.shown(asked)
    assert message.body == "Use a list."
    assert [button.label for button in message.buttons] == ["Again", "👍", "👎"]


def test_a_nonce_fits_and_belongs_to_one_segment_of_one_question() -> None:
    """25 characters are what Discord takes."""
    found = {nonce("a" * 32 + ":0", 0), nonce("a" * 32 + ":1", 0), nonce("a" * 32 + ":0", 1)}
    assert len(found) == 3
    assert {len(one) for one in found} == {25}


async def test_what_people_send_is_not_taken_for_ours(at_work: Writer) -> None:
    """Somebody sends our file back, under the name that we gave it; ours is taken away then, and theirs is not."""
    asked = await at_work.asked_in_thread()
    segment = Segment(f"{asked.id}:file0", 0, SegmentState.PLANNED, mode="file")
    written = await at_work.replies.attach(asked, segment, Attachment("code-1", "python", "print(1)\n"))
    (file,) = at_work.discord.message(written.message_id).attachments
    name = at_work.discord.home.files[file].name
    thread = asked.messages[0].address.thread
    await at_work.discord.say("Here it is", channel=thread, attachments=[(name, "print(2)")])
    assert await at_work.replies.find(asked, segment) == written
    await at_work.discord.delete(written.message_id)
    assert await at_work.replies.find(asked, segment) is None


async def test_nothing_is_found_where_there_is_no_thread(at_work: Writer) -> None:
    """It was planned, and never opened."""
    asked = await at_work.asked()
    assert await at_work.replies.find(asked, at_work.segment(asked)) is None


@pytest.mark.parametrize("status_code", [500, 502, 503])
async def test_a_failure_of_discords_own_is_uncertain_and_not_repeated(at_work: Writer, status_code: int) -> None:
    """Delivery looks before it sends again."""
    asked = await at_work.asked_in_thread()
    at_work.discord.fail(SEND, status_code)
    with pytest.raises(DeliveryError) as error:
        await at_work.replies.post(asked, at_work.segment(asked), growing("Use"))
    assert not error.value.certain
    assert not isinstance(error.value, Paced | Unwritable)
    assert len(at_work.discord.calls_of(SEND)) == 1


async def test_a_call_that_hangs_is_given_up(at_work: Writer, redis_client: Redis) -> None:
    """Nobody knows what came of it."""
    async with writer(at_work.discord, redis_client, timeout_seconds=0.2) as hasty:
        asked = await hasty.asked_in_thread()
        at_work.discord.hang(SEND)
        with pytest.raises(DeliveryError) as error:
            await hasty.replies.post(asked, hasty.segment(asked), growing("Use"))
        assert not error.value.certain


# --- places that close ------------------------------------------------------------------------------------------------


async def test_an_archived_thread_comes_back_when_we_write(at_work: Writer) -> None:
    """By a post as by an edit."""
    asked = await at_work.asked_in_thread()
    thread = asked.messages[0].address.thread
    for content in growing("Use"), ended("Use a list."):
        await at_work.discord.archive(thread)
        await at_work.show(asked, content)
        assert not at_work.discord.channel(thread).archived
    assert [message.body for message in at_work.shown(asked)] == ["Use a list."]


@pytest.mark.parametrize("begun", [False, True])
async def test_a_locked_thread_is_no_place_any_more(at_work: Writer, begun: bool) -> None:
    """A moderator closed it."""
    asked = await at_work.asked_in_thread()
    if begun:
        await at_work.show(asked, growing("Use"))
    await at_work.discord.lock(asked.messages[0].address.thread)
    with pytest.raises(Unwritable) as error:
        await at_work.show(asked, ended("Use a list."))
    assert error.value.user_notice == "This thread is locked."


async def test_a_channel_that_is_gone_or_closed_to_us_is_unwritable(at_work: Writer) -> None:
    """With a sentence that says what it is."""
    gone = await at_work.asked_in_thread()
    await at_work.discord.delete_channel(gone.messages[0].address.thread)
    with pytest.raises(Unwritable, match="10003") as error:
        await at_work.show(gone, growing("Use"))
    assert error.value.user_notice == "This channel is gone."
    unseen = job(gone.messages[0].message_id, ELSEWHERE, thread=ELSEWHERE)
    with pytest.raises(Unwritable) as error:
        await at_work.show(unseen, growing("Use"))
    assert error.value.user_notice.startswith("I may not see this channel.")
    silent = await at_work.asked_in_thread()
    await at_work.discord.deny(GENERAL, "send_messages_in_threads")
    with pytest.raises(Unwritable) as error:
        await at_work.show(silent, growing("Use"))
    assert error.value.user_notice.startswith("I may not write here.")


async def test_who_takes_no_direct_messages_cannot_be_answered_there(at_work: Writer) -> None:
    """And telling them so fails quietly."""
    asked = await at_work.asked_directly()
    await at_work.discord.refuse_dms()
    with pytest.raises(Unwritable) as error:
        await at_work.show(asked, growing("Use"))
    assert error.value.user_notice == "You take no direct messages from me."


# --- limits -----------------------------------------------------------------------------------------------------------


async def test_a_429_pauses_the_channel_for_everybody(at_work: Writer, redis_client: Redis) -> None:
    """Nothing is slept away inside the call, and no other process tries before it may."""
    asked = await at_work.asked_in_thread()
    at_work.discord.fail(SEND, 429, retry_after=7)
    with pytest.raises(Paced) as paced:
        await at_work.replies.post(asked, at_work.segment(asked), growing("Use"))
    assert paced.value.retry_after_seconds == 7
    async with writer(at_work.discord, redis_client) as other:
        with pytest.raises(Paced):
            await other.replies.post(asked, other.segment(asked), growing("Use"))
    assert len(at_work.discord.calls_of(SEND)) == 1


async def test_the_end_has_room_however_busy_the_channel_is(at_work: Writer) -> None:
    """An answer that has begun keeps one edit free."""
    asked = await at_work.asked_in_thread()
    segment = await at_work.show(asked, growing("Use"))
    channel = asked.messages[0].address.thread
    while (await at_work.rates.take(Use(edits_in(channel)))).wait_seconds == 0:
        pass
    with pytest.raises(Paced):
        await at_work.replies.edit(asked, segment, growing("Use a"))
    await at_work.replies.edit(asked, segment, ended("Use a list."))
    assert [message.body for message in at_work.shown(asked)] == ["Use a list."]


async def test_a_post_that_surely_failed_keeps_no_edit_free(at_work: Writer) -> None:
    """There is nothing to end."""
    asked = await at_work.asked_in_thread()
    await at_work.discord.lock(asked.messages[0].address.thread)
    with pytest.raises(Unwritable):
        await at_work.replies.post(asked, at_work.segment(asked), growing("Use"))
    channel = asked.messages[0].address.thread
    for _ in range(4):
        assert (await at_work.rates.take(Use(edits_in(channel)))).wait_seconds == 0


async def test_many_answers_pass_no_limit(redis_client: Redis) -> None:
    """Ten in threads of one channel and in threads of their own, by two processes at once: no 429, all texts whole."""
    async with (
        DiscordServer(limits=True) as discord,
        writer(discord, redis_client) as one,
        writer(discord, redis_client) as two,
    ):

        async def answer(at: Writer, number: int) -> None:
            asked = await (at.asked() if number < 5 else at.asked_in_thread())
            begun = await at.begin(asked) if at.replies.needs_place(asked) else asked
            for length in range(1, 6):
                await at.show(begun, growing("word " * length, begun.id))
            await at.show(begun, ended("word " * 6))
            assert [message.body for message in at.shown(begun)] == [("word " * 6).strip()]

        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(answer((one, two)[number % 2], number))
        assert discord.rate_limited == 0


async def test_an_old_message_is_edited_rarely_and_ends_where_it_is(redis_client: Redis) -> None:
    """Discord takes three edits in twenty seconds of what is older than an hour; one of ours grows, one ends it."""
    async with DiscordServer(limits=True) as discord, writer(discord, redis_client) as at_work:
        thread = await discord.open_thread("Old")
        channel = discord.channel(thread)
        old_id = str(int(discord.home.snowflakes.next()) - (4000 * 1000 << 22))
        channel.messages[old_id] = Message(old_id, thread, discord.bot_user, "Old answer", created_at=0.0)
        again = job(discord.home.snowflakes.next(), thread, command=Command.AGAIN, thread=thread)
        segment = Segment(f"{again.id}:0", 0, SegmentState.SENT, old_id)
        await at_work.replies.edit(again, segment, growing("Use", again.id))
        with pytest.raises(Paced):
            await at_work.replies.edit(again, segment, growing("Use a", again.id))
        await at_work.replies.edit(again, segment, ended("Use a list."))
        assert channel.messages[old_id].body == "Use a list."
        assert discord.rate_limited == 0


# --- beside the answers -----------------------------------------------------------------------------------------------


async def test_the_thread_is_open_and_we_type_in_it_before_there_is_text(at_work: Writer) -> None:
    """Typing is renewed while there is none, and ends with the first."""
    asked = await at_work.asked()
    await at_work.replies.status(asked, "Thinking…")
    await until("somebody types", lambda: at_work.discord.calls_of(TYPING) != [])
    assert at_work.discord.calls_of(TYPING)[0].channel == asked.messages[0].message_id
    begun = await at_work.begin(asked)
    await at_work.show(begun, growing("Use"))
    assert at_work.routes() == [THREAD_FROM_MESSAGE, TYPING, SEND]


async def test_typing_is_renewed_until_it_is_ended(at_work: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for all that is said, and never after the end."""
    monkeypatch.setattr(status, "RENEW_SECONDS", 0.05)
    asked = await at_work.asked_in_thread()
    for text in "Thinking…", "You are number 3 in the queue.":
        await at_work.replies.status(asked, text)
    await until("typing twice", lambda: len(at_work.discord.calls_of(TYPING)) >= 2)
    await at_work.replies.status(asked, "")
    typed = len(at_work.discord.calls_of(TYPING))
    await asyncio.sleep(0.2)  # nothing can be waited for: it must not come
    assert len(at_work.discord.calls_of(TYPING)) == typed


async def test_a_failure_to_type_fails_nothing(at_work: Writer) -> None:
    """The answer comes all the same."""
    asked = await at_work.asked_in_thread()
    at_work.discord.fail(TYPING, 500)
    await at_work.replies.status(asked, "Thinking…")
    await until("it was tried", lambda: at_work.discord.calls_of(TYPING) != [])
    await at_work.show(asked, ended("Use a list."))
    assert [message.body for message in at_work.shown(asked)] == ["Use a list."]


async def test_typing_that_is_forbidden_is_not_tried_again(at_work: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are refused are counted, and too many shut our address out."""
    monkeypatch.setattr(status, "RENEW_SECONDS", 0.01)
    asked = await at_work.asked_in_thread()
    at_work.discord.fail(TYPING, 403, code=50013, times=100)
    await at_work.replies.status(asked, "Thinking…")
    await until("it was tried", lambda: at_work.discord.calls_of(TYPING) != [])
    await asyncio.sleep(0.2)  # nothing can be waited for: it must not come
    assert at_work.discord.invalid_requests == 1


async def test_long_code_comes_as_a_file(at_work: Writer) -> None:
    """With its language's ending; it can be found and taken away as a message can."""
    asked = await at_work.asked_in_thread()
    segment = Segment(f"{asked.id}:file0", 0, SegmentState.PLANNED, mode="file")
    written = await at_work.replies.attach(asked, segment, Attachment("code-1", "python", "print(1)\n" * 400))
    message = at_work.discord.message(written.message_id)
    (file,) = (at_work.discord.home.files[one] for one in message.attachments)
    assert file.name.startswith("code-1-")
    assert file.name.endswith(".py")
    assert file.data == b"print(1)\n" * 400
    assert await at_work.replies.find(asked, segment) == written
    await at_work.replies.delete(asked, written.message_id)
    assert at_work.shown(asked) == []


async def test_a_person_is_told_in_direct_messages(at_work: Writer) -> None:
    """With what they asked; who takes none is not told, and nothing is raised."""
    asked = await at_work.asked(text="How do I sort?")
    await at_work.replies.tell(asked, "I could not answer your question where you asked it: this thread is locked.")
    (told,) = at_work.discord.bot_messages(dm_of(ALICE))
    assert told.content.endswith("> How do I sort?")
    await at_work.discord.refuse_dms()
    await at_work.replies.tell(asked, "Again.")
    assert len(at_work.discord.bot_messages(dm_of(ALICE))) == 1


async def test_the_history_is_read_only_to_look_for_what_may_be_there(at_work: Writer) -> None:
    """Usual answers cost no such call."""
    asked = await at_work.asked_in_thread()
    await at_work.show(asked, growing("Use"))
    await at_work.show(asked, ended("Use a list."))
    assert HISTORY not in at_work.routes()
