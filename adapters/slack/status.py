"""What a thread shows before there is text, and Slack's own stop button beside it.

Two calls write the same line below a thread: assistant.threads.setStatus a sentence, which goes with the next message;
agents.sessions.setStatus "processing", which shows the stop button and lasts until it is said to be over
(docs.slack.dev/ai/agent-sessions). A stream says both by itself. What is said here delays and fails no answer; that it
is over must get through, or the thread would show for ever that it is being answered.
"""

from __future__ import annotations

import asyncio
import logging

from adapters.slack.api import Barred, Refusal, SlackApi
from adapters.slack.destination import Destination, destination_of, is_private, needs_root
from adapters.slack.limits import limit_of
from conversation.errors import CorralError, Paced, Unreachable
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

_SENTENCE, _SESSION = "assistant.threads.setStatus", "agents.sessions.setStatus"


class Status:
    """The status lines of all threads that this process answers in."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._open = Recent[bool]()  # by session: whether it is processing, as far as this process knows
        self._places = Recent[Destination]()  # by job: where a stream opened a session
        self._unsupported = Lately(UNSUPPORTED_SECONDS)  # methods and their channels

    async def show(self, job: Job, text: str) -> None:
        """See ReplySink.status."""
        has_none = needs_root(job) or is_private(job)
        place = self._places.get(job.id) or (None if has_none else destination_of(job))
        if place is None or not place.thread_ts:
            return  # nothing stands there yet that could have a status
        if not text:
            await self._clear(job, place)
            return
        try:
            async with asyncio.timeout(2 * CALL_SECONDS):
                await self._say(place, text)
        except (CorralError, TimeoutError) as error:
            log.debug("no status for job %s: %s", job.id, error)

    def opened_by_stream(self, job: Job, at: Destination) -> None:
        """A stream began: Slack opens the thread's session with it."""
        self._note(at, is_open=True)
        self._places[job.id] = at

    def closed_by_stream(self, at: Destination) -> None:
        """A stream was stopped, and said that the session is over."""
        self._note(at, is_open=False)

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
        """Safe to repeat: what it knew of the session is forgotten when that has ended."""
        if self._open.get(_session(at)) is not False and not self._is_unsupported(at, _SESSION):
            await self._close(at)
        else:
            await self._api.budget.release(limit_of(at.team, _SESSION), _session(at))
        await self._call(at, _SENTENCE, "")
        self._open.pop(_session(at), None)
        self._places.pop(job.id, None)

    async def _close(self, at: Destination) -> None:
        try:
            await take_or_raise(self._api.budget, Use(limit_of(at.team, _SESSION), hold=_session(at)))
        except Paced:
            # Whoever opens a session, a process that died too, keeps the call free that ends it.
            if self._open.get(_session(at)) is None:
                return
            raise
        await self._call(at, _SESSION, "active", is_granted=True)
        self._note(at, is_open=False)

    async def _call(self, at: Destination, method: str, status: str, *, is_granted: bool = False) -> None:
        if self._is_unsupported(at, method):
            return
        ask = self._api.call if is_granted else self._api.ask
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await ask(at.team, method, channel_id=at.channel, thread_ts=at.thread_ts, status=status)
        except TimeoutError as exc:
            raise Unreachable(f"{method}: no answer in {CALL_SECONDS} s", certain=False) from exc
        except (Refusal, Barred) as error:
            log.info("no status here for ten minutes: %s", error)
            self._unsupported.add(f"{method} {at.channel}")

    def _is_unsupported(self, at: Destination, method: str) -> bool:
        return f"{method} {at.channel}" in self._unsupported

    def _note(self, at: Destination, *, is_open: bool) -> None:
        self._open[_session(at)] = is_open


def _session(at: Destination) -> str:
    return f"{at.channel}/{at.thread_ts}"
