"""What a thread shows before there is text, and Slack's own stop button beside it.

Two calls write the same line below a thread: assistant.threads.setStatus a sentence, which goes with the next message;
agents.sessions.setStatus "processing", which shows the stop button and lasts until it is said to be over
(docs.slack.dev/ai/agent-sessions). A stream says both by itself. Nothing here may delay or fail an answer.
"""

from __future__ import annotations

import asyncio
import logging

from adapters.slack.api import Barred, Refusal, SlackApi
from adapters.slack.destination import Destination, destination_of, needs_root
from adapters.slack.limits import limit_of
from conversation.background import Background
from conversation.errors import CorralError
from conversation.model import Job
from conversation.pacing import Use, take_or_raise
from conversation.recent import Lately, Recent

log = logging.getLogger(__name__)

CALL_SECONDS = 5.0
# An answer may stand in line for a while with its session open.
HOLD_SECONDS = 900.0
# Calls that new sessions leave to the ends of others.
SPARE_FOR_ENDS = 10
UNSUPPORTED_SECONDS = 600.0
# A session that stays open shows "working" for ever: its end is tried this often.
END_TRIES = 8
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 30.0

_SENTENCE, _SESSION = "assistant.threads.setStatus", "agents.sessions.setStatus"


class Status:
    """The status lines of all threads that this process answers in."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._open = Recent[bool]()  # by session: whether it is processing, as far as this process knows
        self._places = Recent[Destination]()  # by job: where a stream opened a session
        self._unsupported = Lately(UNSUPPORTED_SECONDS)  # methods and their channels
        self._ending = Background()

    async def show(self, job: Job, text: str) -> None:
        """See ReplySink.status."""
        place = self._places.get(job.id) or (None if needs_root(job) else destination_of(job))
        if place is None or not place.thread_ts:
            return  # nothing stands there yet that could have a status
        try:
            async with asyncio.timeout(2 * CALL_SECONDS):
                await (self._say(place, text) if text else self._clear(job, place))
        except (CorralError, TimeoutError) as error:
            log.debug("no status for job %s: %s", job.id, error)

    def opened_by_stream(self, job: Job, at: Destination) -> None:
        """A stream began: Slack opens the thread's session with it."""
        self._note(at, is_open=True)
        self._places[job.id] = at

    def closed_by_stream(self, at: Destination) -> None:
        """A stream was stopped, and said that the session is over."""
        self._note(at, is_open=False)

    async def aclose(self) -> None:
        """Give what still has to be ended a moment."""
        await self._ending.aclose(patience_seconds=CALL_SECONDS)

    async def _say(self, at: Destination, text: str) -> None:
        await self._call(at, _SENTENCE, text)
        if _session(at) in self._open or self._is_unsupported(at, _SESSION):
            return
        limit = limit_of(at.team, _SESSION)
        await take_or_raise(
            self._api.budget,
            Use(limit, spare=SPARE_FOR_ENDS),
            Use(limit, hold=_session(at), hold_seconds=HOLD_SECONDS),
        )
        self._note(at, is_open=True)
        await self._call(at, _SESSION, "processing", is_granted=True)
        if not self._open.get(_session(at), False):  # it came to an end while this was on its way
            await self._close(at)

    async def _clear(self, job: Job, at: Destination) -> None:
        self._places.pop(job.id, None)
        # Unknown: another process may have opened it, and died.
        was_open = self._open.pop(_session(at), True)
        if was_open and not self._is_unsupported(at, _SESSION):
            try:
                await self._close(at)
            except (CorralError, TimeoutError):
                self._ending.start(self._close_later(at), f"end the session {_session(at)}")
        else:
            await self._api.budget.release(limit_of(at.team, _SESSION), _session(at))
        await self._call(at, _SENTENCE, "")

    async def _close(self, at: Destination) -> None:
        await take_or_raise(self._api.budget, Use(limit_of(at.team, _SESSION), hold=_session(at)))
        await self._call(at, _SESSION, "active", is_granted=True)

    async def _close_later(self, at: Destination) -> None:
        pause = FIRST_RETRY_SECONDS
        for _ in range(END_TRIES):
            await asyncio.sleep(pause)
            if _session(at) in self._open:
                return  # the thread's next answer has it
            try:
                await self._close(at)
            except CorralError as error:
                pause = min(max(pause * 2, error.retry_after_seconds or 0.0), LONGEST_RETRY_SECONDS)
            else:
                return
        log.warning("a thread goes on showing that it is being answered")

    async def _call(self, at: Destination, method: str, status: str, *, is_granted: bool = False) -> None:
        if self._is_unsupported(at, method):
            return
        ask = self._api.call if is_granted else self._api.ask
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await ask(at.team, method, channel_id=at.channel, thread_ts=at.thread_ts, status=status)
        except (Refusal, Barred) as error:
            log.info("no status here for ten minutes: %s", error)
            self._unsupported.add(f"{method} {at.channel}")

    def _is_unsupported(self, at: Destination, method: str) -> bool:
        return f"{method} {at.channel}" in self._unsupported

    def _note(self, at: Destination, *, is_open: bool) -> None:
        self._open[_session(at)] = is_open


def _session(at: Destination) -> str:
    return f"{at.channel}/{at.thread_ts}"
