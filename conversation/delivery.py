"""Shows a growing answer as platform messages: the newest text wins, and nothing is shown that was not stored.

Order of every write: the checkpoint first, then the platform. So whoever takes over knows at least what people have
seen, finds the message that was about to be sent, and goes on in it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import PurePath

from conversation import notices
from conversation.control import Control
from conversation.errors import DeliveryError, LeaseLost, Paced, StoreUnavailable, Unreachable, Unwritable
from conversation.fencing import write_until
from conversation.generation import Draft
from conversation.model import Checkpoint, Claim, Ending, Offer, Segment, SegmentState, StopReason, ThreadId
from conversation.offers import while_running
from conversation.ports import (
    Attachment,
    ClosesPlaces,
    Content,
    FillsUp,
    JobQueue,
    OpensPlaces,
    ReplySink,
    ShowsWhole,
    TakesFiles,
    Written,
)
from conversation.shape import Shape
from conversation.splitting import Part, long_blocks, split

log = logging.getLogger(__name__)

# A final text that a platform refuses this often is given up; the answer is in the thread all the same.
FINAL_TRIES = 6
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 60.0
# A growing text is shown again soon after its platform is back; every try may cost one of the few calls of a minute.
LONGEST_GROWING_RETRY_SECONDS = 8.0
# A platform that is away is waited for: what was given up would stand there half-written, without a mark, for ever.
AWAY_SECONDS = 6 * 3600.0
# Longer code is shown in several messages; as a file it is one again.
MAX_FILES = 4
# An answer that repeats long code to show a few lines of it is cut to these, and the whole is a file.
FEW_MESSAGES = 2
EXTRA_TRIES = 3
_FILE = "file"
# A file of the text that was there before: it goes when the new text is there.
_OLD_FILE = "old file"
# Somebody was about to open the place: whoever goes on has to look for it.
_PLANNED = "?"
# The end of an answer to a question that is another now, or none, must not be shown.
_VOID = frozenset({StopReason.RESTART, StopReason.REMOVED, StopReason.LOST})


class _Void(Exception):
    """There is nothing to end any more."""


Bind = Callable[[ThreadId], Awaitable[None]]


class Delivery:
    """One answer's way to its messages. `run` beside the generation, `grow` at each piece, `close` at the end.

    `bind` is told the address of a place that is opened for the answer.
    """

    def __init__(
        self, sink: ReplySink, queue: JobQueue, claim: Claim, draft: Draft, control: Control, bind: Bind | None = None
    ) -> None:
        self._sink, self._queue, self._claim, self._draft, self._control = sink, queue, claim, draft, control
        self._bind = bind
        checkpoint = claim.checkpoint
        self._job = replace(claim.job, place=checkpoint.place)
        self._segments = [one for one in checkpoint.segments if one.mode not in {_FILE, _OLD_FILE}]
        self._files = [one for one in checkpoint.segments if one.mode == _FILE]
        self._old_files = [one for one in checkpoint.segments if one.mode == _OLD_FILE]
        # What was planned by somebody before us may be there without our knowing.
        self._unseen = {segment.key for segment in checkpoint.segments if segment.message_id is None}
        self._shown: dict[str, Content] = {}
        self._written = 0  # so many characters of the visible text are shown by now
        self._grown = asyncio.Event()
        # An answer that continues an older one shows only what is new.
        self._origin = checkpoint.origin
        self._breaks = checkpoint.breaks
        self._ending: Ending | None = None
        self._notice = ""
        self._offers: tuple[Offer, ...] = ()
        self._writing: int | None = None  # the message that is being brought up to date
        self._plain: set[int] = set()  # messages that were refused too often
        self._before: tuple[Segment, str] | None = None  # what the answer goes on with, and its text
        self._repeated_files: tuple[tuple[str, str], ...] = ()
        self.file_name = ""  # of the file whose code the answer is about
        self.barred: Unwritable | None = None  # why nothing can be shown here any more
        self.milestones = checkpoint.milestones  # stored with the next checkpoint

    def begin_at(self, origin: int) -> None:
        """Leave out the first `origin` characters, which an older message shows already."""
        self._origin = origin

    def follow(self, message_id: str, text: str, start: int) -> None:
        """The answer goes on with one whose last message shows `text` from `start` on, and a button that has done its
        work when there is more text."""
        sink = self._sink
        parts = split(text, sink.message_limit, start, in_bytes=sink.limit_in_bytes)
        if len(parts) == 1:
            self._before = (Segment(f"{self._job.id}:before", start, SegmentState.CLOSED, message_id), parts[0].text)

    def begin_in(self, message_ids: Sequence[str]) -> None:
        """Show the answer in these messages of ours, which show something else now; unless it has begun already."""
        if self._segments or self._old_files:
            return
        sink = self._sink
        files = [one for one in message_ids if isinstance(sink, TakesFiles) and sink.is_file(one)]
        texts = [one for one in message_ids if one not in files]
        self._segments = [
            Segment(f"{self._job.id}:{index}", 0, SegmentState.SENT, message_id)
            for index, message_id in enumerate(texts)
        ]
        self._old_files = [
            Segment(f"{self._job.id}:{_OLD_FILE}{index}", 0, SegmentState.CLOSED, message_id, _OLD_FILE)
            for index, message_id in enumerate(files)
        ]

    def shape(self, shape: Shape) -> Shape:
        """How an answer of this shape is shown in its place."""
        sink = self._sink
        takes_files = isinstance(sink, TakesFiles) and sink.takes_files(self._job)
        return shape.within(FEW_MESSAGES * sink.message_limit) if takes_files else shape

    def repeat(self, text: str, code: str, shape: Shape) -> None:
        """Show an answer that there is already: `text` as people see it, and `code` what the model said for it."""
        if (shape := self.shape(shape)).shown(code, ended=True) == text:
            self._repeated_files = shape.files(code)
        self._draft.text, self._draft.shape, self._draft.ended = text, Shape(), True

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
        segments = (*self._segments, *self._files)
        return tuple(segment.message_id for segment in segments if segment.message_id is not None)

    @property
    def last_start(self) -> int:
        """The last message shows the answer's visible text from this character on."""
        return self._segments[-1].start if self._segments else self._origin

    async def run(self) -> None:
        """Write what there is whenever it has grown, until cancelled."""
        pause_seconds = FIRST_RETRY_SECONDS
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
            except Unwritable as error:
                self.barred = error
                self._control.call_back(StopReason.BARRED)
                return
            except StoreUnavailable as error:
                log.warning("checkpoint not stored, the text waits: %s", error)
                self._grown.set()
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            except DeliveryError as error:
                log.log(
                    logging.DEBUG if isinstance(error, Paced) else logging.WARNING,
                    "message not written, the text waits: %s",
                    error,
                )
                self._grown.set()
                await asyncio.sleep(min(error.retry_after_seconds or pause_seconds, LONGEST_RETRY_SECONDS))
                if not isinstance(error, Paced):
                    pause_seconds = min(pause_seconds * 2, LONGEST_GROWING_RETRY_SECONDS)
                continue  # that was the pause
            except Exception:
                # A mistake of ours in showing must not stop the answer; its end is written by `close`.
                log.exception("the text of job %s could not be shown", self._job.id)
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            else:
                pause_seconds = FIRST_RETRY_SECONDS
            await asyncio.sleep(self._sink.edit_interval_seconds)

    async def close(self, ending: Ending, notice: str, offers: Sequence[Offer] = ()) -> None:
        """Write the last text with its notice and take away messages that the answer no longer needs; with REMOVED
        all of them. Stops where the question turns out to have changed or gone: `Control.reason` tells.

        Waits for a store that is away, however long, and for room within the platform's limits: without its end a text
        would stand there half-written, though the answer is stored as whole later. Waits for a platform that is away,
        for hours. One that keeps refusing is at last given plain text without buttons; one that refuses that too is
        given up, with a log line, and `barred` says why. Raises LeaseLost.
        """
        self._ending, self._notice, self._offers = ending, notice, tuple(offers)
        pause_seconds = FIRST_RETRY_SECONDS
        refusals = 0
        patient_until = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                used = 0 if ending is Ending.REMOVED else await self._write(ending, notice)
                await self._take_away(used)
                if ending is Ending.REMOVED and isinstance(self._sink, ClosesPlaces):
                    await self._sink.close_place(self._job)
                break
            except _Void:
                return
            except StoreUnavailable as error:
                log.warning("answer of job %s waits for the store: %s", self._job.id, error)
                await asyncio.sleep(FIRST_RETRY_SECONDS)
            except Unwritable as error:
                log.warning("answer of job %s has no place any more: %s", self._job.id, error)
                self.barred = error
                return
            except Paced as error:
                await asyncio.sleep(min(error.retry_after_seconds or FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS))
            except DeliveryError as error:
                refusals += (is_refusal := not isinstance(error, Unreachable))
                is_last = is_refusal and refusals >= FINAL_TRIES and not self._can_be_plainer()
                if is_last or time.monotonic() > patient_until:
                    log.error("answer of job %s could not be shown: %s", self._job.id, error)
                    self.barred = Unwritable(error.detail, user_notice=error.user_notice)
                    return
                log.warning("answer of job %s is not shown yet: %s", self._job.id, error)
                await asyncio.sleep(min(error.retry_after_seconds or pause_seconds, LONGEST_RETRY_SECONDS))
                pause_seconds = min(pause_seconds * 2, LONGEST_RETRY_SECONDS)
        if ending is not Ending.REMOVED:
            await self._try_to(self._tidy_before)
            # The text has the code already: a platform that takes no files is no reason to say that it failed.
            await self._try_to(self._attach_files)

    def _can_be_plainer(self) -> bool:
        """From now on the message that was refused is shown plainly; False when it was already, or it was no message.
        Half-written and with a Stop button it would stand there for ever."""
        if self._writing is None or self._writing in self._plain:
            return False
        self._plain.add(self._writing)
        return True

    async def _try_to(self, do: Callable[[], Awaitable[None]]) -> None:
        """What the answer is whole without."""
        for _ in range(EXTRA_TRIES):
            try:
                return await do()
            except _Void:
                return None
            except (StoreUnavailable, DeliveryError) as error:
                log.warning("the answer of job %s lacks something: %s", self._job.id, error)
                if isinstance(error, Unwritable):
                    return None
                await asyncio.sleep(min(error.retry_after_seconds or FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS))
        return None

    async def _tidy_before(self) -> None:
        """Take the notice and the buttons from the message that the answer went on with: they stand below it now."""
        if self._before is None or not self.new_text.strip():
            return
        segment, text = self._before
        await self._before_write()
        with self._holding():
            await self._sink.edit(self._job, segment, Content(text, final=True))

    async def save(self) -> None:
        """Store the draft without showing it, for whoever goes on."""
        await self._checkpoint()

    async def _write(self, ending: Ending | None = None, notice: str = "") -> int:
        """Bring every message up to date; gives how many the answer has."""
        self._writing = None
        if ending is None and isinstance(self._sink, ShowsWhole) and self._sink.is_shown_whole(self._job):
            await self._checkpoint()  # whoever goes on has the text, though nobody sees it yet
            return 0
        await self._open_place()
        visible = self._draft.visible
        parts = self._parts(visible)
        if self._is_full(parts) and len(visible) > self._written:
            self._breaks = (*self._breaks, self._written)
            parts = self._parts(visible)
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            offers = self._offers if ending is not None else while_running(self._job.id)
            content = Content(
                text=part.text,
                notice=notice if is_last else "",
                final=not is_last or ending is not None,
                ending=ending.value if is_last and ending is not None else "",
                closer=part.closer,
                offers=offers if is_last else (),
            )
            self._writing = index
            await self._show(index, part.start, _plain(content) if index in self._plain else content)
        self._writing = None
        self._written = len(visible)
        return len(parts)

    def _parts(self, visible: str) -> tuple[Part, ...]:
        sink = self._sink
        parts = split(visible, sink.message_limit, self._origin, self._breaks, in_bytes=sink.limit_in_bytes)
        return parts or (Part(self._origin, ""),)

    def _is_full(self, parts: Sequence[Part]) -> bool:
        """Whether the message with the last part takes no more text."""
        last = len(parts) - 1
        return (
            isinstance(self._sink, FillsUp)
            and last < len(self._segments)
            and self._segments[last].key in self._shown  # else nobody knows what of it was shown
            and self._sink.is_full(self._segments[last])
        )

    async def _open_place(self) -> None:
        place = self._job.place
        if (
            place not in {"", _PLANNED}
            or not isinstance(self._sink, OpensPlaces)
            or not self._sink.needs_place(self._job)
        ):
            return
        if place == "":
            self._job = replace(self._job, place=_PLANNED)
            await self._checkpoint()
        name, address = await self._sink.open(self._job, look=place == _PLANNED)
        if self._bind is not None:
            await self._bind(address)
        self._job = replace(self._job, place=name)

    async def _show(self, index: int, start: int, content: Content) -> None:
        if index == len(self._segments):
            key = f"{self._job.id}:{index}"
            self._segments.append(Segment(key=key, start=start, state=SegmentState.PLANNED))
        segment = self._segments[index]
        if self._shown.get(segment.key) == content:
            return
        await self._before_write()
        if (known := await self._whether_sent(segment)) is None:
            known = await self._send(segment, self._sink.post(self._job, segment, content))
        else:
            # At once: it was found, and must not be posted again when the edit fails.
            self._segments[index] = replace(known, start=start)
            with self._holding():
                await self._sink.edit(self._job, known, content)
        self._shown[segment.key] = content
        if not self.milestones.shown_at and content.text.strip():
            self.milestones = replace(self.milestones, shown_at=time.time())
        state = SegmentState.CLOSED if content.final else SegmentState.SENT
        self._segments[index] = replace(known, start=start, state=state)
        if segment.message_id is None:
            await self._checkpoint()

    async def _attach_files(self) -> None:
        """Long code once more, as files that can be copied as a whole."""
        if not isinstance(self._sink, TakesFiles):
            return
        # Of the whole text: what goes on within a block begins with no fence.
        blocks = long_blocks(self._draft.visible, self._sink.message_limit, self._origin)
        wholes = self._repeated_files or self._draft.shape.files(self._draft.text)
        for index, (language, code) in enumerate([*wholes, *blocks][:MAX_FILES]):
            if index == len(self._files):
                key = f"{self._job.id}:{_FILE}{index}"
                self._files.append(Segment(key=key, start=0, state=SegmentState.PLANNED, mode=_FILE))
            if (segment := self._files[index]).message_id is not None:
                continue
            await self._before_write()
            if (known := await self._whether_sent(segment)) is None:
                attachment = Attachment(self._file_name(index), language, code)
                known = await self._send(segment, self._sink.attach(self._job, segment, attachment))
            self._files[index] = replace(known, mode=_FILE, state=SegmentState.CLOSED)
            await self._checkpoint()

    def _file_name(self, index: int) -> str:
        """Without an ending: that is the block's language's. The first long block is the file that was asked about."""
        stem = PurePath(self.file_name).stem
        return (f"{stem}-{index + 1}" if index else stem) if stem else f"code-{index + 1}"

    async def _before_write(self) -> None:
        await self._checkpoint()
        if self._ending is not None and self._control.reason in _VOID:
            raise _Void
        await self._assure_lease()

    def _holding(self) -> AbstractContextManager[None]:
        return write_until(lambda: self._claim.deadline)

    async def _whether_sent(self, segment: Segment) -> Segment | None:
        """The segment with its message, if there is one."""
        if segment.message_id is not None:
            return segment
        if segment.key not in self._unseen:
            return None
        written = await self._sink.find(self._job, segment)
        self._unseen.discard(segment.key)
        return _sent(segment, written) if written is not None else None

    async def _send(self, segment: Segment, sending: Awaitable[Written]) -> Segment:
        try:
            with self._holding():
                return _sent(segment, await sending)
        except DeliveryError as error:
            if not error.certain:
                self._unseen.add(segment.key)
            raise

    async def _take_away(self, first: int) -> None:
        """Delete the messages from `first` on: a restarted answer may be shorter, a removed one leaves nothing. Files
        belong to the text that is gone."""
        files = [*self._old_files, *(self._files if self._ending is Ending.REMOVED else ())]
        for segment in [*self._segments[first:], *(replace(file, mode=_FILE) for file in files)]:
            known = segment
            if segment.message_id is None and (written := await self._sink.find(self._job, segment)) is not None:
                known = _sent(segment, written)
            if known.message_id is not None:
                await self._sink.delete(self._job, known.message_id)
        del self._segments[first:]
        self._old_files.clear()

    async def _checkpoint(self) -> None:
        checkpoint = Checkpoint(
            revision=self._job.revision,
            text=self._draft.text,
            token_ids=self._draft.ids,
            tokens_used=self._draft.tokens_used,
            segments=(*self._segments, *self._files, *self._old_files),
            origin=self._origin,
            breaks=self._breaks,
            place=self._job.place,
            ending=self._ending,
            notice=self._notice,
            milestones=self.milestones,
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


def begun_anew(checkpoint: Checkpoint, revision: int) -> Checkpoint:
    """Where the answer to a question that changed begins: in the same messages. Its files belong to the old text."""
    segments = [replace(one, mode=_OLD_FILE) if one.mode == _FILE else one for one in checkpoint.segments]
    milestones = replace(checkpoint.milestones, shown_at=0.0)
    return Checkpoint(revision=revision, segments=tuple(segments), place=checkpoint.place, milestones=milestones)


def _plain(content: Content) -> Content:
    notice = "\n".join(part for part in (content.notice, notices.SHOWN_PLAINLY) if part)
    return replace(content, notice=notice, offers=(), plain=True)


def _sent(segment: Segment, written: Written) -> Segment:
    return replace(segment, message_id=written.message_id, mode=written.mode)
