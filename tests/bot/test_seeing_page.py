"""docs/seeing.md tells of all there is."""

from __future__ import annotations

import re

from bot.metrics import Metrics
from conversation.accounts import LOGGED
from conversation.observing import EventResult, Outcome
from tests.terminal import ROOT

PAGE = (ROOT / "docs" / "seeing.md").read_text(encoding="utf-8")


def test_every_metric_is_in_the_table_and_no_other() -> None:
    """With its name as a dashboard asks for it."""
    text = Metrics().page("", None)[0].decode()
    exported = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    told = set(re.findall(r"^\| `((?:bot|gen_ai)_\w+)` \|", PAGE, re.MULTILINE))
    assert told == {name for name in exported if not name.startswith("process_")}


def test_every_word_of_a_label_and_every_field_of_the_log_is_told() -> None:
    """Whoever writes an alert finds it there."""
    words = [*(one.value for one in EventResult), *(one.value for one in Outcome), *LOGGED]
    assert [word for word in words if f"`{word}`" not in PAGE] == []
