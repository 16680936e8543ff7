"""How a growing answer becomes messages: stored first, then shown, and never twice."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from conversation import delivery as delivery_module
from conversation import notices
from conversation.control import Control
from conversation.delivery import Delivery
from conversation.errors import DeliveryError, LeaseLost, Paced, StoreUnavailable, Unreachable
from conversation.generation import Draft
from conversation.model import (
    Checkpoint,
    Claim,
    Ending,
    InboundMessage,
    Job,
    Segment,
    SegmentState,
    Settlement,
    StopReason,
    ThreadId,
)
from conversation.offers import after
from conversation.ports import Content, JobQueue
from tests.fakes import RecordingPlatform


@dataclass
class OneJobQueue:
    """The queue as delivery sees it: it stores checkpoints, or says that the job is somebody else's."""

    lease_seconds: float = 4.0
    stored: list[Checkpoint] = field(default_factory=list)
    failures: deque[Exception] = field(default_factory=deque)
    renewed: StopReason | None = None

    async def checkpoint(self, claim: Claim, checkpoint: Checkpoint) -> StopReason | None:
        if self.failures:
            raise self.failures.popleft()
        self.stored.append(checkpoint)
        return None

    async def renew(self, claims: Sequence[Claim]) -> list[StopReason | None]:
        return [self.renewed for _ in claims]

    async def claim(self, limit: int) -> list[Claim]:
        raise NotImplementedError

    async def reload(self, claim: Claim) -> Claim:
        raise NotImplementedError

    async def finish(self, claim: Claim, settlement: Settlement) -> StopReason | None:
        raise NotImplementedError

    async def release(self, claim: Claim) -> None:
        raise NotImplementedError

    async def bury(self, claim: Claim, why: str) -> None:
        raise NotImplementedError

    def signals(self) -> AsyncIterator[tuple[str, StopReason]]:
        raise NotImplementedError


_: type[JobQueue] = OneJobQueue


def a_claim(checkpoint: Checkpoint | None = None, *, lease_seconds: float = 60.0) -> Claim:
    """A job in our hands."""
    message = InboundMessage(ThreadId("memory", "t", "c", "1"), "m", "u", "U", "hi", 0.0)
    job = Job("job", "conversation", (message,), 0.0)
    return Claim(job, checkpoint or Checkpoint(), 1, 1, time.monotonic() + lease_seconds, "1-0")


def a_delivery(
    platform: RecordingPlatform, queue: OneJobQueue, text: str, checkpoint: Checkpoint | None = None, **claim: float
) -> Delivery:
    """A delivery of this text so far."""
    return Delivery(platform, queue, a_claim(checkpoint, **claim), Draft(text=text), Control())


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "FIRST_RETRY_SECONDS", 0.001)


PLANNED = Checkpoint(text=" Hal", segments=(Segment("job:0", 0, SegmentState.PLANNED),))


async def test_the_plan_is_stored_before_the_post_and_the_id_after_it() -> None:
    """Whoever takes over knows that a message may be there, and later which one it is."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    await a_delivery(platform, queue, " Hello").close(Ending.COMPLETE, "")
    plans = [checkpoint.segments[0] for checkpoint in queue.stored]
    assert [(segment.state, segment.message_id) for segment in plans] == [
        (SegmentState.PLANNED, None),
        (SegmentState.CLOSED, "m1"),
    ]
    assert all(checkpoint.text == " Hello" for checkpoint in queue.stored)


async def test_a_planned_message_that_was_sent_is_found_and_filled_whole() -> None:
    """The other worker died between the platform's answer and the checkpoint: nothing is posted again."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    platform.messages["m7"], platform.keys["m7"] = Content("Hal"), "job:0"
    await a_delivery(platform, queue, " Hallo", PLANNED).close(Ending.COMPLETE, "")
    assert platform.texts == ["Hallo"]
    assert platform.writes == ["find", "edit m7"]


async def test_a_planned_message_that_was_never_sent_is_posted() -> None:
    """The other worker died before the platform heard of it."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    await a_delivery(platform, queue, " Hallo", PLANNED).close(Ending.COMPLETE, "")
    assert platform.writes == ["find", "post m1"]


async def test_a_post_that_surely_failed_is_repeated_and_one_that_may_have_worked_is_looked_for() -> None:
    """One message in both cases."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    platform.failures.extend([DeliveryError("refused", certain=True), DeliveryError("time-out", certain=False)])
    await a_delivery(platform, queue, " Hello").close(Ending.COMPLETE, "")
    assert platform.writes == ["post m1", "find", "edit m1"]
    assert platform.texts == ["Hello"]


async def test_a_platform_that_keeps_refusing_is_given_up() -> None:
    """The settlement must not hang on it, and the person is told: `barred` says why."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    platform.failures.extend([DeliveryError("400", certain=True)] * 50)
    delivery = a_delivery(platform, queue, " Hello")
    await delivery.close(Ending.COMPLETE, "")
    assert platform.messages == {}
    assert len(platform.failures) == 50 - delivery_module.FINAL_TRIES - 1
    assert delivery.barred is not None


async def test_what_a_platform_keeps_refusing_is_shown_plainly_at_last() -> None:
    """Half-written it would stand there for ever, with a live Stop button."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    platform.messages["m0"], platform.keys["m0"] = Content("Hel"), "job:0"
    half = Checkpoint(text=" Hel", segments=(Segment("job:0", 0, SegmentState.SENT, "m0"),))
    platform.edit_failures.extend([DeliveryError("400", certain=True)] * delivery_module.FINAL_TRIES)
    platform.edit_failures.append(Paced("full", retry_after_seconds=0.001))
    platform.edit_failures.append(Unreachable("away", certain=True, retry_after_seconds=0.001))
    delivery = a_delivery(platform, queue, " Hello", half)
    await delivery.close(Ending.STOPPED, "Stopped.", after(Ending.STOPPED, "job", has_text=True))
    (shown,) = platform.messages.values()
    assert (shown.text, shown.notice, shown.offers) == ("Hello", f"Stopped.\n{notices.SHOWN_PLAINLY}", ())
    assert (shown.plain, shown.final, shown.ending) == (True, True, "stopped")
    assert delivery.barred is None


async def test_only_the_message_that_is_refused_is_plain() -> None:
    """The others keep their form, and the last one its buttons."""
    platform, queue = RecordingPlatform(message_limit=128), OneJobQueue()
    platform.failures.extend([DeliveryError("400", certain=True)] * delivery_module.FINAL_TRIES)
    one, other = "One paragraph." + " x" * 40, "And another." + " y" * 40
    delivery = a_delivery(platform, queue, f"{one}\n\n{other}")
    await delivery.close(Ending.COMPLETE, "", after(Ending.COMPLETE, "job", has_text=True))
    assert [(shown.text, shown.plain, bool(shown.offers)) for shown in platform.messages.values()] == [
        (one, True, False),
        (other, False, True),
    ]


async def test_whoever_lost_the_job_writes_nothing() -> None:
    """The fence is asked before the platform."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    queue.failures.append(LeaseLost())
    with pytest.raises(LeaseLost):
        await a_delivery(platform, queue, " Hello").close(Ending.COMPLETE, "")
    assert platform.writes == []


async def test_a_process_that_slept_past_its_lease_asks_before_it_writes() -> None:
    """Between the checkpoint and the edit another worker may have gone on."""
    platform, queue = RecordingPlatform(), OneJobQueue(renewed=StopReason.LOST)
    with pytest.raises(LeaseLost):
        await a_delivery(platform, queue, " Hello", lease_seconds=-1.0).close(Ending.COMPLETE, "")
    assert platform.writes == []


async def test_a_store_that_is_away_for_a_moment_delays_the_end_and_loses_nothing() -> None:
    """The last text is tried again."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    queue.failures.extend([StoreUnavailable(), StoreUnavailable()])
    await a_delivery(platform, queue, " Hello").close(Ending.COMPLETE, "")
    assert platform.texts == ["Hello"]


async def test_a_restarted_answer_takes_surplus_messages_away() -> None:
    """The new answer needs one message, the old one had three."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    segments = []
    for number in range(3):
        platform.messages[f"m{number}"], platform.keys[f"m{number}"] = Content("old"), f"job:{number}"
        segments.append(Segment(f"job:{number}", number, SegmentState.SENT, f"m{number}"))
    await a_delivery(platform, queue, " new", Checkpoint(segments=tuple(segments))).close(Ending.COMPLETE, "")
    assert platform.texts == ["new"]


async def test_a_removed_answer_leaves_no_message() -> None:
    """Also one that was planned and may have been sent."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    platform.messages["m7"], platform.keys["m7"] = Content("Hal"), "job:0"
    await a_delivery(platform, queue, " Hallo", PLANNED).close(Ending.REMOVED, "")
    assert platform.messages == {}


async def test_a_notice_without_any_text_is_still_a_message() -> None:
    """A failure before the first word reaches the person."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    await a_delivery(platform, queue, "").close(Ending.FAILED, "The model is not running.")
    (content,) = platform.messages.values()
    assert (content.text, content.notice, content.ending) == ("", "The model is not running.", "failed")


async def test_an_answer_continued_inside_a_code_block_reopens_it() -> None:
    """The new message is code from its first line on, in the same language."""
    platform, queue = RecordingPlatform(), OneJobQueue()
    before = "```python\nx = 1\n"
    delivery = a_delivery(platform, queue, before + "y = 2\n```")
    delivery.begin_at(len(before))
    await delivery.close(Ending.COMPLETE, "")
    assert platform.texts == ["```python\ny = 2\n```"]
