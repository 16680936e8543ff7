"""How a running answer is called back: by its person, by another worker, or because the process ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from conversation.model import StopReason

Result = TypeVar("Result")

# A lost job must not be touched, whatever else was asked; a removed one leaves nothing, also when it was stopped.
_WEIGHT = {
    StopReason.DRAIN: 0,
    StopReason.RESTART: 1,
    StopReason.BARRED: 2,
    StopReason.STOPPED: 3,
    StopReason.REMOVED: 4,
    StopReason.LOST: 5,
}


class CalledBack(Exception):  # it is no error, but the end of a wait
    """The answer was called back for `reason`."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Control:
    """One answer's string: pulling it ends whatever the answer waits for."""

    def __init__(self, reason: StopReason | None = None) -> None:
        self.reason = reason
        self.has_slot = False  # true once the model was free for it: from then on it does not wait any more
        self._task: asyncio.Task[object] | None = None

    def call_back(self, reason: StopReason) -> None:
        """End the answer for this reason; the weightier of two reasons holds."""
        if self.reason is None or _WEIGHT[reason] > _WEIGHT[self.reason]:
            self.reason = reason
        if self._task is not None:
            self._task.cancel()

    def asked_for(self, reason: StopReason) -> bool:
        """Whether it was called back for just this, by now."""
        return self.reason is reason

    async def run(self, work: Coroutine[object, object, Result]) -> Result:
        """Do `work` until it ends or is called back; raises CalledBack then, after the work has tidied up."""
        if self.reason is not None:
            work.close()
            raise CalledBack(self.reason)
        task = asyncio.ensure_future(work)
        self._task = task
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if self.reason is None or (current is not None and current.cancelling()):
                task.cancel()
                raise
            raise CalledBack(self.reason) from None
        finally:
            self._task = None
