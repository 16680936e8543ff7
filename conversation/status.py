"""The line that tells a person why there is no text yet."""

from __future__ import annotations

import asyncio
import logging

from conversation import notices
from conversation.errors import ModelOverloaded, ModelUnavailable
from conversation.model import Job
from conversation.ports import ReplySink

log = logging.getLogger(__name__)


class StatusLine:
    """One answer's status line. The newest text wins, and the model never waits for a platform to show it."""

    def __init__(self, sink: ReplySink, job: Job, *, frank: bool = False) -> None:
        self._sink, self._job, self._frank = sink, job, frank
        self._text = self._said = ""
        self._saying: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """Show `text` as soon as the platform has taken what was said before."""
        self._text = text
        if self._saying is None or self._saying.done():
            self._saying = asyncio.create_task(self._say(), name=f"status {self._job.id}")

    def waits_for_model(self, error: ModelUnavailable | ModelOverloaded) -> None:
        """The model is not there, or has too much to do."""
        text = notices.MODEL_BUSY if isinstance(error, ModelOverloaded) else notices.MODEL_STARTING
        if text not in self._text:
            log.warning("job %s waits for the model: %s", self._job.id, error)
        self.say(f"{text} ({error})" if self._frank else text)

    def waits_in_line(self, place: int) -> None:
        """The model answers others first; `place` starts at 1."""
        self.say(notices.in_line(place))

    async def end(self) -> None:
        """Take the line away, after what is being said just now: in the other order that would stay."""
        self._text = ""
        if self._saying is not None:
            await asyncio.wait([self._saying])
        await self._sink.status(self._job, "")

    async def _say(self) -> None:
        while self._text and self._text != self._said:
            self._said = self._text
            await self._sink.status(self._job, self._said)
