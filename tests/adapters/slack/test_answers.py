"""Whole answers on their way through Delivery into Slack: long ones, slow ones, and those whose writer dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from adapters.slack import messages, streams
from adapters.slack.rendering import ASIDE, metadata
from conversation import delivery as delivery_module
from conversation import notices
from conversation.model import Ending
from conversation.offers import after
from tests.adapters.delivering import Answer
from tests.adapters.slack.desk import Desk, desk
from tests.servers.slack import GENERAL, Message, SlackServer
from tests.waiting import until


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(delivery_module, "FIRST_RETRY_SECONDS", 0.01)


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """A writer on a Slack that keeps its limits."""
    async with SlackServer(limits=True) as slack, desk(slack, redis_client) as opened:
        yield opened
        assert slack.rate_limited == 0
        assert [call for call in slack.calls if call.error == "streaming_state_conflict"] == []


def joined(shown: Sequence[Message]) -> str:
    return "\n".join(message.body for message in shown)


LONG = "\n\n".join(f"{number}. Paragraph, with `code`." for number in range(700))
CODE = "```python\n" + "".join(f"x{number} = {number}\n" for number in range(1500)) + "```"


async def test_a_long_answer_is_rotated_by_its_bytes_and_nothing_of_it_is_lost(at_work: Desk) -> None:
    """Each message is one stream, ended with its last words and its own key."""
    job = await at_work.asked()
    answer = Answer(at_work.replies, job)
    async with answer.being_shown():
        for end in range(1000, len(LONG), 4000):
            answer.say(LONG[:end])
            await until("it is shown", lambda end=end: len(joined(at_work.shown(job))) > end - 100)  # type: ignore[misc]
    answer.draft.text = LONG
    await answer.delivery.close(Ending.COMPLETE, "")
    shown = at_work.shown(job)
    assert len(shown) == 3
    assert "\n\n".join(message.body for message in shown) == LONG
    assert all(len(message.body.encode()) <= 9_000 and not message.streaming for message in shown)
    keys = [message.metadata["event_payload"]["key"] for message in shown if message.metadata]
    assert keys == [f"{job.id}:{index}" for index in range(3)]


async def test_code_goes_on_in_the_next_message_and_goes_up_as_a_file(at_work: Desk) -> None:
    """Fences closed and opened again with the language; the file has all of it."""
    job = await at_work.asked()
    answer = Answer(at_work.replies, job)
    async with answer.being_shown():
        for end in range(20, len(CODE), 3000):
            answer.say(CODE[:end])
            before = len(at_work.slack.calls)
            await until("it is shown", lambda before=before: len(at_work.slack.calls) > before)  # type: ignore[misc]
    answer.draft.text = CODE
    await answer.delivery.close(Ending.COMPLETE, "")
    *parts, last, file = at_work.shown(job)
    assert parts
    for message in [*parts, last]:
        assert message.body.startswith("```python\n")
        assert message.body.endswith("\n```")
    (file_id,) = file.file_ids
    assert (at_work.slack.home.files[file_id].data or b"").decode() == CODE[len("```python\n") : -len("```")]


async def test_a_slow_answer_goes_on_in_a_new_message_before_its_stream_dies(
    at_work: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No word twice, none missing."""
    monkeypatch.setattr(streams, "ROTATE_SECONDS", 0.1)
    job = await at_work.asked()
    answer = Answer(at_work.replies, job)
    words = [f"word{number}" for number in range(40)]
    async with answer.being_shown():
        for index in range(3):
            answer.say(" ".join(words[: 10 * (index + 1)]))
            last = words[10 * index + 9]
            await until("it is shown", lambda last=last: joined(at_work.shown(job)).endswith(last))  # type: ignore[misc]
            segment = at_work.segment(job, index)
            await until("its stream is old", lambda segment=segment: at_work.replies.is_full(segment))  # type: ignore[misc]
    answer.draft.text = " ".join(words)
    await answer.delivery.close(Ending.COMPLETE, "")
    shown = at_work.shown(job)
    assert [message.body.split() for message in shown] == [words[:10], words[10:20], words[20:30], words[30:]]
    assert not any(message.streaming for message in shown)


@pytest.mark.parametrize("lost", ["chat.startStream", "chat.appendStream", "chat.stopStream", ""])
async def test_another_process_goes_on_in_the_messages_of_a_dead_one(
    at_work: Desk, redis_client: Redis, lost: str
) -> None:
    """From its last checkpoint, whatever became of its last call."""
    job = await at_work.asked()
    first = Answer(at_work.replies, job)
    async with first.being_shown():
        if lost == "chat.startStream":
            at_work.slack.lose_reply(lost)
            first.say("Use")
            await until("the stream is there", lambda: bool(at_work.shown(job)))
        else:
            first.say("Use")
            await until("its message is known", lambda: bool(first.delivery.message_ids))
            if lost == "chat.appendStream":
                at_work.slack.lose_reply(lost)
                first.say("Use a")
                await until("it was added", lambda: at_work.shown(job)[0].body == "Use a")
        # Here it is killed: what its checkpoint says was stored before the call.
        checkpoint = first.queue.checkpoints[-1]
    if lost == "chat.stopStream":
        at_work.slack.lose_reply(lost)
        closing = asyncio.create_task(first.delivery.close(Ending.COMPLETE, ""))
        await until("the stream is stopped", lambda: not at_work.shown(job)[0].streaming)
        closing.cancel()
        with suppress(asyncio.CancelledError):
            await closing
    async with desk(at_work.slack, redis_client) as other:
        second = Answer(other.replies, job, checkpoint)
        second.draft.text = "Use a list."
        await second.delivery.close(Ending.COMPLETE, "It is there.")
    (message,) = at_work.shown(job)
    assert (message.body, message.notice) == ("Use a list.", "It is there.")
    assert not message.streaming


async def test_an_end_waits_while_slack_is_broken_and_says_so_with_200(
    at_work: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than for a refusal, after which the half answer would stand there for ever."""
    monkeypatch.setattr(delivery_module, "LONGEST_RETRY_SECONDS", 0.02)
    job = await at_work.asked()
    answer = Answer(at_work.replies, job)
    async with answer.being_shown():
        answer.say("Use")
        await until("its message is known", lambda: bool(answer.delivery.message_ids))
    tries = delivery_module.FINAL_TRIES + 2
    at_work.slack.fail("chat.stopStream", "internal_error", times=tries)
    answer.draft.text = "Use a list."
    await answer.delivery.close(Ending.COMPLETE, "")
    (message,) = at_work.shown(job)
    assert (message.body, message.streaming) == ("Use a list.", False)
    assert len(at_work.slack.calls_of("chat.stopStream")) == tries + 1


async def test_an_answer_that_slack_keeps_refusing_ends_as_plain_text(
    at_work: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-written it would stand there for ever, with a live Stop button."""
    monkeypatch.setattr(delivery_module, "FINAL_TRIES", 2)
    job = await at_work.asked()
    answer = Answer(at_work.replies, job)
    async with answer.being_shown():
        answer.say("Use")
        await until("its message is known", lambda: bool(answer.delivery.message_ids))
    at_work.slack.fail("chat.stopStream", "invalid_blocks")
    # With its buttons and without.
    at_work.slack.fail("chat.update", "invalid_blocks", times=4)
    answer.draft.text = "Use a list."
    await answer.delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, job.id, has_text=True))
    (message,) = at_work.shown(job)
    assert (message.text, message.blocks) == (f"Use a list.\n\n{notices.SHOWN_PLAINLY}", [])
    assert not message.streaming


async def test_a_removed_answer_leaves_nothing_in_the_thread(at_work: Desk) -> None:
    """Also while its stream lives."""
    job = await at_work.asked()
    answer = Answer(at_work.replies, job)
    async with answer.being_shown():
        answer.say("Use")
        await until("its message is known", lambda: bool(answer.delivery.message_ids))
    await answer.delivery.close(Ending.REMOVED, "")
    assert at_work.shown(job) == []


async def test_after_a_crash_nothing_is_written_over_what_we_said_beside_the_answer(
    at_work: Desk, redis_client: Redis
) -> None:
    """The promise that was posted below a question while the store was away carries its own mark."""
    job = await at_work.asked()
    await at_work.api.call(
        at_work.slack.team, "chat.postMessage", channel=GENERAL, thread_ts=job.messages[0].message_id,
        text="I'll answer when I'm back.", metadata=metadata(ASIDE, ""),
    )  # fmt: skip
    segment = at_work.segment(job)
    assert await at_work.replies.find(job, segment) is None
