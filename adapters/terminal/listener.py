"""One thread of the terminal: what is sent into it, and what comes back."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from adapters.terminal.events import inbound
from adapters.terminal.screen import STATUS_ID, Screen, ScreenMessage
from conversation.intake import Intake, Stopped
from conversation.model import Command, Ending, Job, ThreadId, Turn


class Desk(Protocol):
    """What a terminal asks of the queue beside accepting."""

    async def conversation(self, address: ThreadId) -> str | None:
        """The conversation that `address` belongs to."""

    async def cancel(self, conversation_id: str, job_id: str = "") -> bool:
        """Stop the answer that is being made."""

    async def pending(self, conversation_id: str) -> list[Job]:
        """The thread's questions that are not settled, in order."""


class Transcript(Protocol):
    """What a terminal asks of the thread store."""

    async def turns(self, conversation_id: str) -> Sequence[Turn]:
        """The thread's turns, the oldest first."""

    async def forget(self, conversation_id: str) -> None:
        """Remove the thread."""


@dataclass(frozen=True, slots=True)
class View:
    """An answer as it stands now."""

    text: str = ""
    status: str = ""
    notice: str = ""
    ending: str = ""  # not empty: nothing follows


class TerminalThread:
    """Sends into one thread and watches its answers. Several terminals may hold the same one."""

    def __init__(self, address: ThreadId, intake: Intake, desk: Desk, screen: Screen, transcript: Transcript) -> None:
        self._address, self._intake, self._desk = address, intake, desk
        self._screen, self._transcript = screen, transcript

    async def send(self, text: str, command: Command = Command.ASK) -> str | None:
        """Accept a message durably; gives its job's id, or None when it was the word stop. Raises Refused and
        StoreUnavailable."""
        message = inbound(self._address, uuid.uuid4().hex, text, time.time(), command)
        accepted = await self._intake.receive(message)
        return None if isinstance(accepted, Stopped) else accepted.job_id

    async def watch(self, job_id: str) -> AsyncGenerator[View]:
        """The answer's states until it ends. Ends at once for an answer that ended already."""
        conversation_id = await self._conversation()
        view = View()
        async with aclosing(self._screen.follow(conversation_id)) as records:
            async for record in records:
                message = ScreenMessage.from_record(record)
                if message.id == STATUS_ID:
                    is_ours = not message.deleted and message.job_id == job_id
                    view = View(view.text, message.text if is_ours else "", view.notice, view.ending)
                elif message.deleted and message.id.startswith(f"{job_id}:"):
                    view = View(ending=Ending.REMOVED.value)
                elif message.job_id != job_id:
                    continue
                else:
                    view = View(message.text, view.status, message.notice, message.ending)
                yield view
                if view.ending:
                    return

    async def stop(self, job_id: str) -> bool:
        """Stop this answer, if it is still running; what there is of it is kept."""
        conversation_id = await self._desk.conversation(self._address)
        return conversation_id is not None and await self._desk.cancel(conversation_id, job_id)

    async def turns(self) -> Sequence[Turn]:
        """What was said so far."""
        conversation_id = await self._desk.conversation(self._address)
        return await self._transcript.turns(conversation_id) if conversation_id else ()

    async def pending(self) -> list[Job]:
        """Questions without an answer yet."""
        conversation_id = await self._desk.conversation(self._address)
        return await self._desk.pending(conversation_id) if conversation_id else []

    async def forget(self) -> None:
        """Remove what was said here."""
        if (conversation_id := await self._desk.conversation(self._address)) is not None:
            await self._transcript.forget(conversation_id)

    async def _conversation(self) -> str:
        conversation_id = await self._desk.conversation(self._address)
        if conversation_id is None:
            raise LookupError(f"nothing was ever accepted at {self._address}")
        return conversation_id
