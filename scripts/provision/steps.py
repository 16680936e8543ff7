"""The story of the set-up: probe the machine, build or keep .venv, install, stamp. Safe to repeat after any end."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from scripts.provision import machine, pins, pip
from scripts.provision.explain import explain, missing_package
from scripts.provision.lock import alone
from scripts.provision.problem import Problem
from scripts.provision.progress import Progress

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Exit code: 0 ready, 1 with the problem and its remedy on stderr, 2 wrong usage, 130 interrupted."""
    if len(arguments) != 1 or arguments[0] not in pins.FILES:
        sys.stderr.write("usage: setup_venv.py run|dev\n")
        return 2
    signal.signal(signal.SIGTERM, _terminated)
    progress = Progress(sys.stdout)
    try:
        prepare(root, arguments[0], progress)
    except Problem as problem:
        return _fail(progress, str(problem))
    except KeyboardInterrupt:
        progress.close()
        sys.stderr.write("\nInterrupted. Call make again: it goes on from here.\n")
        return 130
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return _fail(progress, str(explain("No space left on device")))
        return _fail(progress, str(Problem(f"The set-up failed: {error}", "make clean, then call make again")))
    return 0


def prepare(root: Path, kind: str, progress: Progress) -> None:
    """Makes `root`/.venv hold the pins of `kind`. Writes the stamp last, so that a stamp means a whole .venv."""
    began = time.monotonic()
    with alone(root / ".venv.lock", progress):
        wanted = pins.wanted(root, kind)
        venv = root / ".venv"
        if usable(venv) and _stamped(venv, kind) == pins.digest(wanted):
            _stamp(venv, kind, root)
            return
        warning = _probe(root, kind, fresh=not usable(venv))
        if warning:
            progress.say(warning)
        if not usable(venv):
            _build(venv, progress)
        _install(root, venv, wanted, progress)
        _stamp(venv, kind, root)
        progress.say(f"Ready in {time.monotonic() - began:.0f} s.")


def usable(venv: Path) -> bool:
    """Whether .venv was left whole and its Python and pip still start: an upgrade of the system can take them away."""
    python = venv / "bin" / "python"
    if (venv / pip.UNFINISHED).exists() or not python.exists():
        return False
    try:
        tried = subprocess.run([python, "-I", "-c", "import pip"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


def _probe(root: Path, kind: str, *, fresh: bool) -> str:
    system = machine.family()
    if fresh:
        machine.require_venv(system)
        machine.require_room(root, kind)
    return machine.require_openmp(system, pins.setting(root, "MODEL_URL"))


def _build(venv: Path, progress: Progress) -> None:
    version = ".".join(map(str, sys.version_info[:3]))
    progress.say(f"{'Repairing' if venv.exists() else 'Making'} .venv with Python {version} ({sys.executable})")
    if venv.exists():
        shutil.rmtree(venv)
    # The real path: a link like python3 names another version after an upgrade, and .venv would break without a trace.
    # -I: a PYTHONPATH or PYTHONHOME of the user would leak into the new environment.
    call = [os.path.realpath(sys.executable), "-I", "-m", "venv", str(venv)]
    try:
        made = subprocess.run(call, capture_output=True, text=True, errors="replace", timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise Problem(
            "Python's venv did not finish within five minutes.", "call make again on a quieter machine"
        ) from None
    if made.returncode:
        said = (made.stdout + made.stderr).strip()
        if "No space left" in said:
            raise explain(said)
        if "ensurepip" in said and machine.family() == "debian":
            raise Problem(
                "Python's venv could not install pip.",
                f"sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv",
            )
        raise Problem(
            f"Python's venv failed: {(said.splitlines() or ['no reason given'])[-1]}",
            "try another:  make chat PYTHON=python3",
        )


def _install(root: Path, venv: Path, wanted: list[pins.Pin], progress: Progress) -> None:
    temporary = venv / "tmp"
    left_out: set[str] = set()
    for name in pins.FILES:
        (venv / f"{name}.stamp").unlink(missing_ok=True)
    while True:
        these = [pin for pin in wanted if pin.name not in left_out]
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            pip.install(venv, these, temporary, progress)
            break
        except Problem as problem:
            name = missing_package(problem)
            if not name or not pins.setting(root, pins.REPLACEABLE[name][0]):
                raise
            progress.say(
                f"There is no {name} for this machine; {pins.REPLACEABLE[name][0]} is set, so this goes on without it."
            )
            left_out.add(name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    if sys.dont_write_bytecode:
        _compile(venv, progress)


def _compile(venv: Path, progress: Progress) -> None:
    """Where Python may not write bytecode at its first import (PYTHONDONTWRITEBYTECODE), every start would cost 2 s."""
    progress.say("Compiling, because PYTHONDONTWRITEBYTECODE forbids it later ...")
    skip = "/(transformers|numpy|pip|setuptools)/"
    call = [str(venv / "bin" / "python"), "-I", "-m", "compileall", "-q", "-j", "0", "-x", skip, str(venv / "lib")]
    # Its result does not matter: what it left out is compiled in memory when it is imported.
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(call, capture_output=True, timeout=300, check=False)


def _stamped(venv: Path, kind: str) -> str:
    try:
        return (venv / f"{kind}.stamp").read_text("utf-8").strip()
    except OSError:
        return ""


def _stamp(venv: Path, kind: str, root: Path) -> None:
    """`dev` holds all of `run`, so it stamps both. Written aside and renamed: a full disk leaves no empty stamp."""
    for name in ("run", "dev") if kind == "dev" else ("run",):
        aside = venv / f"{name}.stamp.new"
        aside.write_text(pins.digest(pins.wanted(root, name)) + "\n", "utf-8")
        aside.replace(venv / f"{name}.stamp")


def _fail(progress: Progress, text: str) -> int:
    progress.close()
    sys.stderr.write(f"\n{text}\n\n")
    return 1


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
