"""Which Python is chosen, with a PATH of small stand-ins."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "find_python.sh"
SHIM = 'echo "pyenv: $(basename "$0"): command not found" >&2; exit 127'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with only the tools that the script calls: no real Python can be found by accident."""
    for tool in ("sh", "head", "uname", "basename"):
        real = shutil.which(tool)
        assert real
        (tmp_path / tool).symlink_to(real)
    return tmp_path


def add(path: Path, name: str, body: str) -> str:
    file = path / name
    file.write_text(f"#!{path}/sh\n{body}\n", "utf-8")
    file.chmod(0o755)
    return str(file)


def old(version: str) -> str:
    return f'[ "$1" = -V ] && echo "Python {version}" && exit 0; exit 1'


def run(path: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [path / "sh", SCRIPT],
        env={"PATH": str(path), **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_shim_that_fails_is_passed_over(path: Path) -> None:
    """A python3.14 that stands in PATH but does not run loses against a python3.11 that does."""
    add(path, "python3.14", SHIM)
    good = add(path, "python3.11", f'exec "{sys.executable}" "$@"')
    found = run(path)
    assert (found.returncode, found.stdout.strip()) == (0, good)


def test_a_python_without_ensurepip_is_the_last_resort(path: Path) -> None:
    """A complete python3.12 is better than a python3.13 whose venv package is missing; alone, that one is taken."""
    split = add(path, "python3.13", f'case "$2" in *ensurepip*) exit 1;; esac; exec "{sys.executable}" "$@"')
    whole = add(path, "python3.12", f'exec "{sys.executable}" "$@"')
    assert run(path).stdout.strip() == whole
    Path(whole).unlink()
    assert run(path).stdout.strip() == split


def test_too_old_is_said_with_the_version(path: Path) -> None:
    """With only Python 3.9 the answer names it and the system's command for a newer one."""
    add(path, "python3", old("3.9.18"))
    add(path, "apt", "exit 0")
    found = run(path)
    assert found.returncode == 1
    assert "needs Python 3.11 or newer" in found.stderr
    assert "Python 3.9.18" in found.stderr
    assert "install" in found.stderr
    assert found.stdout == ""


def test_no_python_at_all(path: Path) -> None:
    """Without any Python there are words too, not the shell's own complaint."""
    found = run(path)
    assert found.returncode == 1
    assert "none was found" in found.stderr
    assert "PYTHON=" in found.stderr


def test_the_chosen_python_is_used_or_refused_by_name(path: Path) -> None:
    """PYTHON wins over better ones in PATH; when it is too old it is named, not silently replaced."""
    add(path, "python3.13", f'exec "{sys.executable}" "$@"')
    mine = add(path, "mine", f'exec "{sys.executable}" "$@"')
    assert run(path, PYTHON=mine).stdout.strip() == mine
    refused = run(path, PYTHON=add(path, "ancient", old("3.8.1")))
    assert refused.returncode == 1
    assert "Python 3.8.1" in refused.stderr
