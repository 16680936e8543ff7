"""Which event may be resumed from, and what was last seen where."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.channels import Kind, Place
from adapters.discord.progress import Marks, Progress

HERE, THERE = Place("1", "2", Kind.CHANNEL), Place("1", "3", Kind.THREAD, "2")


class TestProgress:
    def test_only_what_is_done_counts(self) -> None:
        """In whatever order things get done."""
        progress = Progress()
        progress.saw(1)
        first, second = progress.begin(2), progress.begin(3)
        progress.saw(4)
        assert (progress.latest, progress.safe) == (4, 1)
        progress.done(second)
        assert progress.safe == 1
        progress.done(first)
        assert progress.safe == 4

    def test_an_event_of_an_older_session_is_another(self) -> None:
        """Though it has the same number."""
        progress = Progress()
        old = progress.begin(5)
        progress.reset(1)
        progress.begin(5)
        progress.done(old)
        assert progress.safe == 4

    @given(st.lists(st.booleans(), max_size=30), st.randoms(use_true_random=False))
    def test_nothing_that_is_not_done_is_passed(self, takes_time: list[bool], chance: object) -> None:
        """For every order of ends."""
        progress = Progress()
        begun = {}
        for number, slow in enumerate(takes_time, 1):
            if slow:
                begun[number] = progress.begin(number)
            else:
                progress.saw(number)
        while begun:
            assert progress.safe < min(begun)
            progress.done(begun.pop(chance.choice(sorted(begun))))  # type: ignore[attr-defined]
        assert progress.safe == len(takes_time)


class TestMarks:
    def test_the_latest_counts(self) -> None:
        """And each is taken once."""
        marks = Marks()
        marks.note(HERE, 5, is_ours=True)
        marks.note(HERE, 3, is_ours=True)
        marks.note(THERE, 9, is_ours=False)
        assert marks.take() == ({"1:2:channel:": 5}, {"1:3:thread:2": 9})
        assert marks.take() == ({}, {})

    def test_what_could_not_be_stored_is_taken_again(self) -> None:
        """With what came meanwhile."""
        marks = Marks()
        marks.note(HERE, 5, is_ours=True)
        taken = marks.take()
        marks.note(HERE, 4, is_ours=True)
        marks.note(THERE, 6, is_ours=True)
        marks.give_back(*taken)
        assert marks.take() == ({"1:2:channel:": 5, "1:3:thread:2": 6}, {})

    def test_a_mark_that_is_held_stays(self) -> None:
        """Whatever was and is noted of its place, also what could not be stored; until it is let go."""
        marks = Marks()
        marks.note(HERE, 9, is_ours=True)
        marks.hold(HERE, 5)
        taken = marks.take()
        assert taken == ({"1:2:channel:": 5}, {})
        marks.note(HERE, 11, is_ours=True)
        marks.give_back({"1:2:channel:": 10}, {})
        assert marks.take() == taken
        marks.hold(HERE, None)
        marks.note(HERE, 12, is_ours=True)
        assert marks.take() == ({"1:2:channel:": 12}, {})

    def test_a_place_reads_back_from_its_mark(self) -> None:
        """But for its name and owner."""
        assert Place.of_mark(THERE.mark()) == THERE
        assert Place.of_mark(Place("@me", "7", Kind.DIRECT).mark()) == Place("@me", "7", Kind.DIRECT)
