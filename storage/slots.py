"""The slots of a model's server: how many answers it makes at once, counted over all processes that ask it.

A slot belongs to a conversation's claim. The renewal of the claim keeps it (scripts/renew.lua), whatever settles the
claim gives it back, and that of a process that died runs out with its lease: it cannot leak. Who finds none free waits
in one line; a place is kept by asking again. docs/decisions/a-fair-line-for-the-model.md tells why it is built so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from redis.asyncio import Redis

from conversation.errors import LeaseLost, StoreUnavailable
from conversation.model import Claim
from conversation.ports import ModelSlots
from storage.client import store_errors
from storage.keys import SLOT_SECONDS, Keys
from storage.scripts import queue_script
from storage.signals import listen

log = logging.getLogger(__name__)

# How often a place is told anew. A free slot is heard of at once; this also makes good a message that was not heard.
ASK_SECONDS = 1.0
GIVE_BACK_SECONDS = 2.0


class RedisSlots:
    """The slots as one worker process sees them. `lease_seconds` is that of its RedisJobs: whose claim is not renewed
    for so long loses its slot, or its place in the line."""

    def __init__(self, redis: Redis, keys: Keys, *, lease_seconds: float = 4.0) -> None:
        if not 0 < lease_seconds < SLOT_SECONDS:
            raise ValueError(f"a lease lasts between 0 and {SLOT_SECONDS} seconds")
        self._redis, self._keys, self._lease_seconds = redis, keys, lease_seconds
        self._ask_seconds = min(ASK_SECONDS, lease_seconds / 3)
        self._acquire = queue_script(redis, keys, "slot_acquire")
        self._release = queue_script(redis, keys, "slot_release")
        self._free = queue_script(redis, keys, "slot_free")
        self._waiting_threads = queue_script(redis, keys, "slot_waiting")
        self._waiting: dict[str, asyncio.Event] = {}  # conversation -> set when it should ask again
        self._listening: asyncio.Task[None] | None = None  # as long as somebody waits

    @asynccontextmanager
    async def hold(
        self, claim: Claim, server: str, slots: int, *, on_place: Callable[[int], None], keep: Callable[[], bool]
    ) -> AsyncIterator[None]:
        """As in `ports.ModelSlots`."""
        try:
            await self._wait(claim, server, slots, on_place)
            yield
        finally:
            if not keep():
                await asyncio.shield(self._give_back(claim))

    async def free(self, server: str, slots: int) -> int:
        """As in `ports.ModelSlots`."""
        with store_errors():
            free = await self._free(server, slots)
        assert isinstance(free, int)
        return free

    async def waiting(self) -> int:
        """As in `ports.ModelSlots`."""
        with store_errors():
            waiting = await self._waiting_threads()
        assert isinstance(waiting, int)
        return waiting

    async def _wait(self, claim: Claim, server: str, slots: int, on_place: Callable[[int], None]) -> None:
        if (place := await self._ask(claim, server, slots)) == 0:
            return
        told = 0
        with self._called(claim.job.conversation_id) as called:
            while place:
                if place != told:
                    on_place(place)
                    told = place
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._ask_seconds):
                        await called.wait()
                called.clear()
                place = await self._ask(claim, server, slots)

    async def _ask(self, claim: Claim, server: str, slots: int) -> int:
        job = claim.job
        while True:
            try:
                with store_errors():
                    place = await self._acquire(
                        job.conversation_id, job.id, claim.fence, server, slots, self._lease_seconds
                    )
            except StoreUnavailable as error:
                # Asked again only when the others have renewed what they hold: after an outage all of it looks free,
                # and the server would be given twice its slots.
                log.warning("no slot for job %s yet: %s", job.id, error)
                await asyncio.sleep(self._lease_seconds / 2)
                continue
            if place is None:
                raise LeaseLost(f"job {job.id}: fence {claim.fence} is no longer the newest")
            assert isinstance(place, int)
            return place

    async def _give_back(self, claim: Claim) -> None:
        # What cannot be given back now goes with the claim's settling, or with its lease.
        with suppress(StoreUnavailable), store_errors():
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                await self._release(claim.job.conversation_id, claim.job.id, claim.fence)

    @contextmanager
    def _called(self, conversation_id: str) -> Iterator[asyncio.Event]:
        """An event that other processes set, too."""
        called = self._waiting[conversation_id] = asyncio.Event()
        if self._listening is None:
            self._listening = asyncio.create_task(self._hear(), name="hear of free slots")
        try:
            yield called
        finally:
            if self._waiting.get(conversation_id) is called:
                del self._waiting[conversation_id]
            if not self._waiting and self._listening is not None:
                self._listening.cancel()
                self._listening = None

    async def _hear(self) -> None:
        async for conversation_id in listen(self._redis, self._keys.slots_channel()):
            if (called := self._waiting.get(conversation_id)) is not None:
                called.set()


_: type[ModelSlots] = RedisSlots
