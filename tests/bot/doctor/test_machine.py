"""What `doctor` says of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bot.doctor.findings import State
from bot.doctor.machine import LOW_MIB, TOO_LOW_MIB, check_machine, disk, openmp, package_command, room
from tests.bot.doctor.looking import look, named


async def test_a_folder_that_can_be_written_is_well(tmp_path: Path) -> None:
    """It is made where it is missing, for this user alone; how much is free is told."""
    found = await look(check_machine, data_dir=tmp_path / "new", model_url="http://x")
    assert [finding.name for finding in found] == ["machine.data_dir"]
    assert named(found, "machine.data_dir").state is not State.FAILED
    assert "are free" in named(found, "machine.data_dir").seen
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert list((tmp_path / "new").iterdir()) == []


def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    """A file in its place; another user's folder, for all but root."""
    (tmp_path / "file").write_text("")
    finding = disk(tmp_path / "file")
    assert (finding.state, "DATA_DIR" in finding.fix) == (State.FAILED, True)
    if os.getuid() != 0:
        (tmp_path / "theirs").mkdir(mode=0o500)
        assert disk(tmp_path / "theirs").cause == "Permission denied"


@pytest.mark.parametrize(
    ("free", "state"), [(LOW_MIB, State.OK), (LOW_MIB - 1, State.WARNING), (TOO_LOW_MIB - 1, State.FAILED)]
)
def test_a_disk_that_fills_up_is_told(free: int, state: State) -> None:
    """How much is free, and how much has to be."""
    finding = room(Path("/data"), free)
    assert (finding.state, f"{free} MB" in finding.seen) == (state, True)
    if state is not State.OK:
        assert str(LOW_MIB - free) in finding.fix


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="llama.cpp's package for Linux needs it")
async def test_the_library_is_looked_for_with_the_embedded_model_only(tmp_path: Path) -> None:
    """Whoever has a model server needs no llama.cpp here."""
    found = await look(check_machine, data_dir=tmp_path)
    assert [finding.name for finding in found] == ["machine.data_dir", "machine.libgomp"]


def test_a_missing_library_is_told_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one command for this Linux."""
    monkeypatch.setattr(
        "bot.doctor.machine.platform.freedesktop_os_release", lambda: {"ID": "mint", "ID_LIKE": "ubuntu debian"}
    )
    finding = openmp("libnowhere.so.1")
    assert (finding.state, finding.fix) == (State.FAILED, "sudo apt install libgomp1")
    assert "libnowhere.so.1" in finding.seen


@pytest.mark.parametrize(
    ("distributions", "command"),
    [
        (["debian"], "sudo apt install libgomp1"),
        (["rocky", "rhel", "centos", "fedora"], "sudo dnf install libgomp"),
        (["alpine"], "apk add libgomp"),
        (["opensuse-leap", "suse", "opensuse"], "sudo zypper install libgomp1"),
        (["arch"], "sudo pacman -S gcc-libs"),
        (["plan9"], "install libgomp1 (Debian, Ubuntu, SUSE), libgomp (Fedora, RHEL, Alpine) or gcc-libs (Arch)"),
    ],
)
def test_each_linux_has_its_own_command(distributions: list[str], command: str) -> None:
    """By its own name, or by what it is like."""
    assert package_command(distributions) == command


def test_a_linux_without_a_name_gets_all_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minimal container has no os-release."""

    def none() -> dict[str, str]:
        raise OSError

    monkeypatch.setattr("bot.doctor.machine.platform.freedesktop_os_release", none)
    assert "Debian" in package_command()
