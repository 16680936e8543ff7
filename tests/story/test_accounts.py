"""What operators hear of answers: one line of the log and one count for each, whatever became of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from bot.metrics import Metrics
from conversation import accounts
from conversation.access import Person, Rules
from conversation.errors import ModelRefused, NotAllowed, QueueFull, Refused, StoreUnavailable, StreamCut
from conversation.generation import MAX_CUTS
from conversation.intake import Intake
from conversation.model import Action, Belonging, Job
from conversation.ports import Chunk, FinishReason, Prompt, Sampling
from conversation.reception import Heard, Reception
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.feedback import RedisFeedback
from storage.gauges import Gauges
from storage.inbox import RedisInbox
from tests.fakes import ScriptedModel
from tests.scraping import Page
from tests.story.conftest import Town
from tests.waiting import until

QUESTION = "where is the swordfish?"
ANSWER = " You asked: where is the swordfish?"
WORDS = len(ANSWER.split())


@pytest.fixture
def counted(town: Town) -> Metrics:
    """Counts what happens in the town."""
    town.observer = metrics = Metrics()
    return metrics


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Keeps every line, however talkative."""
    caplog.set_level(logging.DEBUG)
    return caplog


def lines(log: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The fields of the answers' lines."""
    found = [record.__dict__ for record in log.records if record.name == accounts.__name__]
    return [{name: record[name] for name in accounts.LOGGED if name in record} for record in found]


def page_of(metrics: Metrics) -> Page:
    """What a scraper would read now."""
    return Page(metrics.page("", Gauges(0, 0))[0].decode())


class TellingModel(ScriptedModel):
    """Says at its end how much of the prompt it had in its cache."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator.stream."""
        async for chunk in super().stream(prompt, sampling):
            yield Chunk("", tokens=0, finish=FinishReason.STOP, cached_tokens=10) if chunk.finish else chunk


class Closed:
    """A gate that lets nobody through."""

    async def admit(self, job: Job) -> None:
        """See Gate.admit."""
        raise Refused("used up", user_notice="You have used what you may.")

    async def spent(self, job: Job, tokens: int) -> None:
        """See Gate.spent."""


async def test_a_whole_answer(town: Town, counted: Metrics, log: pytest.LogCaptureFixture) -> None:
    """All there is to know about it, in one line; the cache is not mentioned by a server that does not tell."""
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    seconds = [line.pop(f"{name}seconds") for name in ("queue_wait_", "first_text_", "")]
    assert seconds == sorted(seconds), "the model, then the first text, then the end"
    assert 0 <= seconds[0] <= seconds[-1] < 30
    prompt_tokens = line.pop("prompt_tokens")
    assert prompt_tokens > 0
    assert line == {
        "job": accepted.job_id,
        "conversation": accepted.conversation_id,
        "platform": "memory",
        "skill": "ask",
        "command": "ask",
        "outcome": "complete",
        "answer_tokens": WORDS,
        "requests": 1,
        "cuts": 0,
        "crashes": 0,
        "taken_over": False,
    }
    page = page_of(counted)
    assert page.counted("bot_replies_total") == {("complete",): 1}
    for name in ("bot_queue_wait_seconds", "bot_first_text_seconds", "bot_reply_seconds"):
        assert page.value(f"{name}_count") == 1
    sums = page.counted("gen_ai_client_token_usage_sum")
    assert sorted(sums.values()) == sorted([prompt_tokens, WORDS])
    assert "swordfish" not in log.text + str(line) + page.text


async def test_a_server_that_tells_of_its_cache(town: Town, log: pytest.LogCaptureFixture) -> None:
    """The share is of the prompt's tokens."""
    town.model = TellingModel()
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert line["cached_tokens"] == 10
    assert line["cached_share"] == round(10 / line["prompt_tokens"], 3)


async def test_an_answer_that_was_stopped(town: Town, counted: Metrics, log: pytest.LogCaptureFixture) -> None:
    """What was said until then counts, and it is no error of the model's."""
    reached, _ = town.model.hold_after(2)
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await reached.wait()
        await until("the first words are shown", lambda: bool(town.platform.messages))
        await town.inbox.cancel(accepted.conversation_id)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["answer_tokens"], line["cuts"]) == ("stopped", 2, 0)
    assert "reason" not in line
    page = page_of(counted)
    assert page.counted("bot_replies_total") == {("stopped",): 1}
    (labels,) = page.counted("gen_ai_client_operation_duration_seconds_count")
    assert labels[0] == "", "no error_type"


async def test_a_question_that_the_model_does_not_take(
    town: Town, counted: Metrics, log: pytest.LogCaptureFixture
) -> None:
    """The kind of error is told; there was no first text, and the model used no tokens."""
    town.model.failures.append(ModelRefused("HTTP 400", quoted=QUESTION))
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["reason"]) == ("failed", "ModelRefused")
    assert (line["prompt_tokens"], line["answer_tokens"], line["requests"]) == (0, 0, 1)
    assert "first_text_seconds" not in line
    page = page_of(counted)
    assert page.counted("bot_replies_total") == {("failed",): 1}
    assert page.value("bot_first_text_seconds_count") == 0
    assert page.counted("gen_ai_client_token_usage_count") == {}
    (labels,) = page.counted("gen_ai_client_operation_duration_seconds_count")
    assert labels[0] == "ModelRefused"


async def test_an_answer_that_breaks_off_and_goes_on(
    town: Town, counted: Metrics, log: pytest.LogCaptureFixture
) -> None:
    """One answer, two requests, one cut; each of its words counts once."""
    town.model.cuts.append((2, StreamCut("the stream broke")))
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["cuts"], line["requests"], line["answer_tokens"]) == ("complete", 1, 2, WORDS)
    counts = page_of(counted).counted("gen_ai_client_operation_duration_seconds_count")
    assert {labels[0]: value for labels, value in counts.items()} == {"StreamCut": 1, "": 1}


async def test_an_answer_that_breaks_off_for_good(
    town: Town, counted: Metrics, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its outcome is the ending that the person sees."""
    monkeypatch.setattr("conversation.generation.FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr("conversation.generation.LONGEST_PAUSE_SECONDS", 0.001)
    town.model.answer = lambda _: "word " * 100
    town.model.cuts.extend((1, StreamCut("the stream broke")) for _ in range(MAX_CUTS))
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["cuts"], line["requests"]) == ("cut", MAX_CUTS, MAX_CUTS)
    assert page_of(counted).counted("bot_replies_total") == {("cut",): 1}


async def test_an_answer_that_another_worker_takes_over(
    town: Town, counted: Metrics, log: pytest.LogCaptureFixture
) -> None:
    """It is one answer: its waits are those that the person had, whoever was at work, and it is counted once."""
    reached, go_on = town.model.hold_after(3)
    async with town.crashing_worker():
        accepted = await town.hear(QUESTION)
        await reached.wait()
        await until("the first words are shown", lambda: bool(town.platform.messages))
        claimed = await town.redis.hget(town.keys.job(accepted.job_id), "checkpoint")
        assert claimed
    go_on.set()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["taken_over"], line["answer_tokens"]) == ("complete", True, WORDS)
    assert line["first_text_seconds"] < line["seconds"]
    assert line["seconds"] - line["first_text_seconds"] > 0.5, "the lease of the dead one ran out in between"
    page = page_of(counted)
    assert page.counted("bot_replies_total") == {("complete",): 1}
    assert page.value("bot_first_text_seconds_count") == 1


async def test_who_was_too_slow_says_that_the_job_is_lost(
    town: Town, counted: Metrics, log: pytest.LogCaptureFixture
) -> None:
    """The answer is counted by whoever ends it, and the loss by whoever lost it."""
    reached, go_on = town.model.hold_after(2)
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await reached.wait()
        await town.redis.hincrby(town.keys.lease(accepted.conversation_id), "fence", 1)
        await until("it is noticed", lambda: page_of(counted).value("bot_lease_lost_total") == 1)
        go_on.set()
    assert lines(log) == []


async def test_a_poisonous_question_is_a_dead_letter(
    town: Town, counted: Metrics, log: pytest.LogCaptureFixture
) -> None:
    """Its crashes stand in the line, and the store knows how many there are."""

    async def crash(_: str) -> None:
        raise RuntimeError(QUESTION)

    town.model.before_words = crash
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await until("it was given up", lambda: bool(lines(log)))
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["crashes"], line["taken_over"]) == ("dead", 3, True)
    assert page_of(counted).counted("bot_replies_total") == {("dead",): 1}


async def test_a_question_that_a_gate_refuses(town: Town, counted: Metrics, log: pytest.LogCaptureFixture) -> None:
    """It failed for its person and not for the operator: it has an outcome of its own."""
    town.gates = (Closed(),)
    async with town.worker():
        accepted = await town.hear(QUESTION)
        await town.settled(accepted.conversation_id)
    (line,) = lines(log)
    assert (line["outcome"], line["reason"], line["requests"]) == ("refused", "Refused", 0)
    assert page_of(counted).counted("bot_replies_total") == {("refused",): 1}


async def test_what_needs_no_model_is_no_answer(town: Town, counted: Metrics, log: pytest.LogCaptureFixture) -> None:
    """Help is counted apart, and has no line and no durations."""
    async with town.worker():
        accepted = await town.hear("help")
        await town.settled(accepted.conversation_id)
        await until("it is counted", lambda: bool(page_of(counted).counted("bot_replies_total")))
    page = page_of(counted)
    assert page.counted("bot_replies_total") == {("errand",): 1}
    assert page.value("bot_reply_seconds_count") == 0
    assert lines(log) == []


async def test_each_event_is_counted_by_what_became_of_it(town: Town, counted: Metrics) -> None:
    """A redelivery apart from a new question, talk apart from signs, and who may not ask from both."""
    reception = town.reception
    await town.hear(QUESTION, key="q1")
    await town.hear(QUESTION, key="q1")
    await reception.hear(Heard(town.message("quiet"), mentioned=True))
    await reception.hear(Heard(town.message("just talk", thread="elsewhere")))
    stranger = replace(town.message("let me in", thread="t2"), belonging=Belonging.EXTERNAL)
    with pytest.raises(NotAllowed):
        await reception.hear(Heard(stranger, mentioned=True))
    assert reception.turns_away(Person.who_wrote(stranger))  # of a command, say
    await reception.hear(Heard(town.message("x" * 20_000, thread="t3"), mentioned=True))
    await reception.edited(Heard(town.message("another", key="q1")), "e1")
    await town.press(Action.STOP, "j1")
    await reception.deleted(town.message(QUESTION, key="q1"))
    assert page_of(counted).counted("bot_events_total") == {
        ("other", "accepted"): 1,
        ("other", "duplicate"): 1,
        ("other", "sign"): 1,
        ("other", "ignored"): 1,
        ("other", "refused"): 3,
        ("other", "edited"): 1,
        ("other", "pressed"): 1,
        ("other", "deleted"): 1,
    }


async def test_an_event_that_joins_another_or_finds_no_room_or_no_store(
    town: Town, counted: Metrics, redis_server_factory: Callable[..., EmbeddedValkey]
) -> None:
    """What a dashboard warns of."""
    await town.hear(QUESTION)
    await town.hear("and backwards?")
    full = RedisInbox(town.redis, town.redis, town.keys, max_mailbox=0)
    with pytest.raises(QueueFull):
        await _reception_of(town, full).hear(Heard(town.message(QUESTION, author="bob"), mentioned=True))
    away = open_redis(f"unix://{redis_server_factory().directory}/nowhere", fast=True)
    nowhere = RedisInbox(away, away, town.keys)
    with pytest.raises(StoreUnavailable):
        await _reception_of(town, nowhere).hear(Heard(town.message(QUESTION), mentioned=True))
    await away.aclose()
    assert page_of(counted).counted("bot_events_total") == {
        ("other", "accepted"): 1,
        ("other", "joined"): 1,
        ("other", "full"): 1,
        ("other", "unavailable"): 1,
    }


def _reception_of(town: Town, inbox: RedisInbox) -> Reception:
    feedback = RedisFeedback(town.redis, town.keys, town.threads)
    return Reception(inbox, Intake(inbox, 10_000), town.threads, feedback, Rules(), town.observer)
