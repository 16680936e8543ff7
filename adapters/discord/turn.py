"""Whose turn it is to listen, and where in the gateway's stream: kept in the store, for whichever process goes on."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from adapters.discord.progress import Marks, Progress
from conversation.errors import StoreUnavailable

log = logging.getLogger(__name__)

KEEP_SECONDS, STAND_BY_SECONDS = 1.0, 0.5


class Sessions(Protocol):
    """Where a listener left off, for all processes. Every method raises StoreUnavailable. See storage/gateways.py."""

    @property
    def lease_seconds(self) -> float:
        """Whoever did not `keep` for so long may have been followed by another."""

    async def take(self, bot: str, owner: str) -> bool:
        """Become the one that listens."""

    async def load(self, bot: str) -> Mapping[str, str]:
        """What was kept last."""

    async def keep(
        self, bot: str, owner: str, session: Mapping[str, str], marks: Mapping[str, int], known: Mapping[str, int]
    ) -> bool:
        """Go on listening; False when another process does."""

    async def release(self, bot: str, owner: str) -> None:
        """Let another process listen."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session of the gateway's: its id, and where it is resumed."""

    id: str
    url: str


class Turn:
    """This process's turn. `session` is the one to go on with; while something may be missing that it does not bring,
    `is_behind`."""

    def __init__(self, sessions: Sessions, bot: str, progress: Progress, marks: Marks) -> None:
        self._sessions, self._bot, self._progress, self._marks = sessions, bot, progress, marks
        self._owner = uuid.uuid4().hex
        self._kept_at = 0.0  # on the monotonic clock
        self._told = asyncio.Event()  # the store said whose turn it is
        self._is_new = asyncio.Event()  # a session began that is not stored yet
        self.session: Session | None = None
        self.is_behind = False
        self.is_ours = False
        self.is_standing_by = False

    async def wait(self, on_contact: Callable[[], object]) -> None:
        """Until it is ours, with the session to go on with. `on_contact` is called while we stand by."""
        while not self.is_ours:
            try:
                if await self._take():
                    break
                if not self.is_standing_by:
                    log.info("another process listens to Discord; this one stands by")
                self.is_standing_by = True
                on_contact()
            except StoreUnavailable as error:
                log.warning("Discord waits for the store: %s", error)
            await asyncio.sleep(STAND_BY_SECONDS)
        self.is_standing_by = False

    async def assured(self) -> bool:
        """Waits while the lease is over and the store cannot be asked: another process that can may listen by now, and
        would lose its session to us. False when it does."""
        while self.is_ours and time.monotonic() - self._kept_at >= self._sessions.lease_seconds:
            self._told.clear()
            await self._told.wait()
        return self.is_ours

    def begin(self, session: Session, number: int) -> None:
        """A new session began with the event of this number: it brings nothing of what was before."""
        self.session, self.is_behind = session, True
        self._progress.reset(number)
        self._is_new.set()

    async def keep(self, on_lost: Callable[[], Awaitable[None]]) -> None:
        """Tell the store every second that we are there, and where; ends after `on_lost`, when another process is."""
        while True:
            # A new session at once: killed before it is stored, a process would leave nothing to go on with.
            with suppress(TimeoutError):
                async with asyncio.timeout(KEEP_SECONDS):
                    await self._is_new.wait()
            self._is_new.clear()
            try:
                ours = await self._save()
            except StoreUnavailable as error:
                log.warning("where Discord's gateway is could not be stored: %s", error)
                continue
            except Exception:  # without this task another process would take us for dead
                log.exception("where Discord's gateway is could not be stored")
                continue
            if not ours:
                log.warning("another process listens to Discord now")
                self.is_ours = False
                self._told.set()
                await on_lost()
                return

    async def leave(self) -> None:
        """Leave the session to the next process, if the turn is ours."""
        if not self.is_ours:
            return
        self.is_ours = False
        try:
            await self._save()
            await self._sessions.release(self._bot, self._owner)
        except StoreUnavailable as error:
            log.warning("where Discord's gateway was left could not be stored: %s", error)

    async def _take(self) -> bool:
        at = time.monotonic()
        if not await self._sessions.take(self._bot, self._owner):
            return False
        kept = await self._sessions.load(self._bot)
        self.is_behind = bool(kept.get("behind"))
        self.session = Session(kept["id"], kept["url"]) if kept else None
        self._progress.reset(int(kept["seq"]) if kept else 0)
        self.is_ours, self._kept_at = True, at
        return True

    async def _save(self) -> bool:
        """Only events that are stored count, and no mark moves while what is before it may be missing."""
        session: dict[str, str] = {}
        at = time.monotonic()
        new, known = ({}, {}) if self.is_behind else self._marks.take()
        if self.session is not None:
            session = {"id": self.session.id, "url": self.session.url, "seq": str(self._progress.safe)}
            session |= {"behind": "1"} if self.is_behind else {}
        try:
            ours = await self._sessions.keep(self._bot, self._owner, session, new, known)
        except BaseException:
            self._marks.give_back(new, known)
            raise
        if ours:
            self._kept_at = at
            self._told.set()
        return ours
