"""Whole answers on their way through Delivery into Discord: many at once, long ones, and those whose writer dies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.discord import messages, refusals
from conversation import delivery as delivery_module
from conversation import notices
from conversation.model import Ending, Job, SegmentState
from conversation.offers import after
from tests.adapters.delivering import Answer
from tests.adapters.discord.writing import Writer, writer
from tests.servers.discord import DiscordServer, Message
from tests.servers.discord.routes import EDIT, SEND, THREAD_FROM_MESSAGE
from tests.waiting import until

TEXT = "\n\n".join(f"{number}. Paragraph, with `code`." for number in range(400))
CODE = "```python\n" + "".join(f"x{number} = {number}\n" for number in range(400)) + "```"


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Writer]:
    """A writer on a Discord that keeps its limits."""
    async with DiscordServer(limits=True) as discord, writer(discord, redis_client) as opened:
        yield opened
        assert discord.rate_limited == 0
        assert discord.pings == []


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(messages, "STEADY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(delivery_module, "FIRST_RETRY_SECONDS", 0.01)


def ours(at_work: Writer, job: Job) -> list[Message]:
    """Our messages in the thread of the job's question."""
    root = job.messages[0].message_id
    return at_work.discord.bot_messages(root) if root in at_work.discord.home.channels else []


async def answered(at_work: Writer, job: Job, seconds: float = 2.0) -> None:
    """An answer of forty words that takes so long."""
    answer = Answer(at_work.replies, job)
    await at_work.replies.status(job, "Thinking…")
    async with answer.being_shown():
        for count in range(40):
            answer.say("word " * (count + 1))
            await asyncio.sleep(seconds / 40)
    await answer.delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, job.id, has_text=True))
    await at_work.replies.status(job, "")


async def test_an_answer_takes_few_calls(at_work: Writer) -> None:
    """Of four seconds: its thread, typing at most once, a post, and an edit at most each 1.2 seconds."""
    asked = await at_work.asked()
    await answered(at_work, asked, seconds=4.0)
    assert len(at_work.discord.calls) <= 7
    assert [message.body for message in ours(at_work, asked)] == [("word " * 40).strip()]
    shown = ours(at_work, asked)[0].history
    assert len(shown) >= 4  # it grew before people's eyes


async def test_twenty_questions_in_one_channel_all_have_their_thread_within_twenty_seconds(
    at_work: Writer, redis_client: Redis
) -> None:
    """Five in any five seconds are what Discord lets us open; two processes share them, and pass no limit."""
    async with writer(at_work.discord, redis_client) as other:
        asked = [await at_work.asked(f"Question {number}") for number in range(20)]
        begun = time.time()
        async with asyncio.TaskGroup() as group:
            for number, job in enumerate(asked):
                group.create_task(answered((at_work, other)[number % 2], job))
    opened = at_work.discord.calls_of(THREAD_FROM_MESSAGE)
    assert len(at_work.discord.threads) == 20
    assert [call.status for call in opened] == [200] * 20
    assert max(call.at for call in opened) - begun < 20  # three windows after the first: no matter of our speed
    for job in asked:
        assert [message.body for message in ours(at_work, job)] == [("word " * 40).strip()]


@pytest.mark.usefixtures("_quick")
async def test_a_long_answer_goes_on_in_the_next_message_and_nothing_of_it_is_lost(at_work: Writer) -> None:
    """Buttons stand below the last one only."""
    asked = await at_work.asked()
    answer = Answer(at_work.replies, asked)
    async with answer.being_shown():
        for end in range(500, 4000, 1000):
            answer.say(TEXT[:end])
            before = len(at_work.discord.calls)
            await until("it is shown", lambda before=before: len(at_work.discord.calls) > before)  # type: ignore[misc]
    answer.draft.text = TEXT[:6000]
    await answer.delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, asked.id, has_text=True))
    shown = ours(at_work, asked)
    assert "\n\n".join(message.body for message in shown) == TEXT[:6000].strip()
    assert [bool(message.buttons) for message in shown] == [False] * (len(shown) - 1) + [True]
    assert all(len(message.content) <= 2000 for message in shown)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("status", [401, 503])
async def test_an_end_waits_for_a_discord_that_is_away_or_takes_our_token_no_more(
    at_work: Writer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """However often it was tried, the answer is not left half-written."""
    monkeypatch.setattr(refusals, "UNSAID_RETRY_SECONDS", 0.01)
    asked = await at_work.asked()
    answer = Answer(at_work.replies, asked)
    async with answer.being_shown():
        answer.say("Use")
        await until("it is there", lambda: bool(ours(at_work, asked)))
    at_work.discord.fail(EDIT, status, times=delivery_module.FINAL_TRIES + 1)
    answer.draft.text = "Use a list."
    await answer.delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, asked.id, has_text=True))
    assert [message.body for message in ours(at_work, asked)] == ["Use a list."]


@pytest.mark.usefixtures("_quick")
async def test_an_answer_that_discord_keeps_refusing_is_given_up_and_says_so(
    at_work: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person is told privately then, as when we may not write there."""
    monkeypatch.setattr(delivery_module, "FINAL_TRIES", 2)
    asked = await at_work.asked()
    at_work.discord.fail(THREAD_FROM_MESSAGE, 400, code=50035, times=4)
    answer = Answer(at_work.replies, asked)
    answer.draft.text = "Use a list."
    await answer.delivery.close(Ending.COMPLETE, "")
    assert answer.delivery.barred is not None


@pytest.mark.usefixtures("_quick")
async def test_an_answer_whose_end_discord_keeps_refusing_ends_without_buttons(
    at_work: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-written it would stand there for ever, with a live Stop button."""
    monkeypatch.setattr(delivery_module, "FINAL_TRIES", 2)
    asked = await at_work.asked()
    answer = Answer(at_work.replies, asked)
    async with answer.being_shown():
        answer.say("Use")
        await until("it is there", lambda: bool(ours(at_work, asked)))
    at_work.discord.fail(EDIT, 400, code=50035, times=2)
    answer.draft.text = "Use a list."
    await answer.delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, asked.id, has_text=True))
    (message,) = ours(at_work, asked)
    assert (message.content, message.buttons) == (f"Use a list.\n-# {notices.SHOWN_PLAINLY}", [])


@pytest.mark.usefixtures("_quick")
async def test_code_goes_on_in_the_next_message_and_comes_as_a_file(at_work: Writer) -> None:
    """Fences closed and opened again with the language; the file has all of it."""
    asked = await at_work.asked()
    answer = Answer(at_work.replies, asked)
    answer.draft.text = CODE
    await answer.delivery.close(Ending.COMPLETE, "")
    *parts, file = ours(at_work, asked)
    assert len(parts) > 1
    for message in parts:
        assert message.body.startswith("```python\n")
        assert message.body.endswith("\n```")
    data = at_work.discord.home.files[file.attachments[0]].data
    assert data.decode() == CODE[len("```python\n") : -len("```")]


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("text", [TEXT[:8000], "Short."], ids=["longer", "short"])
async def test_an_answer_that_is_made_anew_replaces_its_messages_and_its_file(at_work: Writer, text: str) -> None:
    """Its text may stand where the file was: then the file is gone."""
    asked = await at_work.asked()
    old = Answer(at_work.replies, asked)
    old.draft.text = CODE
    await old.delivery.close(Ending.COMPLETE, "")
    new = Answer(at_work.replies, replace(asked, id=f"{asked.id}-again"))
    new.delivery.begin_in(old.delivery.message_ids)
    new.draft.text = text
    await new.delivery.close(Ending.COMPLETE, "")
    shown = ours(at_work, asked)
    assert "\n\n".join(message.body for message in shown) == text.strip()
    assert [message.attachments for message in shown] == [[]] * len(shown)
    assert shown[0].id == old.delivery.message_ids[0]


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("route", [THREAD_FROM_MESSAGE, SEND, EDIT])
@pytest.mark.parametrize("forgotten", [False, True])
async def test_whoever_takes_over_writes_the_same_messages(
    at_work: Writer, redis_client: Redis, route: str, forgotten: bool
) -> None:
    """Whatever the first writer died in: no second thread, no second message, no word missing. Also later, when
    Discord has forgotten the nonce."""
    asked = await at_work.asked()
    first = Answer(at_work.replies, asked)
    at_work.discord.lose_reply(route)
    async with first.being_shown():
        first.say("Use")
        await until("it was called", lambda: bool(at_work.discord.calls_of(THREAD_FROM_MESSAGE)))
        if route == EDIT:
            await until("it is there", lambda: bool(ours(at_work, asked)))
            first.say("Use a")
        await until("it was lost", lambda: bool(at_work.discord.calls_of(route)))
    checkpoint = first.claim.checkpoint
    if forgotten:
        at_work.discord.home.nonces.clear()
    async with writer(at_work.discord, redis_client) as other:
        second = Answer(other.replies, asked, checkpoint)
        second.draft.text = "Use a list."
        await second.delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, asked.id, has_text=True))
    assert [message.body for message in ours(at_work, asked)] == ["Use a list."]
    assert len(at_work.discord.threads) == 1
    assert {segment.state for segment in second.claim.checkpoint.segments} <= {SegmentState.CLOSED, SegmentState.SENT}
    with suppress(IndexError):
        assert "Stop" not in [button.label for button in ours(at_work, asked)[0].buttons]
