"""Stop strings across pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conversation.ports import Chunk
from inference.stops import StopStrings

SMALL = st.text("ab<\n", max_size=6)


def run(pieces: list[str], stops: list[str]) -> tuple[list[Chunk], bool]:
    filtered = StopStrings(stops)
    given_out: list[Chunk] = []
    for number, text in enumerate(pieces):
        chunk = filtered.push(Chunk(text, (number,)))
        if chunk is not None:
            given_out.append(chunk)
        if filtered.hit:
            return given_out, True
    rest = filtered.rest()
    return [*given_out, *([rest] if rest else [])], False


@given(st.lists(SMALL, max_size=10), st.lists(SMALL.filter(bool), max_size=3))
def test_the_text_ends_where_the_first_stop_string_begins(pieces: list[str], stops: list[str]) -> None:
    """However the text is cut into pieces, what is given out ends before the first stop string to be complete."""
    whole, found = "", False
    for piece in pieces:
        whole += piece
        places = [whole.find(stop) for stop in stops if stop in whole]
        if places:
            whole, found = whole[: min(places)], True
            break
    given_out, hit = run(pieces, stops)
    assert hit == found
    assert "".join(chunk.text for chunk in given_out) == whole


@given(st.lists(SMALL, max_size=10), st.lists(SMALL.filter(bool), max_size=3))
def test_ids_never_run_ahead_of_their_text(pieces: list[str], stops: list[str]) -> None:
    """After every chunk the ids so far are those of exactly the text so far, so that any chunk can be gone on from."""
    given_out, hit = run(pieces, stops)
    text, ids = "", 0
    for chunk in given_out[: -1 if hit else None]:
        text += chunk.text
        ids += len(chunk.token_ids)
        assert text == "".join(pieces[:ids])


def test_nothing_is_held_back_without_need() -> None:
    """A piece that cannot begin a stop string is given out at once; one that can is, once the next decides it."""
    filtered = StopStrings(["[INST]"])
    assert filtered.push(Chunk("list", (1,))) == Chunk("list", (1,), 1)
    assert filtered.push(Chunk("x[", (2,))) is None
    assert filtered.push(Chunk("0]", (3,))) == Chunk("x[0]", (2, 3), 2)


def test_half_a_character_is_dropped_at_the_end() -> None:
    """Ids that have no text yet are not given out: a continuation makes them anew."""
    filtered = StopStrings([])
    assert filtered.push(Chunk("a", (1,))) == Chunk("a", (1,), 1)
    assert filtered.push(Chunk("", (2,))) is None
    assert filtered.rest() is None
