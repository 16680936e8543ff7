"""Finds the conversations that wait for a worker: new entries of the ready streams, and abandoned ones."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from secrets import token_hex
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from storage.keys import GROUP, QUEUE_SECONDS, Keys
from storage.scripts import queue_script

BLOCK_MILLISECONDS = 500
SWEEPS_PER_LEASE = 5
# A worker that holds nothing and was silent for so long has ended; names are never used again.
FORGET_WORKER_MILLISECONDS = 3_600_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A conversation whose entry this worker has read."""

    lane: str
    id: str  # of the ready stream
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a claim is asked for: these entries, and the next `share` of each of the lanes."""

    entries: Sequence[Entry] = ()
    lanes: Sequence[str] = ()
    share: int = 0
    token: str = field(default_factory=lambda: token_hex(16))  # claims are made once under it, however often asked


class ReadyStreams:
    """The ready streams of some lanes as one worker reads them. Not for two tasks at once."""

    def __init__(
        self, redis: Redis, keys: Keys, *, lanes: Sequence[str], lease_seconds: float, worker_name: str | None
    ) -> None:
        if not lanes:
            raise ValueError("a worker serves at least one lane")
        self.worker = worker_name or f"{socket.gethostname()}-{os.getpid()}-{token_hex(4)}"
        self._redis = redis
        self._keys = keys
        self._lanes = list(dict.fromkeys(lanes))
        self._lease_seconds = lease_seconds
        self._lease_milliseconds = int(lease_seconds * 1000)
        self._prepared = False
        self._next_sweep = 0.0
        self._held: dict[str, float] = {}  # entries that this worker works on -> when it last said so
        self._sweep = queue_script(redis, keys, "sweep")
        self._tidy = queue_script(redis, keys, "tidy")

    def hold(self, entry_id: str) -> None:
        """This worker works on the entry, now: it is not abandoned, though an outage may make it look so."""
        self._held[entry_id] = time.monotonic()

    def let_go(self, entry_id: str) -> None:
        self._held.pop(entry_id, None)

    def defer_sweep(self) -> None:
        """After an outage every lease looks abandoned: their owners get one lease's time to renew them first."""
        self._next_sweep = time.monotonic() + self._lease_seconds

    async def abandoned(self, limit: int) -> list[Entry]:
        """Up to `limit` entries whose workers were silent for a lease; looks every fifth of a lease only, and
        again at once when there were as many."""
        now = time.monotonic()
        if now < self._next_sweep:
            return []
        self._next_sweep = now + self._lease_seconds / SWEEPS_PER_LEASE
        self._held = {entry: at for entry, at in self._held.items() if now - at < self._lease_seconds}
        reply = await self._sweep(self.worker, self._lease_milliseconds, limit, *self._lanes)
        found = [Entry(*(part.decode() for part in parts)) for parts in cast("list[list[bytes]]", reply)]
        if len(found) == limit:
            self._next_sweep = now  # there may be more: who died had perhaps twenty answers in hand
        return [entry for entry in found if entry.id not in self._held]

    async def next(self, limit: int) -> Look:
        """What to claim now: abandoned entries, or else whatever is new. A claim of it does not wait."""
        if not self._prepared:
            await self._prepare()
        return self._look(await self.abandoned(limit), limit)

    def _look(self, entries: Sequence[Entry], limit: int) -> Look:
        room = limit - len(entries)
        self._lanes.append(self._lanes.pop(0))  # no lane is always the first
        return Look(entries, self._lanes[:room], max(1, room // len(self._lanes)))

    async def wait(self, limit: int) -> Look | None:
        """What to claim as soon as there is something new; None when nothing came for about half a second."""
        entries = await self.new(limit)
        return self._look(entries, limit) if entries else None

    async def new(self, limit: int) -> list[Entry]:
        """Up to `limit` entries that nobody read yet, as many of each lane; waits about half a second for the first."""
        lanes = {self._keys.ready(lane): lane for lane in self._lanes}
        try:
            reply = await self._redis.xreadgroup(
                GROUP,
                self.worker,
                dict.fromkeys(lanes, ">"),
                count=max(1, limit // len(lanes)),
                block=BLOCK_MILLISECONDS,
            )
        except ResponseError as exc:
            # The store is new, or was emptied while this worker waited.
            if not str(exc).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            await self._prepare()
            return []
        entries = [
            Entry(lanes[stream.decode()], entry_id.decode(), fields[b"conversation"].decode())
            for stream, found in cast("list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]", reply or [])
            for entry_id, fields in found
        ]
        await self._give_back(entries[limit:])
        return entries[:limit]

    async def _give_back(self, entries: Sequence[Entry]) -> None:
        # With fewer free places than lanes a read can bring too many. As old as a lease, they are anybody's.
        for entry in entries:
            await self._redis.xclaim(
                self._keys.ready(entry.lane),
                GROUP,
                self.worker,
                0,
                [entry.id],
                idle=self._lease_milliseconds,
                justid=True,
            )

    async def _prepare(self) -> None:
        for lane in self._lanes:
            try:
                async with self._redis.pipeline() as pipe:
                    pipe.xgroup_create(self._keys.ready(lane), GROUP, "0", mkstream=True)
                    for key in (self._keys.ready(lane), self._keys.backlog()):
                        pipe.expire(key, QUEUE_SECONDS)
                    await pipe.execute()
            except ResponseError as exc:
                if "BUSYGROUP" not in str(exc):
                    raise
        await self._tidy(FORGET_WORKER_MILLISECONDS, *self._lanes)
        self._prepared = True
