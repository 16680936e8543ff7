"""Shows a growing answer as platform messages: the newest text wins, and nothing is shown that was not stored.

Order of every write: the checkpoint first, then the platform. So whoever takes over knows at least what people have
seen, finds the message that was about to be sent, and goes on in it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import replace

from conversation.control import Control
from conversation.errors import DeliveryError, LeaseLost, StoreUnavailable
from conversation.generation import Draft
from conversation.model import Checkpoint, Claim, Ending, Segment, SegmentState, StopReason
from conversation.ports import Content, JobQueue, ReplySink
from conversation.splitting import split

log = logging.getLogger(__name__)

# A final text that a platform refuses this often is given up; the answer is in the thread all the same.
FINAL_TRIES = 6
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 60.0
# The end of an answer to a question that is another now, or none, must not be shown.
_VOID = frozenset({StopReason.RESTART, StopReason.REMOVED, StopReason.LOST})


class _Void(Exception):
    """There is nothing to end any more."""


class Delivery:
    """One answer's way to its messages. `run` beside the generation, `grow` at each piece, `close` at the end."""

    def __init__(self, sink: ReplySink, queue: JobQueue, claim: Claim, draft: Draft, control: Control) -> None:
        self._sink, self._queue, self._claim, self._draft, self._control = sink, queue, claim, draft, control
        self._segments: list[Segment] = list(claim.checkpoint.segments)
        # What was planned by somebody before us may be there without our knowing.
        self._unseen = {segment.key for segment in self._segments if segment.message_id is None}
        self._shown: dict[str, Content] = {}
        self._grown = asyncio.Event()
        # An answer that continues an older one shows only what is new.
        self._origin = claim.checkpoint.origin
        self._ending: Ending | None = None
        self._notice = ""

    def begin_at(self, origin: int) -> None:
        """Leave out the first `origin` characters, which an older message shows already."""
        self._origin = origin

    def grow(self) -> None:
        """There is more text. Cheap: called for every token."""
        self._grown.set()

    @property
    def new_text(self) -> str:
        """What this answer adds to what older messages show."""
        return self._draft.visible[self._origin :]

    @property
    def message_ids(self) -> tuple[str, ...]:
        """The platform's messages so far."""
        return tuple(segment.message_id for segment in self._segments if segment.message_id is not None)

    async def run(self) -> None:
        """Write what there is whenever it has grown, until cancelled."""
        while True:
            await self._grown.wait()
            self._grown.clear()
            if not self.new_text.strip():
                continue  # a blank message would be the first thing people see
            # Shielded: a post that is cancelled half-way is a message that nobody knows of.
            write = asyncio.ensure_future(self._write())
            try:
                await asyncio.shield(write)
            except asyncio.CancelledError:
                with suppress(Exception):
                    await write
                raise
            except LeaseLost:
                self._control.call_back(StopReason.LOST)
                return
            except StoreUnavailable as error:
                log.warning("checkpoint not stored, the text waits: %s", error)
                self._grown.set()
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            except DeliveryError as error:
                log.warning("message not written, the text waits: %s", error)
                self._grown.set()
                await asyncio.sleep(min(error.retry_after_seconds or FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS))
            except Exception:
                # A mistake of ours in showing must not stop the answer; its end is written by `close`.
                log.exception("the text of job %s could not be shown", self._claim.job.id)
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            await asyncio.sleep(self._sink.edit_interval_seconds)

    async def close(self, ending: Ending, notice: str) -> None:
        """Write the last text with its notice and take away messages that the answer no longer needs; with REMOVED
        all of them. Stops where the question turns out to have changed or gone: `Control.reason` tells.

        Waits for a store that is away, however long: without its end a text would stand there half-written, though the
        answer is stored as whole later. Gives up on a platform that keeps refusing, with a log line. Raises LeaseLost.
        """
        self._ending, self._notice = ending, notice
        pause_seconds = FIRST_RETRY_SECONDS
        refusals = 0
        while True:
            try:
                used = 0 if ending is Ending.REMOVED else await self._write(ending, notice)
                await self._take_away(used)
                return
            except _Void:
                return
            except StoreUnavailable as error:
                log.warning("answer of job %s waits for the store: %s", self._claim.job.id, error)
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            except DeliveryError as error:
                refusals += 1
                if refusals == FINAL_TRIES:
                    log.error("answer of job %s could not be shown: %s", self._claim.job.id, error)
                    return
                await asyncio.sleep(min(error.retry_after_seconds or pause_seconds, LONGEST_RETRY_SECONDS))
                pause_seconds *= 2

    async def save(self) -> None:
        """Store the draft without showing it, for whoever goes on."""
        await self._checkpoint()

    async def _write(self, ending: Ending | None = None, notice: str = "") -> int:
        """Bring every message up to date; gives how many the answer has."""
        parts = split(self._draft.visible, self._sink.message_limit, self._origin)
        texts = [(part.start, part.text) for part in parts] or [(self._origin, "")]
        for index, (start, part_text) in enumerate(texts):
            is_last = index == len(texts) - 1
            content = Content(
                text=part_text,
                notice=notice if is_last else "",
                final=not is_last or ending is not None,
                ending=ending.value if is_last and ending is not None else "",
            )
            await self._show(index, start, content)
        return len(texts)

    async def _show(self, index: int, start: int, content: Content) -> None:
        if index == len(self._segments):
            key = f"{self._claim.job.id}:{index}"
            self._segments.append(Segment(key=key, start=start, state=SegmentState.PLANNED))
        segment = self._segments[index]
        if self._shown.get(segment.key) == content:
            return
        await self._checkpoint()
        if self._ending is not None and self._control.reason in _VOID:
            raise _Void
        await self._assure_lease()
        message_id = segment.message_id
        if message_id is None and segment.key in self._unseen:
            message_id = await self._sink.find(self._claim.job, segment)
            self._unseen.discard(segment.key)
        if message_id is None:
            try:
                message_id = await self._sink.post(self._claim.job, segment, content)
            except DeliveryError as error:
                if not error.certain:
                    self._unseen.add(segment.key)
                raise
        else:
            await self._sink.edit(self._claim.job, message_id, content)
        self._shown[segment.key] = content
        state = SegmentState.CLOSED if content.final else SegmentState.SENT
        self._segments[index] = replace(segment, start=start, state=state, message_id=message_id)
        if segment.message_id is None:
            await self._checkpoint()

    async def _take_away(self, first: int) -> None:
        """Delete the messages from `first` on: a restarted answer may be shorter, a removed one leaves nothing."""
        for segment in self._segments[first:]:
            message_id = segment.message_id or await self._sink.find(self._claim.job, segment)
            if message_id is not None:
                await self._sink.delete(self._claim.job, message_id)
        del self._segments[first:]

    async def _checkpoint(self) -> None:
        checkpoint = Checkpoint(
            revision=self._claim.job.revision,
            text=self._draft.text,
            token_ids=self._draft.ids,
            tokens_used=self._draft.tokens_used,
            segments=tuple(self._segments),
            origin=self._origin,
            ending=self._ending,
            notice=self._notice,
        )
        reason = await self._queue.checkpoint(self._claim, checkpoint)
        # Whoever begins this job again, in this process too, begins from here.
        self._claim.checkpoint = checkpoint
        if reason is not None and self._control.reason is not StopReason.DRAIN:  # the next worker hears it anew
            self._control.call_back(reason)

    async def _assure_lease(self) -> None:
        """A process that slept past its lease asks before it writes: another one may have gone on in its place."""
        if time.monotonic() > self._claim.deadline:
            (reason,) = await self._queue.renew([self._claim])
            if reason is StopReason.LOST:
                raise LeaseLost
