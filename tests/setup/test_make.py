"""The Makefile and .ci/run, with a stand-in for .venv's Python: what they call, and when they call nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what make needs, with a finished .venv whose Python only notes its arguments."""
    for name in ("Makefile", "scripts", "requirements", ".ci"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python = tmp_path / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$*" >> calls\n! grep -q -- "$2" fails 2>/dev/null\n', "utf-8")
    python.chmod(0o755)
    for stamp in ("run.stamp", "dev.stamp"):
        (tmp_path / ".venv" / stamp).touch()
    before = time.time() - 60
    for path in (tmp_path / "requirements").iterdir():
        os.utime(path, (before, before))
    return tmp_path


def call(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    # make tells its children about itself: within `make test` these must be no children of it.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    return subprocess.run(
        command,
        cwd=checkout,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def calls(checkout: Path) -> list[str]:
    path = checkout / "calls"
    return path.read_text("utf-8").splitlines() if path.exists() else []


def test_a_second_make_chat_only_starts_the_program(checkout: Path) -> None:
    """With the stamp in place nothing runs but `python -m bot chat`."""
    assert call(checkout, "make", "-q", ".venv/run.stamp", ".venv/dev.stamp").returncode == 0
    ran = call(checkout, "make", "chat")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert [line.strip() for line in calls(checkout)] == ["-m bot chat"]


@pytest.mark.parametrize("changed", ["requirements/run.txt", "requirements/demo-model.txt"])
def test_changed_requirements_call_the_set_up(checkout: Path, changed: str) -> None:
    """A newer requirements file makes both stamps stale."""
    now = time.time()
    for stamp in (checkout / ".venv").glob("*.stamp"):
        os.utime(stamp, (now - 30, now - 30))
    assert call(checkout, "make", "-q", ".venv/run.stamp").returncode == 0
    os.utime(checkout / changed, (now, now))
    assert call(checkout, "make", "-q", ".venv/run.stamp").returncode == 1
    assert call(checkout, "make", "-q", ".venv/dev.stamp").returncode == 1


def test_a_broken_environment_calls_the_set_up(checkout: Path) -> None:
    """A stamp counts for nothing when the Python behind .venv has gone."""
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    assert call(checkout, "make", "-q", ".venv/run.stamp").returncode == 1


def test_each_goal_calls_its_tool(checkout: Path) -> None:
    """check is format, lint, types and import rules; test is pytest with ARGS."""
    assert call(checkout, "make", "check").returncode == 0
    assert call(checkout, "make", "test", "ARGS=-k jobs").returncode == 0
    text = "\n".join(calls(checkout))
    for tool in ("ruff format --check", "ruff check", "-m mypy", "lint_imports", "-m pytest -k jobs"):
        assert tool in text


def test_help_lists_every_goal(checkout: Path) -> None:
    """`make` alone lists the goals, and each listed goal exists."""
    listed = [line.split()[1] for line in call(checkout, "make").stdout.splitlines()]
    assert {"chat", "test", "check", "run", "bench", "lock", "clean"} <= set(listed)
    for goal in listed:
        assert call(checkout, "make", "-n", goal).returncode == 0


@pytest.mark.parametrize(("fails", "code"), [("ruff", 1), ("pytest", 1), ("", 0)])
def test_ci_fails_when_either_fails_and_runs_both(checkout: Path, fails: str, code: int) -> None:
    """A failed check does not hide the tests' result, nor the other way round."""
    if fails:
        (checkout / "fails").write_text(fails, "utf-8")
    ran = call(checkout, "bash", ".ci/run")
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert any("-m pytest" in line for line in calls(checkout))
    assert any("-m ruff" in line for line in calls(checkout))
    assert ("FAILED: make" in ran.stdout) == bool(code)
