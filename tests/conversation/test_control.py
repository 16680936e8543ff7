"""Calling a running answer back."""

from __future__ import annotations

import asyncio

import pytest

from conversation.control import CalledBack, Control
from conversation.model import StopReason


async def test_work_that_is_not_called_back_gives_its_result() -> None:
    """Control is invisible until it is used."""

    async def work() -> str:
        return "done"

    assert await Control().run(work()) == "done"


async def test_a_call_back_ends_the_work_after_it_has_tidied_up() -> None:
    """The awaited thing is cancelled and its finally blocks have run when CalledBack is raised."""
    control, started, tidy = Control(), asyncio.Event(), []

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            tidy.append(True)

    running = asyncio.create_task(control.run(work()))
    await started.wait()
    control.call_back(StopReason.STOPPED)
    with pytest.raises(CalledBack):
        await running
    assert tidy
    assert control.reason is StopReason.STOPPED


async def test_a_call_back_before_the_work_lets_nothing_begin() -> None:
    """A job that was stopped while it waited asks the model nothing."""
    began = []

    async def work() -> None:
        began.append(True)

    with pytest.raises(CalledBack):
        await Control(StopReason.STOPPED).run(work())
    assert not began


@pytest.mark.parametrize(
    ("first", "second", "holds"),
    [
        (StopReason.STOPPED, StopReason.REMOVED, StopReason.REMOVED),
        (StopReason.REMOVED, StopReason.STOPPED, StopReason.REMOVED),
        (StopReason.DRAIN, StopReason.LOST, StopReason.LOST),
        (StopReason.LOST, StopReason.STOPPED, StopReason.LOST),
        (StopReason.DRAIN, StopReason.STOPPED, StopReason.STOPPED),
    ],
)
def test_the_weightier_reason_holds(first: StopReason, second: StopReason, holds: StopReason) -> None:
    """A lost job is never touched again, a removed one leaves nothing."""
    control = Control()
    control.call_back(first)
    control.call_back(second)
    assert control.reason is holds


async def test_cancelling_the_caller_is_no_call_back() -> None:
    """The program's own end passes through as a cancellation, and the work ends with it."""
    control, started, ended = Control(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    running = asyncio.create_task(control.run(work()))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(ended.wait(), 5)
