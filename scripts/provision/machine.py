"""Is this machine ready? Each probe raises a Problem that names the remedy for this system."""

from __future__ import annotations

import ctypes
import importlib.util
import shutil
import sys
from pathlib import Path

from scripts.provision.problem import Problem

MIB = 1024 * 1024
# Measured: .venv takes 430 (run) or 525 MiB (dev) and 50 for bytecode; pip's downloads take 170 until it ends, and as
# much again in its cache, mostly on the same disk. Below this a set-up fails after a minute with a filled disk.
NEEDED_MIB = {"run": 900, "dev": 1000}

_GOMP = {
    "debian": "sudo apt install libgomp1",
    "fedora": "sudo dnf install libgomp",
    "alpine": "apk add libgomp",
    "suse": "sudo zypper install libgomp1",
    "arch": "sudo pacman -S gcc-libs",
}


def family(release: Path = Path("/etc/os-release")) -> str:
    """`debian`, `fedora`, `alpine`, `suse`, `arch` or "": whose packages this Linux has.

    Format: https://www.freedesktop.org/software/systemd/man/latest/os-release.html
    """
    try:
        pairs = [line.partition("=") for line in release.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return ""
    values = {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    names = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace("rhel", "fedora").replace("opensuse", "suse")
    return next((name for name in _GOMP if name in names), "")


def require_venv(system: str) -> None:
    """Debian and Ubuntu ship `venv` without `ensurepip` until python3.X-venv is installed."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    what = f"Python {version} ({sys.executable}) has no working venv: its module ensurepip is missing."
    if system == "debian":
        raise Problem(what, f"sudo apt install python{version}-venv")
    raise Problem(
        what,
        "install the package of your system that brings ensurepip (often called python3-venv or py3-pip)",
        "or name a complete Python:  make chat PYTHON=/path/to/python3",
    )


def require_openmp(system: str, model_url: str) -> str:
    """llama.cpp's Linux wheel loads the system's libgomp.so.1; without it the embedded model cannot start.

    Returns a warning (or "") instead of raising when `model_url` says that another machine runs the model.
    """
    if not sys.platform.startswith("linux"):
        return ""
    try:
        ctypes.CDLL("libgomp.so.1")
    except OSError:
        remedy = _GOMP.get(system, "install GCC's OpenMP library (libgomp) from your system's packages")
        what = "The library libgomp.so.1 is missing; the embedded model needs it."
        if model_url:
            return f"{what} MODEL_URL is set, so this goes on without. ({remedy})"
        raise Problem(what, remedy, "or set MODEL_URL to a model server") from None
    return ""


def require_room(where: Path, kind: str) -> None:
    """`where` is the checkout: .venv and pip's temporary files both go there."""
    free = shutil.disk_usage(where).free // MIB
    if free < NEEDED_MIB[kind]:
        raise Problem(
            f"The disk is too full: the set-up needs {NEEDED_MIB[kind]} MB in {where}, and {free} MB are free.",
            f"free {NEEDED_MIB[kind] - free} MB or more there, or clone Corral to a larger disk",
        )
