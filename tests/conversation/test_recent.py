"""What is remembered for a while, and what is forgotten."""

from __future__ import annotations

import pytest

from conversation.recent import MAX_REMEMBERED, Lately, Recent


def test_the_oldest_is_forgotten() -> None:
    """To assign again is to be the newest again."""
    recent = Recent[int](3)
    for number, name in enumerate("abcad"):
        recent[name] = number
    assert dict(recent) == {"c": 2, "a": 3, "d": 4}


def test_a_name_is_there_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And longer when it is added again."""
    now = 100.0
    monkeypatch.setattr("conversation.recent.time.monotonic", lambda: now)
    lately = Lately(10.0)
    assert "a" not in lately
    lately.add("a")
    now = 105.0
    lately.add("b")
    lately.add("a")
    now = 114.0
    assert "a" in lately
    now = 115.0
    assert ("a" in lately, "b" in lately) == (False, False)


def test_names_do_not_grow_for_ever() -> None:
    """However many come within the time."""
    lately = Lately(1000.0)
    for number in range(MAX_REMEMBERED + 1):
        lately.add(str(number))
    assert "0" not in lately
    assert str(MAX_REMEMBERED) in lately
