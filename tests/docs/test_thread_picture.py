"""The picture in the README."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.thread_picture import KILLED, picture

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_is_drawn_from_the_recording() -> None:
    """What the README shows is what its script makes of what was recorded."""
    assert (DOCS / "thread.svg").read_text() == picture(json.loads((DOCS / "thread.json").read_text()))


def test_the_mark_stands_where_the_process_was_killed() -> None:
    """Behind the line in which it was, and nothing that was said is missing or taken for markup."""
    said = "first <line>\nsecond & last"
    entries = [{"who": "Ada", "text": "?", "killed_at": None}, {"who": "Corral", "text": said, "killed_at": 3}]
    drawn = ElementTree.fromstring(picture({"entries": entries}))
    texts = [text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[-3:] == ["first <line>", f"✂ {KILLED}", "second & last"]
