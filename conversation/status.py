"""The line that tells a person why there is no text yet."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from conversation import notices
from conversation.errors import (
    DeliveryError,
    ModelOverloaded,
    ModelUnavailable,
    Paced,
    StoreUnavailable,
    Unreachable,
)
from conversation.model import Job
from conversation.ports import ReplySink
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

# Slack shows a status for two minutes (docs.slack.dev/reference/methods/assistant.threads.setStatus).
REMIND_SECONDS = 100.0
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 30.0
# So long a platform that is away is waited for: until then the job is not settled, and whoever takes it over goes on.
AWAY_SECONDS = 6 * 3600.0


class StatusLine:
    """One answer's status line. The newest text wins, and the model never waits for a platform to show it."""

    def __init__(self, sink: ReplySink, job: Job, *, frank: bool = False) -> None:
        self._sink, self._job, self._frank = sink, job, frank
        self._text = self._said = ""
        self._lasts = False
        self._changed = asyncio.Event()
        self._saying: asyncio.Task[None] | None = None

    def say(self, text: str, *, lasts: bool = False) -> None:
        """Show `text` as soon as the platform has taken what was said before; one that `lasts` is said again before
        the platform drops it."""
        self._text, self._lasts = text, lasts
        self._changed.set()
        if text and (self._saying is None or self._saying.done()):
            self._saying = asyncio.create_task(self._say(), name=f"status {self._job.id}")

    def waits_for_model(self, error: ModelUnavailable | ModelOverloaded) -> None:
        """The model is not there, or has too much to do."""
        text = notices.MODEL_BUSY if isinstance(error, ModelOverloaded) else notices.MODEL_STARTING
        if text not in self._text:
            log.warning("job %s waits for the model: %s", self._job.id, error)
        self.say(f"{text} ({error})" if self._frank else text, lasts=True)

    def waits_in_line(self, place: int) -> None:
        """The model answers others first; `place` starts at 1."""
        self.say(notices.in_line(place), lasts=True)

    def text_comes(self) -> None:
        """What was waited for is there. Cheap: called for every token."""
        self._lasts = False

    def leave(self) -> None:
        """Say nothing more, and leave what stands there to whoever goes on."""
        self.say("")

    async def end(self, given_up: Callable[[], bool] = lambda: False) -> bool:
        """Take the line away, after what is being said just now: in the other order that would stay. Waits for a
        platform that is away, or has no room; False when `given_up` says meanwhile that another is to do it."""
        self.leave()
        if self._saying is not None:
            await asyncio.wait([self._saying])
        patient_until = time.monotonic() + AWAY_SECONDS
        for wait in growing_waits(FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS):
            try:
                await self._sink.status(self._job, "")
            except (Paced, StoreUnavailable, Unreachable) as error:
                log.warning("the status of job %s stands there still: %s", self._job.id, error)
                if time.monotonic() > patient_until:
                    break
                if given_up():
                    return False
                await asyncio.sleep(min(max(wait, error.retry_after_seconds or 0.0), LONGEST_RETRY_SECONDS))
            except DeliveryError as error:
                log.info("there is no status of job %s to end: %s", self._job.id, error)
                break
            else:
                break
        return True

    async def _say(self) -> None:
        while self._text and self._text != self._said:
            self._changed.clear()
            self._said = self._text
            await self._sink.status(self._job, self._said)
            if self._lasts and self._text == self._said:
                try:
                    async with asyncio.timeout(REMIND_SECONDS):
                        await self._changed.wait()
                except TimeoutError:
                    if self._lasts:
                        self._said = ""
