"""What a benchmark found, in one form for the terminal, for docs/benchmarks.md and for the process that asked."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of a table. `met` is None for what has no bar."""

    what: str
    value: str
    reference: str = ""  # what was measured beside it, in the same run
    bar: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of a plot."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; `x` and `y` name them with their units."""

    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    log_x: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Panels side by side in docs/`name`.png."""

    name: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One benchmark's part of the page."""

    title: str
    command: str  # measures this alone
    text: str  # what exactly is compared
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()

    @property
    def met(self) -> bool:
        """No bar was missed."""
        return all(figure.met is not False for figure in self.figures)


def markdown(section: Section) -> str:
    """The section as it stands on the page, without its plots."""
    verdicts = {True: "met", False: "**missed**", None: ""}
    rows = [
        ("", "measured", "beside it", "bar", ""),
        ("---", "---", "---", "---", "---"),
        *((one.what, one.value, one.reference, one.bar, verdicts[one.met]) for one in section.figures),
    ]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    notes = "".join(f"- {note}\n" for note in section.notes)
    return f"## {section.title}\n`{section.command}`\n\n{section.text}\n\n{table}\n" + (f"\n{notes}" if notes else "")


def run(measure: Callable[..., Awaitable[Section]]) -> None:
    """A benchmark's command: measure under uvloop and print; `--out FILE` also leaves the Section there, pickled. A
    number is handed to a benchmark that has a size. The exit code is 1 when a bar was missed."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("size", type=int, nargs="*")
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    out: Path | None = given.out

    async def measured() -> Section:
        return await measure(*given.size)

    section = uvloop.run(measured())
    print(markdown(section), flush=True)
    if out is not None:
        out.write_bytes(pickle.dumps(section))
    sys.exit(0 if section.met else 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


def distribution(name: str, values: Sequence[float]) -> Series:
    """How many per cent of `values` are at most so large, as a line of at most 200 points."""
    ordered = sorted(values)
    step = max(1, len(ordered) // 200)
    picked = [*range(0, len(ordered) - 1, step), len(ordered) - 1]
    return Series(name, tuple((ordered[index], 100 * (index + 1) / len(ordered)) for index in picked))
