"""Frames out of bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.sse import LINE_LIMIT_BYTES, LineTooLong, SseReader

PAYLOADS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1), max_size=8)


def read(parts: list[bytes]) -> list[bytes]:
    reader = SseReader()
    return [payload for part in parts for payload in reader.feed(part)] + reader.flush()


@given(PAYLOADS, st.lists(st.integers(0, 400)), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_where_the_network_cuts_does_not_matter(texts: list[str], cuts: list[int], end: str, space: bool) -> None:
    """Any cutting of the bytes gives the same payloads, whole characters included."""
    wanted = [text.encode().strip() for text in texts if text.encode().strip()]
    data = "".join(f":{end}data:{' ' if space else ''}{text}{end}{end}" for text in texts).encode()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert read([data[a:b] for a, b in pairwise(edges)]) == wanted
    assert read([bytes([byte]) for byte in data]) == wanted


def test_other_fields_and_comments_are_no_payloads() -> None:
    """Comments, events, ids and lines that are no fields are dropped."""
    assert read([b": ping\nevent: x\nid: 3\nretry: 5\n<html>\ndata: {}\n\n"]) == [b"{}"]


def test_a_last_line_without_its_end_counts() -> None:
    """A stream that ends right after its last byte loses nothing."""
    assert read([b"data: a\n\ndata: b"]) == [b"a", b"b"]


def test_a_line_without_end_is_refused() -> None:
    """More than the limit in one line raises, whether its end comes or not."""
    reader = SseReader()
    for _ in range(LINE_LIMIT_BYTES // 65536):
        assert reader.feed(b"x" * 65536) == []
    with pytest.raises(LineTooLong):
        reader.feed(b"x")
    with pytest.raises(LineTooLong):
        SseReader().feed(b"data:" + b"x" * LINE_LIMIT_BYTES + b"\n")
