"""What is checked before anything is installed."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import runpy
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from scripts.provision import machine
from scripts.provision.problem import Problem

ROOT = Path(__file__).resolve().parents[2]
Usage = namedtuple("Usage", "total used free")  # as shutil.disk_usage gives it


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ("ID=debian\n", "debian"),
        ('ID=ubuntu\nID_LIKE="debian"\n', "debian"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "suse"),
        ("ID=alpine\n", "alpine"),
        ("ID=nixos\n", ""),
    ],
)
def test_the_family_of_a_linux_is_known(release: str, family: str, tmp_path: Path) -> None:
    """os-release tells whose package manager the remedies must name."""
    (tmp_path / "os-release").write_text(release, "utf-8")
    assert machine.family(tmp_path / "os-release") == family
    assert machine.family(tmp_path / "absent") == ""


def test_debians_split_venv_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ensurepip the remedy is the package for exactly this Python's version."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name))
    with pytest.raises(Problem) as debian:
        machine.require_venv("debian")
    assert debian.value.remedies == (f"sudo apt install python3.{sys.version_info.minor}-venv",)
    with pytest.raises(Problem, match="ensurepip") as other:
        machine.require_venv("")
    assert any("PYTHON=" in line for line in other.value.remedies)


def test_a_missing_openmp_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without libgomp.so.1 the set-up ends with the command that installs it."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(f"{name}: cannot open")))
    with pytest.raises(Problem, match=r"libgomp\.so\.1") as missing:
        machine.require_openmp("debian", model_url="")
    assert missing.value.remedies[0] == "sudo apt install libgomp1"


def test_with_a_model_server_a_missing_openmp_library_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the embedded model loads libgomp: with MODEL_URL the set-up goes on and says so."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: (_ for _ in ()).throw(OSError(f"{name}: cannot open")))
    assert "libgomp" in machine.require_openmp("fedora", model_url="http://gpu:8080")


def test_a_full_disk_is_told_before_the_first_byte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The sentence says what is needed, what is there and where."""
    monkeypatch.setattr(shutil, "disk_usage", lambda where: Usage(0, 0, 120 * machine.MIB))
    with pytest.raises(Problem, match="120 MB are free") as full:
        machine.require_room(tmp_path, "run")
    assert str(tmp_path) in full.value.what
    monkeypatch.setattr(shutil, "disk_usage", lambda where: Usage(0, 0, 2000 * machine.MIB))
    machine.require_room(tmp_path, "dev")


def test_an_old_python_gets_words_instead_of_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """setup_venv.py ends with exit code 1 and the remedy when it is run by Python 3.9."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(ROOT / "scripts" / "setup_venv.py"))
    assert ended.value.code == 1
    assert "needs Python 3.11 or newer" in capsys.readouterr().err


def test_real_old_pythons_can_read_the_version_check() -> None:
    """Each older Python of this machine parses setup_venv.py and says its sentence."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: list[Path | str | None] = [
        *pyenv.glob("[23].*/bin/python"),
        *(shutil.which(f"python3.{minor}") for minor in range(6, 11)),
    ]
    tried = 0
    for python in (path for path in found if path):
        version = subprocess.run([python, "--version"], capture_output=True, text=True, timeout=60, check=False)
        words = (version.stdout + version.stderr).replace("Python ", "").strip().split(".")
        if version.returncode or not words[0].isdigit() or (int(words[0]), int(words[1])) >= (3, 11):
            continue
        ran = subprocess.run(
            [python, ROOT / "scripts" / "setup_venv.py", "run"], capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, "needs Python 3.11 or newer" in ran.stderr) == (1, True), ran.stderr
        assert "Traceback" not in ran.stderr
        tried += 1
    if not tried:
        pytest.skip("no Python older than 3.11 on this machine")
