"""How findings are shown to people and to programs."""

from __future__ import annotations

import io
import json

from rich.console import Console

from bot.doctor.findings import State, failed, ok, skipped, warning
from bot.doctor.report import as_json, has_failed, show

WELL = [ok("settings", "3 set"), skipped("slack", "no token is set")]
ILL = [
    failed("slack.token", "Slack refuses it", "it was revoked", "SLACK_BOT_TOKEN=xoxb-..."),
    *WELL,
    warning("model.server", "it is starting", "weights are loaded", "wait"),
    failed("store.durability", "no log", "questions are lost", "CONFIG SET appendonly yes"),
]


def shown(findings: list, width: int = 100) -> list[str]:  # type: ignore[type-arg]
    out = io.StringIO()
    show(findings, Console(file=out, width=width, highlight=False))
    return out.getvalue().splitlines()


def test_failures_come_last_and_the_first_thing_to_do_at_the_very_end() -> None:
    """Where people look; names are aligned, nothing is padded."""
    lines = shown(ILL)
    assert [line.split()[0] for line in lines if line[:1].strip()][:5] == [
        "ok",
        "skipped",
        "warning",
        "failed",
        "failed",
    ]
    assert lines[-2:] == ["2 failed, 1 warning, 1 skipped, 1 ok. First, slack.token:", "  SLACK_BOT_TOKEN=xoxb-..."]
    assert "because it was revoked" in "\n".join(lines)
    starts = {line.index(name) for line in lines for name in ("slack.token ", "model.server ") if name in line}
    assert len(starts) == 1
    assert not [line for line in lines if line != line.rstrip()]


def test_where_all_is_well_nothing_is_to_be_done() -> None:
    """The last line just counts."""
    assert shown(WELL)[-1] == "1 skipped, 1 ok."


def test_a_warning_is_the_first_thing_to_do_where_nothing_failed() -> None:
    """It is said as a warning all the same."""
    assert shown([ILL[3]])[-2:] == ["1 warning. First, model.server:", "  wait"]


def test_words_in_brackets_are_shown_as_they_are() -> None:
    """rich would take them for markup."""
    assert "[bold]x[/bold]" in "\n".join(shown([ok("a", "[bold]x[/bold]")]))


def test_programs_get_one_stable_document() -> None:
    """Its fields, its states, and the order of the checks."""
    document = json.loads(as_json(ILL))
    assert set(document) == {"version", "ok", "findings"}
    assert (document["version"], document["ok"]) == (1, False)
    assert document["findings"][0] == {
        "name": "slack.token",
        "state": "failed",
        "seen": "Slack refuses it",
        "cause": "it was revoked",
        "fix": "SLACK_BOT_TOKEN=xoxb-...",
    }
    assert [one["name"] for one in document["findings"]] == [one.name for one in ILL]
    assert {state.value for state in State} == {"ok", "skipped", "warning", "failed"}
    assert json.loads(as_json(WELL))["ok"] is True


def test_only_a_failure_counts_for_the_exit_code() -> None:
    """A model that is starting does not fail a deployment."""
    assert has_failed(ILL)
    assert not has_failed([*WELL, ILL[3]])
