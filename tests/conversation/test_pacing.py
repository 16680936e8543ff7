"""How the pauses between writes grow with the load."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.errors import Paced
from conversation.pacing import MAX_RUNNING, Allowance, Grant, Meter, Use, pause_seconds, take_or_raise
from tests.waiting import until

EDITS = Allowance("slack:T1:chat.update", 50, 60.0)
SHARES = st.floats(0, 1)
COUNTS = st.integers(0, 500)


@pytest.mark.parametrize(
    ("used", "running", "expected"),
    [
        (0.0, 1, 1.0),
        (0.25, 40, 1.0),  # a quarter is free for all, however many
        (0.5, 10, 6.5),  # half way between 1 and 12
        (0.75, 10, 12.0),  # 10 answers, 50 calls in 60 seconds: one each in 12
        (1.0, 10, 12.0),
        (1.0, 1, 1.2),
        (1.0, 0, 1.0),
    ],
)
def test_the_pause_grows_from_the_base_to_what_can_go_on_for_ever(used: float, running: int, expected: float) -> None:
    """Quick while much is free, sustainable when little is."""
    assert pause_seconds(1.0, used, 50, 60.0, running) == pytest.approx(expected)


def test_a_base_that_can_go_on_for_ever_is_never_left() -> None:
    """Five answers that write every ten seconds need half of 60 calls a minute."""
    assert {pause_seconds(10.0, used / 10, 60, 60.0, 5) for used in range(11)} == {10.0}


@given(SHARES, SHARES, COUNTS, COUNTS, st.floats(0, 10), st.integers(1, 100), st.floats(0.1, 100))
def test_more_load_never_means_a_shorter_pause(
    used: float, other_used: float, running: int, other_running: int, base: float, limit: int, seconds: float
) -> None:
    """In what is used and in how many run; and the pause stays between its two ends."""
    (low, high), (few, many) = sorted((used, other_used)), sorted((running, other_running))
    easy = pause_seconds(base, low, limit, seconds, few)
    assert easy <= pause_seconds(base, high, limit, seconds, few) * (1 + 1e-9)
    assert easy <= pause_seconds(base, low, limit, seconds, many) * (1 + 1e-9)
    assert base <= easy <= max(base, few * seconds / limit) * (1 + 1e-9)


def test_the_pause_has_no_steps() -> None:
    """A thousandth more of the allowance changes it by little."""
    pauses = [pause_seconds(1.0, used / 1000, 50, 60.0, 40) for used in range(1001)]
    assert max(abs(b - a) for a, b in itertools.pairwise(pauses)) < 0.005 * pauses[-1]


def test_a_meter_knows_what_was_used_and_who_runs() -> None:
    """Its pause is that of the last grant and of the answers that have begun and not ended."""
    meter = Meter(EDITS, 1.0)
    for number in range(10):
        meter.begin(f"answer {number}")
    meter.begin("answer 3")
    assert meter.pause() == 1.0
    meter.note(Grant(0.0, 0.5))
    assert meter.pause() == pytest.approx(6.5)
    meter.note(Grant(2.0, 1.0))
    assert meter.pause() == pytest.approx(12.0)
    for number in range(5, 15):
        meter.end(f"answer {number}")
    assert meter.pause() == pytest.approx(6.0)


async def test_a_meter_forgets_what_counts_no_more() -> None:
    """After the allowance's seconds the pause is the base again."""
    meter = Meter(Allowance("short", 1, 0.2), 0.001)
    meter.begin("a")
    meter.note(Grant(0.0, 1.0))
    await until("the last grant is forgotten", lambda: meter.pause() == 0.001)
    meter.note(Grant(0.0, 1.0))
    assert meter.pause() == pytest.approx(0.2)


def test_a_meter_is_bounded() -> None:
    """Answers that never end make the pause no longer than a thousand do; the newest are those that count."""
    meter = Meter(EDITS, 1.0)
    meter.note(Grant(0.0, 1.0))
    for number in range(MAX_RUNNING + 50):
        meter.begin(str(number))
    assert meter.pause() == pytest.approx(MAX_RUNNING * 1.2)
    for number in range(50):
        meter.end(str(number))
    assert meter.pause() == pytest.approx(MAX_RUNNING * 1.2)
    meter.end(str(MAX_RUNNING + 49))
    assert meter.pause() == pytest.approx((MAX_RUNNING - 1) * 1.2)


@dataclass
class Book:
    """A budget that gives one answer."""

    grant: Grant
    taken: list[tuple[Use, ...]] = field(default_factory=list)

    async def take(self, *uses: Use) -> Grant:
        self.taken.append(uses)
        return self.grant

    async def release(self, allowance: Allowance, hold: str) -> None: ...

    async def pause(self, allowance: Allowance, seconds: float) -> None: ...


async def test_a_grant_is_handed_on() -> None:
    """All uses are asked for together."""
    uses = (Use(EDITS), Use(EDITS, hold="end", hold_seconds=60.0))
    book = Book(Grant(0.0, 0.4))
    assert await take_or_raise(book, *uses) == Grant(0.0, 0.4)
    assert book.taken == [uses]


async def test_no_grant_is_paced() -> None:
    """The error says that surely nothing was sent, when to ask again, and not whose channel it is."""
    with pytest.raises(Paced) as raised:
        await take_or_raise(Book(Grant(2.5, 1.0)), Use(EDITS))
    assert raised.value.retry_after_seconds == 2.5
    assert raised.value.certain
    assert "T1" not in str(raised.value)
