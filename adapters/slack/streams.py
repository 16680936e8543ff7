"""Answers as Slack's native streams: text that is only ever added to (docs.slack.dev, chat.startStream and its kin).

A stream dies about five minutes after its start and at 11 to 12 KB (slackapi/python-slack-sdk#1859); while it lives its
message cannot be updated. So what cannot go on as a stream is stopped first, and is an ordinary message from then on.
Every stream keeps its own ending free in the budget from its first word: with no call left to stop it, it would stand
there unfinished until it dies.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from adapters.slack.api import Barred, Refusal, SlackApi
from adapters.slack.destination import Destination
from adapters.slack.limits import limit_of
from adapters.slack.rendering import ANSWER, below, metadata, streamable
from conversation.errors import DeliveryError, Paced
from conversation.pacing import Pace, Use, take_or_raise
from conversation.ports import Content
from conversation.recent import Lately, Recent

log = logging.getLogger(__name__)

# The rest of the five minutes is for the end, however busy the workspace is.
ROTATE_SECONDS = 240.0
# Text of a whole message (9,000 bytes) and the addresses that were added to it.
MAX_BYTES = 10_500
# Longer than a stream lives.
HOLD_SECONDS = 360.0
PAUSE_SECONDS = 0.3
# The words right after an answer's beginning matter more than those of its tenth call: each leaves more to others.
SPARE_STEP, MOST_SPARE = 10, 30
UNSUPPORTED_SECONDS = 600.0
# With nothing to show yet, the next words come in a moment.
NO_TEXT_SECONDS = 0.1

# What has ended without us: of its age, by the person's hand, or with its message.
_OVER = frozenset({"message_not_in_streaming_state", "stopped_by_user", "message_not_found"})
# The workspace or the app has no streams at all; any other refusal may be the channel's.
_NO_STREAMS = frozenset({"unknown_method", "missing_scope", "not_allowed_token_type", "feature_not_enabled"})


@dataclass(slots=True)
class _Stream:
    ts: str
    shown: str  # all that was streamed
    begun_at: float  # on the monotonic clock
    appends: int = 0
    is_unsure: bool = False  # a call got no answer: it may show more than we know


class Streams:
    """The streams that this process began. `key` is the segment's. `on_stop` is told of each that was stopped, which
    ends its thread's session too."""

    def __init__(self, api: SlackApi, on_stop: Callable[[Destination], None]) -> None:
        self._api, self._on_stop = api, on_stop
        self._live = Recent[_Stream]()  # those that fall out are stopped like a stranger's
        self._over = Recent[None]()  # streams that have surely ended
        self._unsupported = Lately(UNSUPPORTED_SECONDS)  # workspaces and channels
        self.pace = Pace(limit_of("", "chat.appendStream"), PAUSE_SECONDS)

    def is_over(self, key: str) -> bool:
        """Whether this process knows that what began as a stream is an ordinary message now."""
        return key in self._over

    def is_full(self, key: str) -> bool:
        """Whether the stream is too old to take more than its end."""
        stream = self._live.get(key)
        return stream is not None and time.monotonic() - stream.begun_at > ROTATE_SECONDS

    async def start(self, at: Destination, key: str, content: Content) -> str | None:
        """Begin to stream; gives the message's ts. None when there are no streams here, or none is left in the budget:
        nothing was sent then. Raises DeliveryError when nobody knows whether it was."""
        if at.team in self._unsupported or at.channel in self._unsupported:
            return None
        text = streamable(content)
        if not text:
            raise Paced("nothing of the text is sure yet", retry_after_seconds=NO_TEXT_SECONDS)
        stop = limit_of(at.team, "chat.stopStream")
        grant = await self._api.budget.take(
            Use(limit_of(at.team, "chat.startStream")), Use(stop, hold=key, hold_seconds=HOLD_SECONDS)
        )
        if grant.wait_seconds > 0:
            return None
        try:
            reply = await self._api.call(
                at.team,
                "chat.startStream",
                channel=at.channel,
                thread_ts=at.thread_ts,
                recipient_team_id=at.person_team,
                recipient_user_id=at.person,
                markdown_text=text,
            )
        except DeliveryError as error:
            if not error.certain:
                raise
            await self._api.budget.release(stop, key)
            if isinstance(error, Paced):
                return None
            if isinstance(error, Refusal) or (isinstance(error, Barred) and error.code in _NO_STREAMS):
                self._remember_unsupported(at, error)
                return None
            raise
        self._live[key] = _Stream(str(reply["ts"]), text, time.monotonic())
        self.pace.wrote(key)
        return str(reply["ts"])

    async def write(self, at: Destination, key: str, ts: str, content: Content) -> bool:
        """Bring the stream to show `content`, and end it with a final one. False when it cannot: it has ended then, and
        the message is to be updated as a whole. Raises DeliveryError."""
        stream = self._live.get(key)
        whole = streamable(content) if stream is not None and not stream.is_unsure else ""
        if stream is None or not whole.startswith(stream.shown) or len(whole.encode()) > MAX_BYTES:
            await self.end(at, key, ts)
            return False
        try:
            if content.final:
                await self._stop(at, key, ts, whole[len(stream.shown) :], content)
            else:
                await self._append(at, key, stream, whole)
        except DeliveryError as error:
            stream.is_unsure = not error.certain
            if not isinstance(error, Refusal):
                raise
            if error.code in _OVER:
                await self._forget(at, key)
            else:  # too long for it, or what we do not know yet: it lives on as it is
                log.info("a stream goes on as a message: %s", error)
                await self.end(at, key, ts)
            return False
        return True

    async def end(self, at: Destination, key: str, ts: str) -> None:
        """Stop the stream, whoever began it, with what it shows now; also one that has ended. Raises DeliveryError."""
        try:
            await self._call_stop(at, key, ts)
        except Refusal as error:
            if error.code not in _OVER:
                log.info("a stream could not be stopped: %s", error)
        await self._forget(at, key)

    async def deleted(self, at: Destination, ts: str) -> None:
        """The message is gone, and with it the stream that may be in it. Safe to repeat. Raises StoreUnavailable."""
        key = next((key for key, stream in self._live.items() if stream.ts == ts), None)
        if key is not None:
            await self._forget(at, key)

    async def _append(self, at: Destination, key: str, stream: _Stream, whole: str) -> None:
        if whole == stream.shown:
            return
        self.pace.check(key)
        spare = min(SPARE_STEP * stream.appends, MOST_SPARE)
        grant = await self._api.budget.take(Use(limit_of(at.team, "chat.appendStream"), spare=spare))
        self.pace.note(grant)
        if grant.wait_seconds > 0:
            raise Paced("no append is left", retry_after_seconds=grant.wait_seconds)
        added = whole[len(stream.shown) :]
        await self._api.call(at.team, "chat.appendStream", channel=at.channel, ts=stream.ts, markdown_text=added)
        stream.shown = whole
        stream.appends += 1
        self.pace.wrote(key)

    async def _stop(self, at: Destination, key: str, ts: str, rest: str, content: Content) -> None:
        await self._call_stop(at, key, ts, markdown_text=rest or None, blocks=below(content) or None)
        self._drop(key)

    async def _call_stop(self, at: Destination, key: str, ts: str, **shown: object) -> None:
        stop = limit_of(at.team, "chat.stopStream")
        await take_or_raise(self._api.budget, Use(stop, hold=key))
        await self._api.call(
            at.team,
            "chat.stopStream",
            channel=at.channel,
            ts=ts,
            metadata=metadata(ANSWER, key),
            session_status="active",
            **shown,
        )
        self._on_stop(at)

    async def _forget(self, at: Destination, key: str) -> None:
        # What it kept for its end serves another stream. First, for when the store is away all this comes again.
        await self._api.budget.release(limit_of(at.team, "chat.stopStream"), key)
        self._drop(key)

    def _drop(self, key: str) -> None:
        self._live.pop(key, None)
        self._over[key] = None
        self.pace.end(key)

    def _remember_unsupported(self, at: Destination, error: Refusal | Barred) -> None:
        where = at.team if error.code in _NO_STREAMS else at.channel
        log.warning("no native streams for ten minutes: %s", error)
        self._unsupported.add(where)
