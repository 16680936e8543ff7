"""Ctrl-C while an answer is being written: the first stops the answer, the second ends the program."""

from __future__ import annotations

import asyncio
import signal
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Interrupts:
    """Turns SIGINT, SIGTERM and SIGHUP into one of two things, at any moment of the program."""

    def __init__(self, end: Callable[[], object]) -> None:
        self._end_once = end
        self._ending = False
        self._stop: Callable[[], object] | None = None

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Catch the signals; SIGTERM and SIGHUP always end the program, in order."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._on_interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)

    @contextmanager
    def stopping(self, stop: Callable[[], object]) -> Iterator[None]:
        """Inside, the first Ctrl-C calls `stop`; any further one ends the program."""
        self._stop = stop
        try:
            yield
        finally:
            self._stop = None

    def _on_interrupt(self) -> None:
        stop, self._stop = self._stop, None
        (stop or self._end)()

    def _end(self) -> None:
        # Signals come in pairs (to the process and to its group): a second one must not cut the tidying short.
        if not self._ending:
            self._ending = True
            self._end_once()


@contextmanager
def unseen_keys() -> Iterator[None]:
    """Inside, what is typed ahead does not appear in the middle of the answer; the next prompt gets it, key by key. As
    terminals are set otherwise, Enter would come to it as the key for a new line, and nothing would be sent."""
    if not sys.stdin.isatty():
        yield
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    unseen = termios.tcgetattr(descriptor)
    unseen[0] &= ~termios.ICRNL
    unseen[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSANOW, before)
