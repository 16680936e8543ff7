"""`make chaos ARGS="--minutes 10 --seed 42"`: exit code 1 when something that must always hold did not."""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.chaos.faults import FAULTS
from tests.chaos.fire import Plan, under_fire


def main() -> int:
    """Run what the command line asks for; gives the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description="Questions to real processes that are being hurt.")
    parser.add_argument("--minutes", type=float, default=3.0, help="rounds are begun for so long")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32), help="of all that is drawn")
    parser.add_argument("--jobs", type=int, default=500, help="questions of a round")
    parser.add_argument("--threads", type=int, default=20)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--lease", type=float, default=2.0, help="seconds")
    parser.add_argument("--without", choices=FAULTS, nargs="*", default=(), help="faults that are left out")
    parser.add_argument("--keep", type=Path, help="a directory for the data and the logs; they stay there")
    asked = parser.parse_args()
    plan = replace(
        Plan(asked.seed),
        rounds_seconds=asked.minutes * 60,
        jobs=asked.jobs,
        threads=asked.threads,
        workers=asked.workers,
        lease_seconds=asked.lease,
        faults={name: weight for name, weight in FAULTS.items() if name not in asked.without},
    )
    print(f"seed {plan.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="corral-chaos-") as temporary:
        directory = asked.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        logging.basicConfig(filename=directory / "faults.log", level=logging.INFO, format="%(asctime)s %(message)s")
        report = asyncio.run(under_fire(directory, plan, lambda line: print(line, flush=True)))
    print(report)
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main())
