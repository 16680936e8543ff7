"""One set-up at a time in a checkout: a lock that the kernel releases however its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.provision.problem import Problem
from scripts.provision.progress import Progress

# A slow line needs minutes for 170 MB; after this many seconds the other set-up was more likely stopped (Ctrl-Z).
PATIENCE_SECONDS = 1800.0


@contextlib.contextmanager
def alone(path: Path, progress: Progress, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Holds the lock at `path` (outside .venv, which may be deleted meanwhile); waits for another holder.

    Children started with close_fds=False keep the lock until they end.
    Raises Problem after `patience_seconds`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + patience_seconds
        told = False
        while not _take(handle):
            if not told:
                progress.say("Another make prepares .venv in this checkout; waiting for it ...")
                told = True
            if time.monotonic() > deadline:
                raise Problem(
                    "Another make has been preparing .venv for very long.",
                    "look for it and end it, then call make again",
                )
            time.sleep(0.2)
        os.set_inheritable(handle, True)
        yield
    finally:
        os.close(handle)


def _take(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
