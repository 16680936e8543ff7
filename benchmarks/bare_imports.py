"""What stands beside the program at rest: it imports the modules that stdin names, one a line, prints "ready", and does
nothing until its end."""

from __future__ import annotations

import importlib
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Import and wait."""
    for name in sys.stdin.read().split():
        # What tells of its import and then fails is done without by whoever imports it.
        with suppress(ImportError):
            importlib.import_module(name)
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
