"""Answers as native streams: begun, added to, ended; and what becomes of one that cannot go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.slack import messages, streams
from conversation.errors import DeliveryError, Paced
from conversation.model import SegmentState
from tests.adapters.slack.desk import Desk, desk, ended, growing
from tests.servers.slack import GENERAL, RANDOM, SlackServer
from tests.servers.slack.text import pings
from tests.waiting import until


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often answers are written is no matter here."""
    monkeypatch.setattr(streams, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.0)


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """A writer on a Slack whose limits hold; and however a test treats its streams, none is updated while it lives."""
    async with SlackServer(limits=True) as slack, desk(slack, redis_client) as opened:
        yield opened
        assert [call for call in slack.calls if call.error == "streaming_state_conflict"] == []
        assert slack.rate_limited == 0


async def test_an_answer_is_streamed_and_ends_with_its_buttons_and_its_key(at_work: Desk) -> None:
    """The first words begin a stream, the next are added, the end brings notice, buttons and key."""
    job = await at_work.asked()
    await at_work.show(job, growing("Use"))
    await at_work.show(job, growing("Use a list"))
    segment = await at_work.show(job, ended("Use a list.", notice="Stopped."))
    assert segment.mode == "stream"
    (message,) = at_work.shown(job)
    assert message.body == "Use a list."
    assert message.notice == "Stopped."
    assert [button.action_id for button in message.buttons] == ["corral:again", "corral:feedback", "corral:feedback"]
    assert [button.value for button in message.buttons] == ["x1", "good:x1", "bad:x1"]
    assert message.metadata == {"event_type": "corral_answer", "event_payload": {"key": f"{job.id}:0"}}
    assert not message.streaming
    assert at_work.methods() == ["chat.startStream", "chat.appendStream", "chat.stopStream"]


async def test_what_closes_a_code_block_is_streamed_only_at_the_end(at_work: Desk) -> None:
    """The fence that makes unfinished code whole moves while the code grows."""
    job = await at_work.asked()
    await at_work.show(job, growing("So:\n\n```python\nx = 1", closer="\n```"))
    await at_work.show(job, growing("So:\n\n```python\nx = 1\n\ny = 2\n", closer="```"))
    await at_work.show(job, ended("So:\n\n```python\nx = 1\n\ny = 2\n```"))
    (message,) = at_work.shown(job)
    assert message.body == "So:\n\n```python\nx = 1\n\ny = 2\n```"
    assert at_work.methods() == ["chat.startStream", "chat.appendStream", "chat.stopStream"]


async def test_nothing_is_sent_for_text_that_is_not_sure_yet(at_work: Desk) -> None:
    """Its beginning could still become a ping."""
    job = await at_work.asked()
    with pytest.raises(Paced):
        await at_work.replies.post(job, at_work.segment(job), growing("<!chan"))
    assert at_work.methods() == []


PINGS = "Ask <!channel> or `<!here>`,\n```\n<@U0HUMAN000> <!subteam^S1|x>\n```\nor <@U0HUMAN001>."


async def test_nobody_is_pinged_wherever_a_stream_is_cut(at_work: Desk) -> None:
    """Every way to cut the text into what comes first and what comes then; each in a workspace of its own, for its
    limits."""
    for cut in range(1, len(PINGS)):
        asked = await at_work.asked(str(cut))
        address = replace(asked.messages[0].address, tenant=f"T{cut}")
        job = replace(asked, messages=(replace(asked.messages[0], address=address),))
        at_work.slack.api.limits = None
        await at_work.show(job, growing(PINGS[:cut]))
        await at_work.show(job, ended(PINGS))
        (message,) = at_work.shown(job)
        assert message.body.replace("\u200b", "") == PINGS
    assert at_work.slack.pings == []
    assert pings(PINGS)  # it would


async def test_a_text_that_begins_anew_replaces_the_stream(at_work: Desk) -> None:
    """The question was edited: the message shows the new answer only, and grows on."""
    job = await at_work.asked()
    await at_work.show(job, growing("Use a list, for"))
    await at_work.show(job, growing("No: use"))
    await at_work.show(job, growing("No: use a set"))
    await at_work.show(job, ended("No: use a set."))
    (message,) = at_work.shown(job)
    assert message.body == "No: use a set."
    assert at_work.methods().count("chat.stopStream") == 1
    assert at_work.methods().count("chat.update") == 3


async def test_an_old_stream_is_full(at_work: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after four minutes begins a new message, before the stream dies."""
    job = await at_work.asked()
    segment = await at_work.show(job, growing("Use"))
    assert not at_work.replies.is_full(segment)
    monkeypatch.setattr(streams, "ROTATE_SECONDS", 0.0)
    assert at_work.replies.is_full(segment)
    await at_work.show(job, ended("Use"))
    assert not at_work.replies.is_full(segment)


async def test_a_stream_that_died_of_its_age_goes_on_as_a_message(redis_client: Redis) -> None:
    """Slack ends it without a word; the same message shows the rest."""
    async with SlackServer(stream_seconds=0.2) as slack, desk(slack, redis_client) as at_work:
        job = await at_work.asked()
        await at_work.show(job, growing("Use"))
        await until("the stream is dead", lambda: not at_work.shown(job)[0].streaming)
        await at_work.show(job, growing("Use a list"))
        await at_work.show(job, ended("Use a list."))
        (message,) = at_work.shown(job)
        assert message.body == "Use a list."
        assert [call.error for call in slack.calls if not call.ok] == ["message_not_in_streaming_state"]


async def test_a_stream_that_takes_no_more_bytes_is_ended_and_goes_on_as_a_message(redis_client: Redis) -> None:
    """Where the limit lies is written nowhere."""
    async with SlackServer(stream_bytes=20) as slack, desk(slack, redis_client) as at_work:
        job = await at_work.asked()
        await at_work.show(job, growing("Use"))
        await at_work.show(job, growing("Use something that is long"))
        await at_work.show(job, ended("Use something that is long."))
        (message,) = at_work.shown(job)
        assert message.body == "Use something that is long."


async def test_a_stream_never_grows_to_where_it_would_die(at_work: Desk) -> None:
    """Addresses that are shown beside links make the text longer than the answer is."""
    links = "".join(f"[a{number}](https://host-{number}.example/x) " for number in range(215))
    job = await at_work.asked()
    await at_work.show(job, growing("So:"))
    await at_work.show(job, ended(f"So: {links}"))
    assert len(links) < at_work.replies.message_limit < len(at_work.shown(job)[0].body)
    assert [call.error for call in at_work.slack.calls if not call.ok] == []
    (message,) = at_work.shown(job)
    assert "a214 (host-214.example)" in message.body


@pytest.mark.parametrize("ends_stream", [True, False])
async def test_what_the_person_stopped_still_gets_its_ending(at_work: Desk, ends_stream: bool) -> None:
    """Slack's own button ends the stream, or only says that it was pressed: both have been seen."""
    job = await at_work.asked()
    await at_work.show(job, growing("Use a list"))
    await at_work.slack.stop_button(job.messages[0].message_id, ends_stream=ends_stream)
    await at_work.show(job, ended("Use a list", notice="Stopped."))
    (message,) = at_work.shown(job)
    assert (message.body, message.notice) == ("Use a list", "Stopped.")
    assert message.metadata is not None


async def test_a_stream_whose_start_got_no_reply_is_found_and_not_doubled(at_work: Desk) -> None:
    """It carries no key, and is our only unfinished message after the question."""
    job = await at_work.asked()
    segment = at_work.segment(job)
    at_work.slack.lose_reply("chat.startStream")
    with pytest.raises(DeliveryError) as error:
        await at_work.replies.post(job, segment, growing("Use"))
    assert not error.value.certain
    written = await at_work.replies.find(job, segment)
    assert written is not None
    at_work.segments[segment.key] = replace(segment, message_id=written.message_id, mode=written.mode)
    await at_work.show(job, growing("Use a list"))
    await at_work.show(job, ended("Use a list."))
    (message,) = at_work.shown(job)
    assert message.body == "Use a list."


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
@pytest.mark.parametrize("fault", ["lose_reply", "break_body"])
async def test_words_that_may_or_may_not_have_been_added_are_shown_once(at_work: Desk, method: str, fault: str) -> None:
    """After a call without an answer the whole text is written anew."""
    job = await at_work.asked()
    await at_work.show(job, growing("Use"))
    getattr(at_work.slack, fault)(method)
    with pytest.raises(DeliveryError):
        await at_work.show(job, growing("Use a list") if method == "chat.appendStream" else ended("Use a list."))
    await at_work.show(job, ended("Use a list."))
    (message,) = at_work.shown(job)
    assert message.body == "Use a list."
    assert next(button.action_id for button in message.buttons) == "corral:again"


async def test_whoever_takes_over_a_live_stream_ends_it_and_goes_on_in_its_message(
    at_work: Desk, redis_client: Redis
) -> None:
    """The other process died; what it streamed last nobody knows."""
    job = await at_work.asked()
    segment = await at_work.show(job, growing("Use a"))
    async with desk(at_work.slack, redis_client) as other:
        other.segments[segment.key] = replace(segment, state=SegmentState.SENT)
        await other.show(job, growing("Use a list"))
        await other.show(job, ended("Use a list."))
    (message,) = at_work.shown(job)
    assert (message.ts, message.body) == (segment.message_id, "Use a list.")
    assert at_work.methods() == ["chat.startStream", "chat.stopStream", "chat.update", "chat.update"]


async def test_a_stream_planned_by_a_dead_process_is_found_beside_finished_ones(
    at_work: Desk, redis_client: Redis
) -> None:
    """Of the answer before, and of this answer's own first message, each of which ended with its key."""
    before = await at_work.asked("one")
    await at_work.show(before, growing("1"))
    await at_work.show(before, ended("1."))
    root = before.messages[0].message_id
    job = await at_work.asked("two", thread_ts=root)
    await at_work.show(job, growing("2"))
    await at_work.show(job, replace(growing("2."), final=True))
    second = await at_work.show(job, growing("3"), index=1)
    async with desk(at_work.slack, redis_client) as other:
        for index, expected in enumerate(["2.", "3"]):
            written = await other.replies.find(job, other.segment(job, index))
            assert written is not None
            assert at_work.slack.message(written.message_id).body == expected
            assert index == 0 or written.message_id == second.message_id
        third = await other.asked("three", thread_ts=root)
        assert await other.replies.find(third, other.segment(third)) is None


async def test_a_stream_that_somebody_deleted_is_written_no_more(at_work: Desk) -> None:
    """That is no error: the person does not want it."""
    job = await at_work.asked()
    segment = await at_work.show(job, growing("Use"))
    assert segment.message_id is not None
    await at_work.slack.delete(segment.message_id)
    await at_work.show(job, growing("Use a list"))
    await at_work.show(job, ended("Use a list."))
    assert at_work.shown(job) == []


async def test_where_there_are_no_streams_messages_are_written(at_work: Desk) -> None:
    """It is not tried again with each answer."""
    at_work.slack.fail("chat.startStream", error="feature_not_enabled")
    for channel in GENERAL, RANDOM:
        job = await at_work.asked(channel=channel)
        segment = await at_work.show(job, growing("Use"))
        assert segment.mode == "message"
        await at_work.show(job, ended("Use a list."))
        assert at_work.shown(job)[0].body == "Use a list."
    assert at_work.methods().count("chat.startStream") == 1


async def test_a_limit_that_was_passed_all_the_same_costs_no_time(redis_client: Redis) -> None:
    """The answer goes as a message, and no other stream is begun until Slack's pause is over."""
    async with SlackServer() as slack, desk(slack, redis_client) as at_work:
        slack.fail("chat.startStream", error="ratelimited", status=429, retry_after=30)
        for channel in GENERAL, RANDOM:
            job = await at_work.asked(channel=channel)
            assert (await at_work.show(job, growing("Use"))).mode == "message"
        assert at_work.methods().count("chat.startStream") == 1


async def test_the_end_of_a_stream_is_kept_free_for_it(redis_client: Redis) -> None:
    """Other streams' ends have used up the minute."""
    async with SlackServer(limits=True) as slack, desk(slack, redis_client) as at_work:
        asked = [await at_work.asked(str(number), channel=f"C0PUBLIC{number:02d}") for number in range(20)]
        for job in asked:
            assert (await at_work.show(job, growing("Use"))).mode == "stream"
        late = await at_work.asked("late", channel="C0PUBLIC20")
        assert (await at_work.show(late, growing("Use"))).mode == "message"
        for job in asked:
            await at_work.replies.edit(job, at_work.segment(job), ended("Use a list."))
        assert [at_work.shown(job)[0].body for job in asked] == ["Use a list."] * 20
        assert slack.rate_limited == 0
