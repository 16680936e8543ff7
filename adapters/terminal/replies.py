"""Writes answers for terminals."""

from __future__ import annotations

from adapters.terminal.screen import STATUS_ID, Screen, ScreenMessage
from conversation.errors import DeliveryError, StoreUnavailable
from conversation.model import Job, Segment
from conversation.ports import Content, ReplySink, Written


class TerminalReplies:
    """A ReplySink whose message ids are the segments' keys, so that every write is repeatable."""

    message_limit = 10_000_000  # a terminal has none
    limit_in_bytes = False
    has_buttons = False
    edit_interval_seconds = 0.06  # about what an eye can follow; the store takes far more

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    async def find(self, job: Job, segment: Segment) -> Written | None:
        """See ReplySink.find."""
        records = await self._screen.read(job.conversation_id)
        return Written(segment.key) if any(record["id"] == segment.key for record in records) else None

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post."""
        await self.edit(job, segment, content)
        return Written(segment.key)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """See ReplySink.edit."""
        message_id = segment.message_id or segment.key
        # What only closes a block moves when the text grows, and what a pipe was given cannot be taken back.
        text = content.text if content.final else content.text.removesuffix(content.closer)
        message = ScreenMessage(message_id, job.id, text, content.notice, content.ending)
        try:
            await self._screen.put(job.conversation_id, message_id, message.to_record())
        except StoreUnavailable as exc:
            raise DeliveryError(str(exc), certain=True) from exc  # writing the same id again is harmless

    async def delete(self, job: Job, message_id: str) -> None:
        """See ReplySink.delete."""
        await self._screen.delete(job.conversation_id, message_id)

    async def status(self, job: Job, text: str) -> None:
        """See ReplySink.status."""
        try:
            if text:
                record = ScreenMessage(STATUS_ID, job.id, text).to_record()
                await self._screen.put(job.conversation_id, STATUS_ID, record)
            else:
                await self._screen.delete(job.conversation_id, STATUS_ID)
        except StoreUnavailable:
            return  # a status is no promise


_: type[ReplySink] = TerminalReplies
