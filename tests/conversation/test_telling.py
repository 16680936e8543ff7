"""Telling a person a sentence beside an answer."""

from __future__ import annotations

import asyncio
import logging

import pytest

from conversation import telling
from conversation.errors import CorralError, DeliveryError, Paced
from conversation.telling import quoted, tell


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "RETRY_SECONDS", 0.001)


class Ear:
    """What somebody is told; before they hear it, these errors come."""

    def __init__(self, *errors: CorralError) -> None:
        self.errors, self.tries, self.heard = list(errors), 0, False

    async def say(self) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        self.heard = True


async def test_limits_are_waited_for_however_often() -> None:
    """Being early is no failure."""
    ear = Ear(*(Paced("full", retry_after_seconds=0.001) for _ in range(5)))
    await tell(ear.say)
    assert (ear.heard, ear.tries) == (True, 6)


async def test_a_failure_is_tried_once_more(caplog: pytest.LogCaptureFixture) -> None:
    """Then it is left, with a log line, and nothing is raised."""
    once, always = Ear(DeliveryError("no", certain=True)), Ear(*(DeliveryError("no", certain=True) for _ in range(9)))
    for ear in once, always:
        await tell(ear.say)
    assert (once.heard, once.tries) == (True, 2)
    assert (always.heard, always.tries) == (False, 2)
    assert caplog.records[-1].levelno == logging.WARNING


async def test_it_does_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tells has something else to do."""
    monkeypatch.setattr(telling, "TELL_SECONDS", 0.01)
    async with asyncio.timeout(5):
        await tell(Ear(Paced("full", retry_after_seconds=60)).say)


def test_every_line_of_a_quote_is_one() -> None:
    """A quote ends with its line."""
    assert quoted("a\n\nb") == "> a\n> \n> b"
