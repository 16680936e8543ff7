"""What the person sees meanwhile: one moving line on a terminal, one line a package elsewhere."""

from __future__ import annotations

import shutil
import time
from typing import TextIO

# In a log (no terminal) a long download is silent; a line this often, in seconds, tells that it is alive.
HEARTBEAT_SECONDS = 15.0


class Progress:
    """Counts packages of one phase after the other. `show` is cheap and may be called many times a second."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._live = out.isatty()
        self._began = self._spoke = time.monotonic()
        self._line = ""

    def say(self, text: str) -> None:
        """A whole line that stays."""
        self._erase()
        self._write(f"{text}\n")

    def step(self, verb: str, done: int, total: int, name: str) -> None:
        """Package `done` (starts at 1) of `total` has begun or ended."""
        self._line = f"  {verb} [{done:>{len(str(total))}}/{total}] {name}"
        if self._live:
            self.show("")
        else:
            self._write(f"{self._line}\n")

    def show(self, detail: str) -> None:
        """The same step goes on; `detail` is what moves (bytes so far)."""
        seconds = f"{time.monotonic() - self._began:.0f} s"
        text = "  ".join(part for part in (self._line, detail, seconds) if part)
        if self._live:
            # A line longer than the window would wrap, and erasing would leave its first half behind.
            width = max(20, shutil.get_terminal_size().columns - 1)
            self._write(f"\r\x1b[K{text[:width]}")
        elif time.monotonic() - self._spoke > HEARTBEAT_SECONDS:
            self._write(f"{text}\n")

    def close(self) -> None:
        """Leaves the cursor at the start of an empty line."""
        self._erase()

    def _erase(self) -> None:
        if self._live:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._spoke = time.monotonic()
        self._out.write(text)
        self._out.flush()
