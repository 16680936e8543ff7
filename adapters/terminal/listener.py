"""One thread of the terminal: what is sent into it, and what comes back."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from adapters.terminal.events import inbound
from adapters.terminal.screen import STATUS_ID, Screen, ScreenMessage
from conversation.errors import StoreUnavailable
from conversation.intake import Intake, Stopped
from conversation.model import Command, Ending, InboundMessage, Job, Role, Skill, ThreadId, Turn
from conversation.ports import Accepted
from conversation.skills import Request

# How often it is asked whether an answer that says nothing is still in the making.
SETTLED_CHECK_SECONDS = 2.0
SEND_PAUSES_SECONDS = (0.2, 0.5, 1.0)
STORED_CHECK_SECONDS, STORED_WITHIN_SECONDS = 0.05, 20.0
NEVER_SHOWN = "The end of this answer could not be shown here. Start chat again to see it."


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

    def after(self, record: Mapping[str, object], job_id: str) -> View:
        """The view of this job's answer when the screen has changed so."""
        message = ScreenMessage.from_record(record)
        if message.id == STATUS_ID:
            is_ours = not message.deleted and message.job_id == job_id
            return replace(self, status=message.text if is_ours else "")
        if message.deleted and message.id.startswith(f"{job_id}:"):
            return View(ending=Ending.REMOVED.value)
        if message.job_id != job_id:
            return self
        return View(message.text, self.status, message.notice, message.ending)


class TerminalThread:
    """Sends into one thread and watches its answers. Several terminals may hold the same one."""

    def __init__(self, address: ThreadId, intake: Intake, desk: Desk, screen: Screen, transcript: Transcript) -> None:
        self._address, self._intake, self._desk = address, intake, desk
        self._screen, self._transcript = screen, transcript

    async def send(self, asked: str | Request, command: Command = Command.ASK) -> str | None:
        """Accept a message durably; gives its job's id, or None when it was the word stop. Raises Refused and
        StoreUnavailable."""
        question = asked if isinstance(asked, Request) else Request(asked, Skill.ASK)
        message = inbound(self._address, uuid.uuid4().hex, "", time.time(), command)
        accepted = await self._stored(question.into(message))
        return None if isinstance(accepted, Stopped) else accepted.job_id

    async def _stored(self, message: InboundMessage) -> Accepted | Stopped:
        """Nobody sends this message again, as a platform would; and a machine that loads a model may be slow. Asked
        twice, the store keeps it once."""
        for seconds in SEND_PAUSES_SECONDS:
            with suppress(StoreUnavailable):
                return await self._intake.receive(message)
            await asyncio.sleep(seconds)
        return await self._intake.receive(message)

    def check_length(self, characters: int) -> None:
        """Raises MessageTooLong, as `send` would."""
        self._intake.check_length(characters)

    async def watch(self, job_id: str) -> AsyncGenerator[View]:
        """The answer's states until it ends. Ends at once for an answer that ended already."""
        conversation_id = await self._conversation()
        view = View()
        settled = asyncio.create_task(self._until_settled(conversation_id, job_id), name=f"settled {job_id}")
        try:
            async with aclosing(self._screen.follow(conversation_id)) as records:
                while not view.ending:
                    change = asyncio.ensure_future(anext(records))
                    try:
                        await asyncio.wait({change, settled}, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        if not change.done():  # a generator that still runs cannot be closed
                            change.cancel()
                            await asyncio.wait({change})
                    if change.cancelled():
                        break  # the job is over, and its end may have come to the screen in the same moment
                    changed = view.after(change.result(), job_id)
                    if changed != view:
                        view = changed
                        yield view
        finally:
            settled.cancel()
        if not view.ending:
            for record in await self._screen.read(conversation_id):
                view = view.after(record, job_id)
            yield view if view.ending else replace(view, ending=Ending.FAILED.value, notice=NEVER_SHOWN)

    async def _until_settled(
        self, conversation_id: str, job_id: str, *, every_seconds: float = SETTLED_CHECK_SECONDS
    ) -> None:
        while True:
            await asyncio.sleep(every_seconds)
            with suppress(StoreUnavailable):
                if all(job.id != job_id for job in await self._desk.pending(conversation_id)):
                    return

    async def stop(self, job_id: str) -> bool:
        """Stop this answer, if it is still running; what there is of it is kept."""
        conversation_id = await self._desk.conversation(self._address)
        return conversation_id is not None and await self._desk.cancel(conversation_id, job_id)

    async def answer(self, job_id: str) -> Turn | None:
        """The answer as it is stored, a moment after its end is shown. None when none is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STORED_WITHIN_SECONDS):
                await self._until_settled(await self._conversation(), job_id, every_seconds=STORED_CHECK_SECONDS)
        turns = await self.turns()
        return next((turn for turn in turns if turn.exchange == job_id and turn.role is Role.ASSISTANT), None)

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
            raise StoreUnavailable("nothing is known of this thread: the store was emptied")
        return conversation_id
