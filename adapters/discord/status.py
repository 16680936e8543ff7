"""What shows that an answer is coming: its thread, and the typing indicator in it.

The indicator lasts ten seconds or until we write, so it is renewed while there is no text. Nothing here may delay or
fail an answer.
"""

from __future__ import annotations

import asyncio
import logging

from adapters.discord.api import DiscordApi
from adapters.discord.limits import typing_in
from adapters.discord.places import destination_of, needs_thread
from adapters.discord.refusals import Barred, Refusal
from adapters.discord.threads import Threads
from conversation.errors import CorralError
from conversation.model import Job

log = logging.getLogger(__name__)

RENEW_SECONDS = 8.0
# Longer than anybody watches a thread for an answer that stands in line.
LONGEST_SECONDS = 900.0
MAX_TYPING = 500
# Under load calls are for texts: twenty answers that begin at once need forty of the forty-five.
SPARE_EVERYWHERE = 40


class Status:
    """The answers that this process has not begun to write."""

    def __init__(self, api: DiscordApi, threads: Threads) -> None:
        self._api, self._threads = api, threads
        self._typing: dict[str, asyncio.Task[None]] = {}  # by job

    def show(self, job: Job) -> None:
        """Go on showing that something happens, until `end`. Safe to repeat."""
        if job.id in self._typing or len(self._typing) >= MAX_TYPING:
            return
        if destination_of(job).private is not None:
            return  # Discord itself says there that we think
        self._typing[job.id] = task = asyncio.create_task(self._type(job), name=f"typing for {job.id}")
        task.add_done_callback(lambda done: self._ended(job.id, done))

    def end(self, job: Job) -> None:
        """Show nothing any more. Safe to repeat."""
        if (task := self._typing.pop(job.id, None)) is not None:
            task.cancel()

    async def aclose(self) -> None:
        """Show nothing any more, for nobody."""
        typing = list(self._typing.values())
        for task in typing:
            task.cancel()
        await asyncio.gather(*typing, return_exceptions=True)

    def _ended(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._typing.get(job_id) is task:
            del self._typing[job_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("no typing for job %s: %s", job_id, error)

    async def _type(self, job: Job) -> None:
        async with asyncio.timeout(LONGEST_SECONDS):
            await self._open_thread(job)
            channel = destination_of(job).channel
            while True:
                try:
                    await self._api.ask(
                        typing_in(channel), lambda http: http.send_typing(channel), spare_everywhere=SPARE_EVERYWHERE
                    )
                except CorralError as error:
                    log.debug("no typing for job %s: %s", job.id, error)
                    if isinstance(error, Barred | Refusal):
                        return  # each of ten thousand refused calls in ten minutes counts: then our address is shut out
                await asyncio.sleep(RENEW_SECONDS)

    async def _open_thread(self, job: Job) -> None:
        while needs_thread(job) and not self._threads.is_open(job):
            try:
                await self._threads.open(job)
            except CorralError as error:
                if error.retry_after_seconds is None:
                    raise  # the answer's own try tells what is wrong
                await asyncio.sleep(error.retry_after_seconds)
