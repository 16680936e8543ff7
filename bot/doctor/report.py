"""What was found, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.doctor.findings import Finding, State

FORMAT_VERSION = 1
_ORDER = (State.OK, State.SKIPPED, State.WARNING, State.FAILED)  # what matters stands where people look: at the end
_STYLES = {State.OK: "green", State.SKIPPED: "dim", State.WARNING: "yellow", State.FAILED: "bold red"}


def as_json(findings: Sequence[Finding]) -> str:
    """One JSON document:

    - `version`: 1. Fields may be added under this number; none is renamed, removed or given another meaning.
    - `ok`: false when a finding has failed, as the exit code 1 says.
    - `findings`: a list, in the order of the checks, of objects with the texts `name` (stable: `slack.scopes`), `state`
      (`ok`, `warning`, `failed` or `skipped`), `seen`, `cause` and `fix` (both "" where all is well).
    """
    document = {
        "version": FORMAT_VERSION,
        "ok": not has_failed(findings),
        "findings": [
            {"name": one.name, "state": one.state.value, "seen": one.seen, "cause": one.cause, "fix": one.fix}
            for one in findings
        ],
    }
    return json.dumps(document, indent=2)


def show(findings: Sequence[Finding], console: Console) -> None:
    """For people: failures last, and at the very end the one thing to do first."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for state in _ORDER:
        for one in findings:
            if one.state is state:
                _add(table, one)
    with console.capture() as drawn:
        console.print(table)
    for line in drawn.get().splitlines():
        console.out(line.rstrip(), highlight=False)  # a table's lines are filled up with spaces
    console.print()
    counts = Counter(one.state for one in findings)
    told = ", ".join(f"{counts[state]} {state.value}" for state in reversed(_ORDER) if counts[state])
    first = next((one for state in (State.FAILED, State.WARNING) for one in findings if one.state is state), None)
    console.print(Text(f"{told}." if first is None else f"{told}. First, {first.name}:"), soft_wrap=True)
    if first is not None:
        console.print(Text(f"  {first.fix}", "bold"), soft_wrap=True)


def has_failed(findings: Sequence[Finding]) -> bool:
    """Whether the exit code says so."""
    return any(one.state is State.FAILED for one in findings)


def _add(table: Table, finding: Finding) -> None:
    style = _STYLES[finding.state]
    table.add_row(Text(finding.state.value, style), finding.name, Text(finding.seen))
    if finding.cause:
        table.add_row("", "", Text(f"because {finding.cause}"))
    if finding.fix:
        table.add_row("", "", Text(f"fix: {finding.fix}", style))
