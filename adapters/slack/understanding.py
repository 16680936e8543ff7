"""What somebody wrote in Slack, with the files that it comes with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.fetching import Read
from adapters.slack.attachments import Attachments, File
from adapters.understanding import understood
from conversation.errors import MessageTooLong
from conversation.reception import Heard, Reception


class Understanding:
    """Reads files of what concerns us, and of nothing else."""

    def __init__(self, reception: Reception, attachments: Attachments) -> None:
        self._reception, self._attachments = reception, attachments

    async def of(self, heard: Heard, files: Sequence[File]) -> Heard | None:
        """The message as it is to be stored; None for one that is nothing but files of which none is text, where nobody
        spoke to us. Raises StoreUnavailable."""
        message = heard.message
        if not (heard.is_ours or files) or not await self._reception.concerns_us(heard):
            return heard
        try:
            self._reception.check_length(len(message.text))
        except MessageTooLong:
            return heard  # as `hear` will say; nothing is looked for in it
        read = await self._attachments.read(message.address.tenant, files) if files else Read()
        if not (message.text.strip() or heard.is_ours or read.files):
            return None
        # What stands above is read, or is what was said in this thread already.
        above = bool(message.above) or message.message_id != message.address.thread
        return replace(heard, message=understood(message, read, by_name=heard.is_ours, above=above))
