"""The line that tells a person why there is no text yet."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from conversation import notices, status
from conversation.errors import ModelOverloaded, ModelUnavailable
from conversation.model import InboundMessage, Job, ThreadId
from conversation.status import StatusLine
from tests.fakes import RecordingPlatform
from tests.waiting import until

JOB = Job("j", "c", (InboundMessage(ThreadId("memory", "t", "c", "1"), "m", "ada", "Ada", "why?", 0.0),), 0.0)


@dataclass
class SlowPlatform(RecordingPlatform):
    """Takes a status line only when it is let."""

    calls: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def status(self, job: Job, text: str) -> None:
        """See ReplySink.status."""
        self.calls.append(text)
        if text:
            await self.go_on.wait()
        self.statuses.append(text)


async def test_a_slow_platform_is_told_the_newest_only() -> None:
    """What was outdated before the platform could take it is never said, and saying holds nobody up."""
    platform = SlowPlatform()
    line = StatusLine(platform, JOB)
    for place in (5, 4, 3, 2):
        line.waits_in_line(place)
        await until("the platform was asked", lambda: bool(platform.calls))
    platform.go_on.set()
    await until("the newest is said", lambda: len(platform.statuses) == 2)
    assert platform.statuses == [notices.in_line(5), notices.in_line(2)]


async def test_the_end_comes_after_what_is_being_said() -> None:
    """Otherwise a late line would stand below a whole answer for ever."""
    platform = SlowPlatform()
    line = StatusLine(platform, JOB)
    line.say(notices.THINKING)
    await until("the platform was asked", lambda: bool(platform.calls))
    line.waits_in_line(1)  # is outdated when the answer ends
    ending = asyncio.create_task(line.end())
    await asyncio.sleep(0)
    platform.go_on.set()
    await ending
    assert platform.statuses == [notices.THINKING, ""]


async def test_nothing_is_said_twice_in_a_row() -> None:
    """A model that stays away for minutes is told of once."""
    platform = RecordingPlatform()
    line = StatusLine(platform, JOB)
    for _ in range(3):
        line.waits_for_model(ModelUnavailable("refused"))
        await until("it is said", lambda: bool(platform.statuses))
    line.waits_for_model(ModelOverloaded("429"))
    await until("the other is said", lambda: len(platform.statuses) == 2)
    await line.end()
    assert platform.statuses == [notices.MODEL_STARTING, notices.MODEL_BUSY, ""]


async def test_who_waits_for_long_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Platforms drop a status after a while; one that is about to change is not said again, nor after the end."""
    monkeypatch.setattr(status, "REMIND_SECONDS", 0.01)
    platform = RecordingPlatform()
    line = StatusLine(platform, JOB)
    line.waits_in_line(3)
    await until("it is said three times", lambda: platform.statuses.count(notices.in_line(3)) >= 3)
    line.say(notices.THINKING)
    await until("that is over", lambda: platform.statuses[-1] == notices.THINKING)
    line.waits_in_line(1)
    await until("it is said", lambda: platform.statuses[-1] == notices.in_line(1))
    line.text_comes()
    said = len(platform.statuses)
    await asyncio.sleep(0.05)
    assert len(platform.statuses) <= said + 1  # one may have been under way
    await line.end()
    assert platform.statuses[-1] == ""
    assert platform.statuses.count(notices.THINKING) == 1
    assert asyncio.all_tasks() == {asyncio.current_task()}
