"""A person at a terminal: a real process on a pseudo-terminal, and the screen that a person would see."""

from __future__ import annotations

import os
import signal
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).parents[1]
DEADLINE_SECONDS = 45.0


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """The variables of a process with these settings and no others of ours."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR", "USER"}}
    # Nobody answers prompt-toolkit's question for the cursor's place here.
    fixed = {"DATA_DIR": str(data_dir), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "HF_HUB_OFFLINE": "1"}
    fixed["METRICS_PORT"] = "0"  # several run at once
    return {**kept, **fixed, "PYTHONPATH": str(ROOT), **settings}


class Terminal:
    """Types, and looks at the screen; `lines` also holds what has scrolled away."""

    def __init__(self, process: pexpect.spawn[bytes], columns: int, rows: int) -> None:
        self.process = process
        self._screen = pyte.HistoryScreen(columns, rows, history=5000)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """The whole text, the oldest line first."""
        gone = ["".join(row[column].data for column in range(self._screen.columns)) for row in self._screen.history.top]
        return [line.rstrip() for line in [*gone, *self._screen.display]]

    @property
    def text(self) -> str:
        """`lines` as one."""
        return "\n".join(self.lines).rstrip()

    def sees(self, text: str, *, times: int = 1) -> None:
        """Wait until the text stands there so many times; AssertionError with the screen when it never does."""
        end = time.monotonic() + DEADLINE_SECONDS
        while self.text.count(text) < times:
            self._read()
            assert time.monotonic() < end, f"never seen: {text!r}\n--- screen:\n{self.text}"

    def types(self, text: str) -> None:
        """Type and press Enter. Prompt-toolkit is ready when the prompt is the last thing there."""
        self.at_prompt()
        self.process.send(text)
        self.sees(f"you> {text}", times=self.text.count(f"you> {text}") + 1)
        self.process.send("\r")
        end = time.monotonic() + DEADLINE_SECONDS
        while self._is_at_prompt(f"you> {text}"):
            self._read()
            assert time.monotonic() < end, f"Enter did nothing\n--- screen:\n{self.text}"

    def at_prompt(self) -> None:
        """Wait until the program waits for a line."""
        end = time.monotonic() + DEADLINE_SECONDS
        while not self._is_at_prompt("you>"):
            self._read()
            assert time.monotonic() < end, f"no prompt\n--- screen:\n{self.text}"

    def takes_keys(self) -> None:
        """Wait until the program keeps what is typed for its first prompt: Enter ends no line of the terminal then."""
        end = time.monotonic() + DEADLINE_SECONDS
        while termios.tcgetattr(self.process.child_fd)[0] & termios.ICRNL:
            self._read()
            assert time.monotonic() < end, "the terminal is as it was"

    def presses(self, key: str) -> None:
        """Control and a letter."""
        self.process.sendcontrol(key)

    def ended(self) -> int:
        """Wait for the program's end; gives its exit code."""
        end = time.monotonic() + DEADLINE_SECONDS
        while self.process.isalive():
            self._read()
            assert time.monotonic() < end, f"did not end\n--- screen:\n{self.text}"
        self.process.close()
        assert self.process.exitstatus is not None, f"ended by signal {self.process.signalstatus}"
        return self.process.exitstatus

    def kill(self) -> None:
        """kill -9: the process has no chance to tidy up."""
        self.process.kill(signal.SIGKILL)
        self.process.wait()

    def _is_at_prompt(self, line: str) -> bool:
        """Whether the cursor blinks behind this line, as it does while a line is edited."""
        cursor = self._screen.cursor
        return not cursor.hidden and self._screen.display[cursor.y].rstrip() == line and cursor.x >= len(line)

    def _read(self) -> None:
        with suppress(pexpect.TIMEOUT, pexpect.EOF):
            self._stream.feed(self.process.read_nonblocking(65_536, timeout=0.05))


@contextmanager
def terminal(
    *arguments: str, env: Mapping[str, str], cwd: Path, columns: int = 100, rows: int = 40
) -> Iterator[Terminal]:
    """`python -m bot ARGUMENTS` on a terminal of its own; ended for good afterwards."""
    process: pexpect.spawn[bytes] = pexpect.spawn(
        sys.executable, ["-m", "bot", *arguments], env=dict(env), cwd=str(cwd), dimensions=(rows, columns), echo=False
    )
    try:
        yield Terminal(process, columns, rows)
    finally:
        if process.isalive():
            process.kill(signal.SIGTERM)  # the last one out stops the store; a killed one would leave it behind
            with suppress(pexpect.TIMEOUT):
                process.expect(pexpect.EOF, timeout=10)
        process.close(force=True)
