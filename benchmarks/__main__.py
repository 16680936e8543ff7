"""`make bench`: every benchmark, one after the other, each in a process of its own; with `--write` also
docs/benchmarks.md and its plots.

Exit code 1 when a bar was missed; 2, and nothing is written, when a benchmark failed.
"""

from __future__ import annotations

import argparse
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, plots
from benchmarks.report import Section, markdown

# In the order of the page; each with the seconds that it may take, on a slow machine, before it counts as failed.
BENCHMARKS = {
    "queue": 90,
    "start": 60,
    "takeover": 120,
    "memory": 90,
    "idle": 90,
    "model_client": 120,
    "streams": 120,
    "cached_tokens": 300,
    "prefix_reuse": 180,
    "slack": 150,
    "slack_limits": 300,
    "slack_kill": 120,
    "discord": 150,
    "discord_help": 100,
    "discord_kill": 150,
}
# With --long: what to measure for how many seconds, instead of the benchmark's own default.
LONG = {"slack_limits": 300}
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "benchmarks.md"


def main() -> int:
    """Measure everything."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its plots")
    arguments.add_argument("--long", action="store_true", help="the sustained run of Slack for 5 minutes, not for 2")
    arguments.add_argument("--only", choices=BENCHMARKS, help="measure this one, and renew its section of the page")
    given = arguments.parse_args()
    write: bool = given.write
    described, started = machine.describe(), time.monotonic()
    sections = []
    for name, seconds in BENCHMARKS.items():
        if given.only not in {None, name}:
            continue
        size = LONG.get(name, 0) if given.long else 0
        section = _measured(name, seconds + size, size)
        if section is None:
            return 2
        sections.append(section)
    if write and given.only:
        _renew(sections[0])
    elif write:
        _write(sections, described, time.monotonic() - started)
    return 0 if all(section.met for section in sections) else 1


def _measured(name: str, seconds: int, size: int = 0) -> Section | None:
    """What `python -m benchmarks.<name> [size]` finds, and prints itself; None when it fails or does not end."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "section"
        command = [sys.executable, "-m", f"benchmarks.{name}", "--out", str(out), *([str(size)] if size else [])]
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
            try:
                process.wait(seconds)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                # With the servers and workers that it started.
                os.killpg(process.pid, signal.SIGKILL)
                print(f"benchmarks.{name} was ended after {seconds} s or by you", file=sys.stderr)
                return None
        if not out.exists():
            print(f"benchmarks.{name} failed", file=sys.stderr)
            return None
        section: Section = pickle.loads(out.read_bytes())
        return section


def _write(sections: Sequence[Section], described: str, seconds: float) -> None:
    parts = [
        "# Benchmarks\n\nWritten by `make bench`; what is changed here by hand is lost. Every figure stands beside a "
        "reference of the same run: the ratios count, the absolute numbers are this machine's. Each section's command "
        f"measures it alone. This run took {seconds / 60:.0f} minutes.\n\n{described}"
    ]
    parts += [_with_pictures(section) for section in sections]
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def _renew(section: Section) -> None:
    """Put the section in the place of the page's one of the same title."""
    head, *parts = PAGE.read_text(encoding="utf-8").split("\n## ")
    new = _with_pictures(replace(section, notes=(*section.notes, f"Measured again alone, {datetime.now(UTC).date()}.")))
    parts = [new.removeprefix("## ") if part.startswith(f"{section.title}\n") else part for part in parts]
    PAGE.write_text("\n## ".join([head, *parts]), encoding="utf-8")


def _with_pictures(section: Section) -> str:
    images = [plots.draw(plot, DOCS) for plot in section.plots]
    return markdown(section) + "".join(f"\n![{' and '.join(_titles(path, section))}]({path.name})\n" for path in images)


def _titles(path: Path, section: Section) -> list[str]:
    return [panel.title for plot in section.plots if plot.name == path.stem for panel in plot.panels]


if __name__ == "__main__":
    sys.exit(main())
