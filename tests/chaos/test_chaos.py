"""One round of `make chaos`, short enough for every run of the tests."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.fire import Plan, under_fire


@pytest.mark.timeout(240)
async def test_every_question_is_answered_once_and_in_order_whatever_is_killed_stopped_or_cut_off(
    tmp_path: Path,
) -> None:
    """500 questions in 20 threads to three workers, while these, the store and the model's server are hurt."""
    seed = random.SystemRandom().randrange(2**32)
    print(f'much like it: make chaos ARGS="--minutes 0 --seed {seed}"')
    plan = Plan(seed, asking_seconds=12.0, harm_seconds=25.0, answer_tokens=16, faults=dict(FAULTS))
    report = await under_fire(tmp_path, plan, print)
    print(report)
    assert not report.violations, f"seed {seed}"
    assert report.jobs == 500
    assert len(report.faults) >= 4, "hardly anything was hurt: this round showed nothing"
