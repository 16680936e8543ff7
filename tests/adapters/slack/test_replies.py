"""Answers in Slack: messages where there are no streams, limits kept by many at once, files, statuses, places."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.markdown.file_names import name_of
from adapters.slack import messages, status, streams
from adapters.slack.destination import destination_of
from adapters.slack.files import snippet_type
from adapters.slack.limits import limit_of
from adapters.slack.manifest import SCOPES
from adapters.slack.rendering import below
from conversation.errors import DeliveryError, Paced, StoreUnavailable, Unwritable
from conversation.model import Action, Job, Offer, Segment, SegmentState, ThreadId
from conversation.pacing import Allowance, Grant, Use
from conversation.ports import Attachment, Content, FillsUp, OpensPlaces, TakesFiles, TellsPrivately
from tests.adapters.slack.desk import Desk, desk, ended, growing, job
from tests.servers.slack import ALICE, ELSEWHERE, GENERAL, RANDOM, SlackServer, dm_of
from tests.servers.slack.scopes import GRANTED
from tests.waiting import until


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often answers are written is no matter here."""
    monkeypatch.setattr(streams, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.0)


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """A writer."""
    async with SlackServer() as slack, desk(slack, redis_client) as opened:
        yield opened
        assert [call for call in slack.calls if call.error == "streaming_state_conflict"] == []
        assert slack.pings == []


@pytest.fixture
async def without_streams(at_work: Desk) -> Desk:
    """A writer in a workspace that has no native streams."""
    at_work.slack.fail("chat.startStream", error="feature_not_enabled")
    await at_work.show(await at_work.asked(channel=RANDOM), growing("An answer"))
    at_work.slack.calls.clear()
    return at_work


def test_it_can_do_what_delivery_asks_for(at_work: Desk) -> None:
    """Delivery looks for these abilities on the object itself."""
    for ability in FillsUp, OpensPlaces, TakesFiles, TellsPrivately:
        assert isinstance(at_work.replies, ability)


# --- messages ---------------------------------------------------------------------------------------------------------


async def test_a_whole_answer_is_one_message_and_one_call(at_work: Desk) -> None:
    """No stream is begun for what is there already; no link in it is unfurled."""
    job = await at_work.asked()
    await at_work.show(job, ended("See https://example.com.", notice="I read the message above."))
    (call,) = at_work.slack.calls
    assert call.method == "chat.postMessage"
    assert (call.args["unfurl_links"], call.args["unfurl_media"]) == (False, False)
    (message,) = at_work.shown(job)
    assert (message.body, message.notice) == ("See https://example.com.", "I read the message above.")
    assert message.text == "See https://example.com."


async def test_a_notice_without_an_answer_is_no_small_print(at_work: Desk) -> None:
    """It is all that the person gets, in the notification too."""
    job = await at_work.asked()
    await at_work.show(job, ended("", notice="The model is not running at the moment."))
    (message,) = at_work.shown(job)
    assert message.body == message.text == "The model is not running at the moment."
    assert message.notice == ""


async def test_a_growing_message_can_be_stopped_and_loses_that_button_at_its_end(without_streams: Desk) -> None:
    """There is no native stop button below a message."""
    job = await without_streams.asked()
    assert (await without_streams.show(job, growing("Use"))).mode == "message"
    (message,) = without_streams.shown(job)
    assert [(button.action_id, button.value) for button in message.buttons] == [("corral:stop", "j")]
    await without_streams.show(job, growing("Use a list"))
    await without_streams.show(job, ended("Use a list."))
    assert message.body == "Use a list."
    assert "corral:stop" not in [button.action_id for button in message.buttons]
    assert without_streams.methods() == ["chat.postMessage", "chat.update", "chat.update"]


async def test_an_answer_goes_without_its_buttons_rather_than_not_at_all(without_streams: Desk) -> None:
    """Slack may know one of them no more."""
    job = await without_streams.asked()
    without_streams.slack.fail("chat.postMessage", error="invalid_blocks")
    await without_streams.show(job, growing("Use"))
    without_streams.slack.fail("chat.update", error="invalid_blocks")
    await without_streams.show(job, ended("Use a list.", notice="Stopped."))
    (message,) = without_streams.shown(job)
    assert (message.body, message.notice, message.buttons) == ("Use a list.", "Stopped.", [])


async def test_a_plain_message_has_no_blocks(without_streams: Desk) -> None:
    """All of it stands in its text, its notice too: Slack refused every other form."""
    job = await without_streams.asked()
    await without_streams.show(job, growing("Use"))
    await without_streams.show(job, Content("Use <@U1>.", "Stopped.", final=True, plain=True))
    (message,) = without_streams.shown(job)
    assert (message.text, message.blocks) == ("Use &lt;@U1&gt;.\n\nStopped.", [])


async def test_a_post_without_a_reply_is_found_and_not_doubled(without_streams: Desk) -> None:
    """By the key that it carries."""
    job = await without_streams.asked()
    segment = without_streams.segment(job)
    without_streams.slack.lose_reply("chat.postMessage")
    with pytest.raises(DeliveryError) as error:
        await without_streams.replies.post(job, segment, growing("Use"))
    assert not error.value.certain
    written = await without_streams.replies.find(job, segment)
    assert written is not None
    without_streams.segments[segment.key] = replace(segment, message_id=written.message_id, mode=written.mode)
    await without_streams.show(job, ended("Use a list."))
    (message,) = without_streams.shown(job)
    assert message.body == "Use a list."


async def test_a_message_is_found_in_a_long_thread_and_none_where_there_is_none(at_work: Desk) -> None:
    """The thread's replies come page by page."""
    job = await at_work.asked()
    root = job.messages[0].message_id
    for number in range(210):
        await at_work.slack.say(str(number), thread_ts=root)
    segment = await at_work.show(job, ended("Use a list."))
    found = await at_work.replies.find(job, segment)
    assert found is not None
    assert found.message_id == segment.message_id
    other = Segment("another:0", 0, SegmentState.PLANNED)
    assert await at_work.replies.find(job, other) is None


async def test_nothing_is_found_below_a_message_that_is_gone(at_work: Desk) -> None:
    """The question was deleted with all its thread."""
    job = await at_work.asked()
    await at_work.slack.delete(job.messages[0].message_id)
    assert await at_work.replies.find(job, at_work.segment(job)) is None


async def test_whoever_takes_over_a_message_keeps_its_end_free(without_streams: Desk, redis_client: Redis) -> None:
    """The dead process had done so for itself only as long as its hold lasts."""
    job = await without_streams.asked()
    segment = await without_streams.show(job, growing("Use"))
    update = limit_of(without_streams.slack.team, "chat.update")
    await without_streams.rates.release(update, segment.key)
    async with desk(without_streams.slack, redis_client) as other:
        other.segments[segment.key] = segment
        await other.show(job, growing("Use a list"))
        while not (await other.rates.take(Use(update))).wait_seconds:
            pass  # others need all there is
        await other.replies.edit(job, segment, ended("Use a list."))
    (message,) = without_streams.shown(job)
    assert message.body == "Use a list."


async def test_a_message_that_somebody_deleted_is_written_no_more(without_streams: Desk) -> None:
    """That is no error, and costs no further calls."""
    job = await without_streams.asked()
    segment = await without_streams.show(job, growing("Use"))
    assert segment.message_id is not None
    await without_streams.slack.delete(segment.message_id)
    for text in "Use a", "Use a list":
        await without_streams.show(job, growing(text))
    await without_streams.show(job, ended("Use a list."))
    assert without_streams.methods().count("chat.update") == 1


@pytest.mark.parametrize("method", ["chat.stopStream", "chat.update"])
async def test_what_is_deleted_keeps_nothing_free_for_its_end(at_work: Desk, method: str) -> None:
    """Else every question that people take back would slow the workspace for six minutes."""
    if method == "chat.update":
        at_work.slack.fail("chat.startStream", error="feature_not_enabled")
    limit = limit_of("T1", method)
    asked = await at_work.asked()
    address = replace(asked.messages[0].address, tenant="T1")
    job = replace(asked, messages=(replace(asked.messages[0], address=address),))
    segment = await at_work.show(job, growing("Use"))
    assert await granted(at_work, limit) == limit.limit - 1
    assert segment.message_id is not None
    await at_work.replies.delete(job, segment.message_id)
    assert await granted(at_work, limit) == 1


async def granted(at_work: Desk, limit: Allowance) -> int:
    """How many calls are left, which are taken."""
    for number in range(limit.limit + 1):
        if (await at_work.rates.take(Use(limit))).wait_seconds:
            return number
    raise AssertionError("there is no limit")


async def test_deleting_twice_is_as_good_as_once(at_work: Desk) -> None:
    """A take-over does it again."""
    job = await at_work.asked()
    segment = await at_work.show(job, growing("Use"))
    assert segment.message_id is not None
    for _ in range(2):
        await at_work.replies.delete(job, segment.message_id)
    assert at_work.shown(job) == []


async def test_an_old_answer_whose_stream_nobody_ended_takes_a_new_one(at_work: Desk, redis_client: Redis) -> None:
    """Regenerate writes into its message, of which only the ts is known."""
    job = await at_work.asked()
    segment = await at_work.show(job, growing("Use"))
    async with desk(at_work.slack, redis_client) as other:
        again = replace(segment, key="again:0", mode="")
        await other.replies.edit(job, again, ended("Use a set."))
    (message,) = at_work.shown(job)
    assert message.body == "Use a set."
    at_work.slack.calls.clear()  # the one conflict is how it is known


# --- limits -----------------------------------------------------------------------------------------------------------


async def test_forty_answers_at_once_all_end_and_no_limit_is_passed(redis_client: Redis) -> None:
    """A minute has twenty streams; the others are messages, with fewer updates, and every end goes through at once."""
    async with SlackServer(limits=True) as slack, desk(slack, redis_client) as one, desk(slack, redis_client) as two:

        async def answer(number: int) -> Job:
            at_work = one if number % 2 else two
            job = await at_work.asked(str(number), channel=f"C0PUBLIC{number:02d}")
            words = [f"{word}" for word in range(30)]
            for count in range(1, len(words), 3):
                content = growing(" ".join(words[:count]))
                segment = at_work.segment(job)
                with suppress(Paced):  # newer text comes anyway
                    if segment.message_id is None:
                        written = await at_work.replies.post(job, segment, content)
                        at_work.segments[segment.key] = replace(
                            segment, message_id=written.message_id, mode=written.mode
                        )
                    else:
                        await at_work.replies.edit(job, segment, content)
            assert at_work.segment(job).message_id is not None
            await at_work.replies.edit(job, at_work.segment(job), ended(" ".join(words)))
            return job

        jobs = await asyncio.gather(*(answer(number) for number in range(40)))
        assert slack.rate_limited == 0
        for job in jobs:
            (message,) = one.shown(job)
            assert message.body == " ".join(str(word) for word in range(30))
            assert not message.streaming
        assert len([key for key in (*one.segments.values(), *two.segments.values()) if key.mode == "stream"]) == 20


async def test_growing_texts_leave_room_for_ends_that_came_to_need_an_update(redis_client: Redis) -> None:
    """A stream that broke off kept no update free, and gets one before any growing text."""
    async with SlackServer(limits=True, stream_seconds=0.3) as slack, desk(slack, redis_client) as at_work:
        stream = await at_work.asked()
        await at_work.show(stream, growing("Use"))
        growths = 0
        with suppress(Paced):
            for growths in range(50):
                other = await at_work.asked(str(growths), channel=f"C0PUBLIC{growths % 40:02d}")
                await at_work.replies.edit(other, await posted(at_work, other), growing("More"))
        assert 0 < growths < 49
        await until("the stream is dead", lambda: not at_work.shown(stream)[0].streaming)
        await at_work.replies.edit(stream, at_work.segment(stream), ended("Use a list."))
        assert at_work.shown(stream)[0].body == "Use a list."


async def posted(at_work: Desk, job: Job) -> Segment:
    """A message of this answer that another process posted."""
    at = destination_of(job)
    reply = await at_work.api.call(at.team, "chat.postMessage", channel=at.channel, thread_ts=at.thread_ts, text="Use")
    return Segment(f"{job.id}:0", 0, SegmentState.SENT, str(reply["ts"]), "message")


async def test_the_second_message_in_a_channel_waits_its_second(without_streams: Desk) -> None:
    """Slack takes one a second there; nothing is sent that it would refuse."""
    one, two = await without_streams.asked("one"), await without_streams.asked("two")
    await without_streams.replies.post(one, without_streams.segment(one), ended("1"))
    with pytest.raises(Paced) as paced:
        await without_streams.replies.post(two, without_streams.segment(two), ended("2"))
    assert (paced.value.retry_after_seconds or 0) > 0
    assert without_streams.methods() == ["chat.postMessage"]


async def test_answers_are_written_less_often_when_many_run(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the allowance is a quarter used up, all are quick."""
    monkeypatch.setattr(streams, "PAUSE_SECONDS", 0.3)
    async with SlackServer() as slack, desk(slack, redis_client) as at_work:
        job = await at_work.asked()
        await at_work.show(job, growing("1"))
        assert at_work.replies.edit_interval_seconds == pytest.approx(0.3)
        with pytest.raises(Paced):
            await at_work.replies.edit(job, at_work.segment(job), growing("1 2"))
        append = limit_of(slack.team, "chat.appendStream")
        for _ in range(75):
            await at_work.rates.take(Use(append))
        for number in range(9):
            await at_work.show(await at_work.asked(channel=f"C0PUBLIC1{number}"), growing("1"))
        await at_work.show(job, growing("1 2"))
        assert at_work.replies.edit_interval_seconds == pytest.approx(6.0, rel=0.1)  # ten answers, a hundred a minute
        await at_work.replies.edit(job, at_work.segment(job), ended("1 2 3"))  # an end waits for nothing


# --- where nothing can be written -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("act", "sentence"), [("archive", "archived"), ("leave", "/invite")])
async def test_a_place_that_takes_nothing_says_why(at_work: Desk, act: str, sentence: str) -> None:
    """The person is told, where they can read it."""
    job = await at_work.asked("Why is <!here> `x < 1` slow?")
    segment = await at_work.show(job, growing("Because"))
    await getattr(at_work.slack, act)(GENERAL)
    with pytest.raises(Unwritable) as error:
        await at_work.replies.edit(job, segment, ended("Because."))
    assert sentence in error.value.user_notice
    with pytest.raises(Unwritable):
        await at_work.replies.post(job, at_work.segment(job, 1), ended("Because."))
    await at_work.replies.tell(job, f"I could not answer your question: {error.value.user_notice}")
    (told,) = at_work.slack.bot_messages(dm_of(ALICE))
    assert error.value.user_notice in told.text
    assert "slow?" in told.text


async def test_telling_is_tried_twice_and_never_fails(at_work: Desk) -> None:
    """There is nowhere else to tell that it failed."""
    job = await at_work.asked()
    at_work.slack.fail("chat.postMessage", error="ratelimited_elsewhere")
    await at_work.replies.tell(job, "I could not answer.")
    assert len(at_work.slack.bot_messages(dm_of(ALICE))) == 1
    at_work.slack.fail("conversations.open", error="user_not_found", times=2)
    await at_work.replies.tell(job, "I could not answer.")
    assert len(at_work.slack.bot_messages(dm_of(ALICE))) == 1


async def test_a_bot_is_told_nothing(at_work: Desk) -> None:
    """It would not read it."""
    asked = job(at_work.slack, "1700000000.000001", channel=GENERAL, user="B0OTHERBOT", thread_ts="1700000000.000001")
    await at_work.replies.tell(asked, "I could not answer.")
    assert at_work.methods() == []


@pytest.mark.parametrize("answer", [growing("Use"), ended("Use a list.")])
async def test_no_answer_appears_at_the_top_of_a_channel_when_its_question_is_gone(
    at_work: Desk, answer: Content
) -> None:
    """Slack would post it there and say nothing."""
    job = await at_work.asked()
    await at_work.slack.delete(job.messages[0].message_id)
    with pytest.raises(Unwritable):
        await at_work.replies.post(job, at_work.segment(job), answer)
    assert at_work.slack.bot_messages(GENERAL) == []


async def test_a_stray_answer_is_taken_back_once_also_when_the_store_goes_away(
    without_streams: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the store's absence told, delivery would post it again, to be taken back again."""
    slack, take = without_streams.slack, without_streams.rates.take
    job = await without_streams.asked()
    await slack.delete(job.messages[0].message_id)

    async def gone_after_the_post(*uses: Use) -> Grant:
        if slack.calls_of("chat.postMessage"):
            raise StoreUnavailable
        return await take(*uses)

    monkeypatch.setattr(without_streams.rates, "take", gone_after_the_post)
    with pytest.raises(Unwritable):
        await without_streams.replies.post(job, without_streams.segment(job), growing("Use"))
    assert slack.bot_messages(GENERAL) == []


# --- places for slash commands ----------------------------------------------------------------------------------------


def commanded(at_work: Desk, channel: str) -> Job:
    """The job of a slash command that was just typed."""
    asked = job(
        at_work.slack, "command-1.2", channel=channel, user=ALICE, thread_ts="command-1.2",
        text="Why is <!here> slow?", command="/corral", asked="Why is <!here> slow?",
    )  # fmt: skip
    message = asked.messages[0]
    reply_to = {name: value for name, value in message.reply_to.items() if name != "thread_ts"}
    return replace(asked, messages=(replace(message, reply_to=reply_to, sent_at=float(at_work.slack.home.now())),))


async def test_a_command_is_answered_below_a_message_that_shows_it(at_work: Desk) -> None:
    """Made once, found again, and quoting what was asked without pinging anybody."""
    job = commanded(at_work, GENERAL)
    assert at_work.replies.needs_place(job)
    place, address = await at_work.replies.open(job, look=False)
    assert await at_work.replies.open(replace(job, place="?"), look=True) == (place, address)
    assert address == ThreadId("slack", at_work.slack.team, GENERAL, place)
    placed = replace(job, place=place)
    assert not at_work.replies.needs_place(placed)
    await at_work.show(placed, growing("Because"))
    await at_work.show(placed, ended("Because."))
    root, answer = at_work.slack.bot_messages(GENERAL)
    assert (root.ts, answer.thread_ts) == (place, place)
    assert "slow?" in root.body
    assert "Alice" in root.body


async def test_a_command_where_we_are_not_is_answered_to_the_person_alone(at_work: Desk) -> None:
    """The place says in which channel, so that any process writes there."""
    job = commanded(at_work, ELSEWHERE)
    place, address = await at_work.replies.open(job, look=True)
    assert address.channel == dm_of(ALICE)
    assert place == f"{dm_of(ALICE)}/{address.thread}"
    placed = replace(job, place=place)
    segment = await at_work.show(placed, growing("Because"))
    await at_work.show(placed, ended("Because."))
    _, answer = at_work.slack.bot_messages(dm_of(ALICE))
    assert answer.thread_ts == address.thread
    found = await at_work.replies.find(placed, segment)
    assert found is not None
    assert found.message_id == answer.ts


async def test_a_command_has_no_status_before_it_has_a_place(at_work: Desk) -> None:
    """There is no thread that could show it."""
    await at_work.replies.status(commanded(at_work, GENERAL), "Thinking…")
    assert at_work.methods() == []


# --- files ------------------------------------------------------------------------------------------------------------


async def test_long_code_goes_up_as_a_file_of_its_type_and_is_found_again(at_work: Desk) -> None:
    """In the thread, under a name that tells it from the other files there."""
    job = await at_work.asked()
    first, second = (Segment(f"{job.id}:file{index}", 0, SegmentState.PLANNED, mode="file") for index in range(2))
    code = Attachment("code-1", "python", "print('hé')\n" * 2000)
    written = await at_work.replies.attach(job, first, code)
    assert written.mode == "file"
    (message,) = at_work.shown(job)
    (file_id,) = message.file_ids
    assert written.message_id == f"file:{file_id}"
    file = at_work.slack.home.files[file_id]
    assert file.data == code.text.encode()
    assert file.name.endswith(".py")
    (begun,) = at_work.slack.calls_of("files.getUploadURLExternal")
    assert begun.args["snippet_type"] == "python"
    assert await at_work.replies.find(job, first) == written
    assert await at_work.replies.find(job, second) is None


async def test_a_file_is_found_again_only_with_the_scope_to_see_files(redis_client: Redis) -> None:
    """So the manifest asks for it: without it a lost reply would be a second file."""
    async with SlackServer(scopes={*GRANTED} - {"files:read"}) as slack, desk(slack, redis_client) as blind:
        job = await blind.asked()
        segment = Segment(f"{job.id}:file0", 0, SegmentState.PLANNED, mode="file")
        await blind.replies.attach(job, segment, Attachment("code-1", "python", "x"))
        assert await blind.replies.find(job, segment) is None
    assert "files:read" in SCOPES


async def test_a_file_that_may_be_shown_is_looked_for_and_one_that_cannot_be_is_not(at_work: Desk) -> None:
    """Only the last of the three steps shows it to people."""
    job = await at_work.asked()
    segment = Segment(f"{job.id}:file0", 0, SegmentState.PLANNED, mode="file")
    code = Attachment("code-1", "", "x" * 10)
    for method, certain in ("files.getUploadURLExternal", True), ("files.completeUploadExternal", False):
        at_work.slack.lose_reply(method)
        with pytest.raises(DeliveryError) as error:
            await at_work.replies.attach(job, segment, code)
        assert error.value.certain is certain
    assert await at_work.replies.find(job, segment) is not None


async def test_a_file_is_deleted_with_its_message_and_twice_is_as_good_as_once(at_work: Desk) -> None:
    """The question was deleted, and perhaps a take-over does it again."""
    job = await at_work.asked()
    segment = Segment(f"{job.id}:file0", 0, SegmentState.PLANNED, mode="file")
    written = await at_work.replies.attach(job, segment, Attachment("code-1", "python", "x = 1"))
    for _ in range(2):
        await at_work.replies.delete(job, written.message_id)
    assert at_work.shown(job) == []


@pytest.mark.parametrize(
    ("language", "ending", "type_"),
    [
        ("python", ".py", "python"),
        ("py", ".py", "python"),
        ("JavaScript", ".js", "javascript"),
        ("bash", ".sh", "shell"),
        ("c++", ".cpp", "cpp"),
        ("c#", ".cs", "csharp"),
        ("rust", ".rs", "rust"),
        ("typescript", ".ts", None),
        ("r", ".r", "r"),
        ("fortran", ".f90", "fortran"),
        ("objectivec", ".m", "objc"),
        ("asm", ".s", None),
        ("no such language", ".txt", None),
        ("", ".txt", None),
    ],
)
def test_a_files_ending_and_type_are_its_languages(language: str, ending: str, type_: str | None) -> None:
    """Slack highlights by either."""
    assert name_of(Attachment("code-1", language, ""), "j:file0").removeprefix("code-1-")[8:] == ending
    assert snippet_type(language) == type_


# --- statuses ---------------------------------------------------------------------------------------------------------


async def test_a_status_is_shown_with_the_stop_button_and_nothing_of_it_stays(at_work: Desk) -> None:
    """The session is over when the answer is."""
    job = await at_work.asked()
    for text in "Thinking…", "You are number 2 in the queue.", "":
        await at_work.replies.status(job, text)
    said = at_work.slack.statuses[job.messages[0].message_id]
    assert said == ["Thinking…", "processing", "You are number 2 in the queue.", "active", ""]


async def test_a_stream_says_itself_that_it_is_over(at_work: Desk) -> None:
    """That spares a call, of which there are fifty a minute."""
    job = await at_work.asked()
    await at_work.replies.status(job, "Thinking…")
    await at_work.show(job, growing("Use"))
    await at_work.show(job, ended("Use a list."))
    await at_work.replies.status(job, "")
    assert len(at_work.slack.calls_of("agents.sessions.setStatus")) == 1
    assert at_work.slack.home.sessions[GENERAL, job.messages[0].message_id]["status"] == "active"


async def test_a_session_that_opens_after_its_answer_has_ended_is_closed_again(at_work: Desk) -> None:
    """The call took longer than the answer."""
    job = await at_work.asked()
    at_work.slack.hang("agents.sessions.setStatus")
    saying = asyncio.create_task(at_work.replies.status(job, "Thinking…"))
    await until("the call is under way", lambda: bool(at_work.slack.calls_of("agents.sessions.setStatus")))
    await at_work.show(job, growing("Use"))
    await at_work.show(job, ended("Use a list."))
    at_work.slack.release()
    await saying
    await at_work.replies.status(job, "")
    assert at_work.slack.home.sessions[GENERAL, job.messages[0].message_id]["status"] == "active"


async def test_a_stream_that_the_person_stopped_leaves_no_open_session(at_work: Desk) -> None:
    """Slack does not end it by itself."""
    job = await at_work.asked()
    await at_work.show(job, growing("Use"))
    await at_work.slack.stop_button(job.messages[0].message_id)
    await at_work.show(job, ended("Use", notice="Stopped."))
    await at_work.replies.status(job, "")
    assert at_work.slack.home.sessions[GENERAL, job.messages[0].message_id]["status"] == "active"


async def test_whoever_takes_over_ends_the_session_of_the_dead(at_work: Desk, redis_client: Redis) -> None:
    """It knows nothing of it."""
    job = await at_work.asked()
    await at_work.replies.status(job, "Thinking…")
    async with desk(at_work.slack, redis_client) as other:
        await other.replies.status(job, "")
    assert at_work.slack.home.sessions[GENERAL, job.messages[0].message_id]["status"] == "active"


async def test_a_status_that_cannot_be_shown_fails_nothing_and_is_not_tried_again(at_work: Desk) -> None:
    """Some places have none, or the app may not."""
    job = await at_work.asked()
    at_work.slack.fail("assistant.threads.setStatus", error="channel_not_supported")
    at_work.slack.fail("agents.sessions.setStatus", error="not_authorized")
    for text in "Thinking…", "You are number 2 in the queue.", "":
        await at_work.replies.status(job, text)
    assert at_work.methods() == ["assistant.threads.setStatus", "agents.sessions.setStatus"]


@pytest.mark.parametrize("method", ["agents.sessions.setStatus", "assistant.threads.setStatus"])
@pytest.mark.parametrize("how", [{"status": 503}, {"error": "ratelimited", "status": 429, "retry_after": 1}])
async def test_an_end_that_did_not_get_through_can_be_told_again(
    at_work: Desk, method: str, how: dict[str, Any]
) -> None:
    """Else the thread would show "working" for ever: whoever tells it hears that it did not get through."""
    job = await at_work.asked()
    await at_work.replies.status(job, "Thinking…")
    at_work.slack.fail(method, **how)
    with pytest.raises(DeliveryError) as raised:
        await at_work.replies.status(job, "")
    await asyncio.sleep(raised.value.retry_after_seconds or 0.0)
    await at_work.replies.status(job, "")
    said = at_work.slack.statuses[job.messages[0].message_id]
    assert said[-1] == ""
    assert at_work.slack.home.sessions[GENERAL, job.messages[0].message_id]["status"] == "active"


async def test_a_session_that_nobody_opened_is_waited_for_by_nobody(at_work: Desk) -> None:
    """Where the minute's calls are used up there was none for opening it."""
    job = await at_work.asked()
    while (await at_work.rates.take(Use(limit_of(at_work.slack.team, "agents.sessions.setStatus")))).wait_seconds == 0:
        pass
    await at_work.replies.status(job, "Thinking…")
    await at_work.replies.status(job, "")
    assert at_work.slack.statuses[job.messages[0].message_id] == ["Thinking…", ""]


async def test_a_slack_that_hangs_holds_no_status_for_long(at_work: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer never waits for its status."""
    monkeypatch.setattr(status, "CALL_SECONDS", 0.1)
    job = await at_work.asked()
    at_work.slack.hang("assistant.threads.setStatus")
    async with asyncio.timeout(5):
        await at_work.replies.status(job, "Thinking…")
    at_work.slack.release()


def test_an_offer_of_one_opinion_alone_is_a_button() -> None:
    """Only both together are thumbs up and down."""
    (row,) = below(Content("x", final=True, offers=(Offer(Action.GOOD, "Good answer", "x1"),)))
    assert row["elements"][0]["action_id"] == "corral:good"
