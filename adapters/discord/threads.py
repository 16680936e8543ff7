"""A thread for each question: opened from its message, once, whoever does it.

Such a thread has the message's id, so nobody needs to look for it, and opening it twice is no harm. It is opened when
the answer is begun, before there is text: then its first text needs one call only.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from adapters.discord import pages
from adapters.discord.api import DiscordApi
from adapters.discord.history import SAID
from adapters.discord.limits import changes_to, looks_at, threads_in
from adapters.discord.places import UNTITLED, asked_in_root, thread_address, thread_title
from adapters.discord.refusals import (
    INVALID_FORM,
    MISSING_ACCESS,
    NO_PERMISSION,
    THREAD_EXISTS,
    UNKNOWN_CHANNEL,
    UNKNOWN_MESSAGE,
    Barred,
    Refusal,
)
from conversation.errors import QuestionGone
from conversation.model import Job
from conversation.recent import Recent

ARCHIVE_MINUTES: Final = 1440
DELETED = "Deleted question"

_NO_THREADS = "I may not open threads here. An admin of this server can change that."
_GONE = "The message that I was to answer is gone."


class Threads:
    """The threads that this process opens."""

    def __init__(self, api: DiscordApi) -> None:
        self._api = api
        self._open = Recent[None]()
        self._opening: dict[str, asyncio.Task[None]] = {}

    def is_open(self, job: Job) -> bool:
        """Whether this process knows that the job's thread is there."""
        return thread_address(job).thread in self._open

    async def open(self, job: Job) -> None:
        """Make sure that the job's thread is there. Raises DeliveryError."""
        root = thread_address(job).thread
        if root in self._open:
            return
        if (opening := self._opening.get(root)) is None:
            opening = self._opening[root] = asyncio.create_task(self._make(job), name=f"open the thread {root}")
            opening.add_done_callback(lambda task: self._opened(root, task))
        # Whoever is cancelled leaves it to whoever else waits for it.
        await asyncio.shield(opening)

    async def close(self, job: Job) -> None:
        """Its question was deleted, and the thread's name tells of it: take that away and archive the thread. What
        somebody else opened or wrote in stays as it is. Raises DeliveryError."""
        root = asked_in_root(job)
        if root is None:
            return
        try:
            thread = await self._api.ask(looks_at(root), lambda http: http.get_channel(root))
        except Barred as error:
            if error.code != UNKNOWN_CHANNEL:
                raise
            return  # it was never opened
        if str(thread.get("owner_id")) != await self._api.me() or await self._is_used(root):
            return
        if (thread.get("thread_metadata") or {}).get("archived"):
            await self._change(root, archived=False)  # else nothing of it can be changed
        await self._change(root, name=DELETED, archived=True)

    async def aclose(self) -> None:
        """Open no more."""
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)

    def _opened(self, root: str, task: asyncio.Task[None]) -> None:
        del self._opening[root]
        if not task.cancelled() and task.exception() is None:
            self._open[root] = None

    async def _make(self, job: Job) -> None:
        try:
            try:
                await self._start(job, thread_title(job))
            except Refusal as error:
                if error.code != INVALID_FORM:
                    raise
                # Some servers take no name with words that Discord does not like; what is asked is no matter to us.
                await self._start(job, UNTITLED)
        except Refusal as error:
            if error.code == UNKNOWN_MESSAGE and asked_in_root(job) is not None:
                raise QuestionGone(str(error), user_notice=_GONE) from error
            if error.code == UNKNOWN_MESSAGE:
                raise Barred("thread", error.code, user_notice=_GONE) from error
            if error.code != THREAD_EXISTS:
                raise
        except Barred as error:
            if error.code in {MISSING_ACCESS, NO_PERMISSION}:
                raise Barred("thread", error.code, user_notice=_NO_THREADS) from error
            raise

    async def _is_used(self, thread: str) -> bool:
        """Whether anything but Discord's own remarks stands in it."""
        return any(one.get("type") in SAID for one in await pages.after(self._api, thread, int(thread)))

    async def _change(self, thread: str, **fields: Any) -> None:
        await self._api.ask(changes_to(thread), lambda http: http.edit_channel(thread, **fields))

    async def _start(self, job: Job, name: str) -> None:
        parent, root = thread_address(job).channel, thread_address(job).thread
        await self._api.ask(
            threads_in(parent),
            lambda http: http.start_thread_with_message(parent, root, name=name, auto_archive_duration=ARCHIVE_MINUTES),
        )
