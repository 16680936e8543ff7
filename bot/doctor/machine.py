"""This machine: room for the data, and what the embedded model needs of the system."""

from __future__ import annotations

import asyncio
import ctypes
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from bot.doctor.findings import Finding, failed, ok, warning
from bot.settings import ModelApi, Settings

MIB = 1024 * 1024
# The embedded store writes its file anew while the old one stands; below this that may fill the disk.
LOW_MIB, TOO_LOW_MIB = 500, 50

_GOMP = "libgomp.so.1"
_PACKAGES = {
    "debian": "sudo apt install libgomp1",
    "ubuntu": "sudo apt install libgomp1",
    "fedora": "sudo dnf install libgomp",
    "rhel": "sudo dnf install libgomp",
    "alpine": "apk add libgomp",
    "suse": "sudo zypper install libgomp1",
    "opensuse": "sudo zypper install libgomp1",
    "arch": "sudo pacman -S gcc-libs",
}


async def check_machine(settings: Settings) -> AsyncGenerator[Finding]:
    """The disk; with the embedded model, the library that llama.cpp is linked with."""
    yield await asyncio.to_thread(disk, settings.data_dir)
    if settings.api is ModelApi.EMBEDDED and sys.platform.startswith("linux"):
        yield await asyncio.to_thread(openmp)


def disk(data_dir: Path) -> Finding:
    """Whether `data_dir` can be written, and how much room it has."""
    fix = f"mkdir -p {data_dir} && chown $(id -u) {data_dir}   # or set DATA_DIR to a folder of yours"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=data_dir):
            pass
        free = shutil.disk_usage(data_dir).free // MIB
    except OSError as error:
        return failed("machine.data_dir", f"DATA_DIR={data_dir} cannot be written", str(error.strerror), fix)
    return room(data_dir, free)


def room(data_dir: Path, free_mib: int) -> Finding:
    """Whether so much is enough."""
    seen = f"DATA_DIR={data_dir}: {free_mib} MB are free"
    fix = f"free {LOW_MIB - free_mib} MB or more there, or set DATA_DIR to a larger disk"
    if free_mib < TOO_LOW_MIB:
        return failed("machine.data_dir", seen, "a full disk stops the embedded store, and with it every answer", fix)
    if free_mib < LOW_MIB:
        return warning("machine.data_dir", seen, "the embedded store needs as much again while it tidies its file", fix)
    return ok("machine.data_dir", seen)


def openmp(library: str = _GOMP) -> Finding:
    """Whether GCC's OpenMP library is there, which llama.cpp's package for Linux loads from the system."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return failed(
            "machine.libgomp",
            f"the system library {library} is missing",
            "llama.cpp, which runs the embedded model, is linked with it",
            package_command(),
        )
    return ok("machine.libgomp", f"{library} is there")


def package_command(distributions: Sequence[str] | None = None) -> str:
    """What installs it on the first of these that is known; without them, on this machine."""
    for name in _distributions() if distributions is None else distributions:
        if name in _PACKAGES:
            return _PACKAGES[name]
    return "install libgomp1 (Debian, Ubuntu, SUSE), libgomp (Fedora, RHEL, Alpine) or gcc-libs (Arch)"


def _distributions() -> list[str]:
    """This Linux, and those that it is like (https://www.freedesktop.org/software/systemd/man/latest/os-release.html)."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return []
    return [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
