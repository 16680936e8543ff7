"""One answer's way through Delivery into a platform's sink, without a queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import cast

from conversation.control import Control
from conversation.delivery import Delivery
from conversation.generation import Draft
from conversation.model import Checkpoint, Claim, Job, StopReason
from conversation.ports import JobQueue, ReplySink


class OneClaim:
    """The queue as a delivery sees it: it keeps the claim's checkpoint."""

    def __init__(self) -> None:
        self.checkpoints: list[Checkpoint] = []

    async def checkpoint(self, claim: Claim, checkpoint: Checkpoint) -> StopReason | None:
        self.checkpoints.append(checkpoint)
        return None

    async def renew(self, claims: Sequence[Claim]) -> list[StopReason | None]:
        return [None for _ in claims]


class Answer:
    """One answer that is being written."""

    def __init__(self, sink: ReplySink, job: Job, checkpoint: Checkpoint | None = None) -> None:
        claim = Claim(job, checkpoint or Checkpoint(), 1, 1, time.monotonic() + 600, "1-0")
        self.claim, self.draft, self.queue = claim, Draft.resume(claim.checkpoint), OneClaim()
        self.delivery = Delivery(sink, cast("JobQueue", self.queue), claim, self.draft, Control())

    @asynccontextmanager
    async def being_shown(self) -> AsyncIterator[None]:
        showing = asyncio.create_task(self.delivery.run())
        try:
            yield
        finally:
            showing.cancel()
            with suppress(asyncio.CancelledError):
                await showing

    def say(self, text: str) -> None:
        self.draft.text = text
        self.delivery.grow()
