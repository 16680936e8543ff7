"""Quotas as they are written, whom a question counts for, and what people are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from conversation.model import ThreadId
from conversation.quotas import Bound, Left, Period, Quota, Scope, Unit, left_over, owner, parse, quotas, used_up

SLACK, DISCORD = ThreadId("slack", "T1", "C1", "1.2"), ThreadId("discord", "41", "42", "43")
AN_HOUR, A_DAY = Bound(30, Unit.REQUESTS, Period.HOUR), Bound(100_000, Unit.TOKENS, Period.DAY)
AT_13_48 = datetime(2026, 11, 22, 13, 48, 5, tzinfo=UTC).timestamp()
AT_14 = datetime(2026, 11, 22, 14, tzinfo=UTC).timestamp()
AT_MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("", ()),
        ("30 requests/hour", (AN_HOUR,)),
        (
            "30 requests/hour, 200 requests/day,100_000 Tokens / Day",
            (AN_HOUR, Bound(200, Unit.REQUESTS, Period.DAY), A_DAY),
        ),
        ("1 request/day", (Bound(1, Unit.REQUESTS, Period.DAY),)),
    ],
)
def test_bounds_are_read(text: str, bounds: tuple[Bound, ...]) -> None:
    """As the settings' example has them."""
    assert parse(text) == bounds


def test_what_is_read_is_written_the_same() -> None:
    """So a message that quotes a bound can be put into a setting, but for the commas."""
    assert str(AN_HOUR) == "30 requests/hour"
    assert parse(str(A_DAY).replace(",", "")) == (A_DAY,)


def test_every_mistake_is_told_at_once() -> None:
    """Nobody has to start five times to find five mistakes."""
    with pytest.raises(ValueError, match="requests") as error:
        parse("many requests/hour, 30 questions/week, 0 tokens/day, 30, , 5 tokens/hour, 6 tokens/hour")
    told = str(error.value)
    for part in (
        "'many' is no whole number",
        "'questions' is neither requests nor tokens and 'week' is neither hour nor day",
        "the number is from 1 to",
        "'30' is no bound",
        "a bound is missing beside a comma",
        "6 tokens/hour comes after 5 tokens/hour",
        "Write it like 30 requests/hour",
    ):
        assert part in told


def test_a_scope_without_bounds_has_no_quota() -> None:
    """What is not set costs nothing."""
    assert quotas("", "", "") == ()
    assert quotas("30 requests/hour", "", " ") == (Quota(Scope.PERSON, (AN_HOUR,)),)


def test_a_person_is_the_same_in_every_channel_and_in_direct_messages() -> None:
    """Asking elsewhere is no second allowance; another platform's person of that id is another."""
    direct = ThreadId("discord", "@me", "9", "9")
    assert owner(Scope.PERSON, DISCORD, "7") == owner(Scope.PERSON, direct, "7") != owner(Scope.PERSON, SLACK, "7")


def test_names_of_owners_are_never_those_of_others() -> None:
    """Whatever signs an id is made of, and none of them ends a script's word."""
    places = [ThreadId("slack", *parts, "1") for parts in (("T1:C1", ""), ("T1", "C1:"), ("T1", ":C1"), ("T1", "C 1"))]
    assert len({owner(Scope.CHANNEL, place, "U1") for place in places}) == len(places)
    assert not any(" " in owner(scope, places[-1], "U 1") for scope in Scope)


@pytest.mark.parametrize(
    ("sentence", "scope", "bound", "address", "free_at"),
    [
        (
            "You have used your 30 requests of this hour; ask again in 12 minutes (from 14:00 UTC).",
            *(Scope.PERSON, AN_HOUR, SLACK, AT_14),
        ),
        (
            "This channel has used its 100,000 tokens of today; ask again in 11 hours (from 00:00 UTC).",
            *(Scope.CHANNEL, A_DAY, SLACK, AT_MIDNIGHT),
        ),
        (
            "This workspace has used its 1 request of this hour; ask again in 12 minutes (from 14:00 UTC).",
            *(Scope.TENANT, Bound(1, Unit.REQUESTS, Period.HOUR), SLACK, AT_14),
        ),
        (
            "This server has used its 30 requests of this hour; ask again in 12 minutes (from 14:00 UTC).",
            *(Scope.TENANT, AN_HOUR, DISCORD, AT_14),
        ),
        (
            "Everybody here together has used the 30 requests of this hour; ask again in 12 minutes (from 14:00 UTC).",
            *(Scope.TENANT, AN_HOUR, ThreadId("discord", "@me", "9", "9"), AT_14),
        ),
        (
            "You have used your 30 requests of this hour; ask again in a minute (from 13:49 UTC).",
            *(Scope.PERSON, AN_HOUR, SLACK, AT_14 - 660),
        ),
    ],
)
def test_people_are_told_what_is_used_up_and_when_it_is_free(
    sentence: str, scope: Scope, bound: Bound, address: ThreadId, free_at: float
) -> None:
    """Never a time that is too early: what is left of a minute is a minute."""
    assert used_up(scope, bound, address, AT_13_48, free_at) == sentence


def test_what_is_left_is_one_sentence() -> None:
    """Never less than nothing, though an answer may have used more than there was."""
    assert left_over([]) == ""
    assert (
        left_over([Left(AN_HOUR, 12), Left(A_DAY, -5)])
        == "Left for you: 12 of 30 requests this hour, 0 of 100,000 tokens today (UTC)."
    )
