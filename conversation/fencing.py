"""Whether a write may still be sent, asked at the last moment before it is.

A process can sleep (SIGSTOP, a machine that is moved) between the moment when it made sure of its lease and the call
that it was about to make. When it wakes another one may have finished the answer, and the old text would come over it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from conversation.errors import Paced

_deadline: ContextVar[Callable[[], float] | None] = ContextVar("deadline", default=None)
# Only to come back at once; then the lease is asked for.
_AGAIN_SECONDS = 0.01


@contextmanager
def write_until(deadline: Callable[[], float]) -> Iterator[None]:
    """What is sent inside is sent before `deadline()`, on the monotonic clock, or not at all."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def assure_in_time() -> None:
    """Called by adapters right before a call. Raises Paced, with nothing sent, when the time is over."""
    if (deadline := _deadline.get()) is not None and time.monotonic() > deadline():
        raise Paced("the lease may have run out", retry_after_seconds=_AGAIN_SECONDS)
