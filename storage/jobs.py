"""The workers' side of the queue: jobs are claimed under a lease, kept, and brought to one end.

A lease is an entry's idle time in a Redis Streams consumer group. The fence, a number that grows with each claim of a
conversation, makes it safe: a worker that was paused past its lease writes nothing any more.
docs/decisions/jobs-in-redis-streams.md tells why it is built so; storage/claiming.py how entries are found.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, cast

from redis.asyncio import Redis

from conversation.errors import LeaseLost, StoreUnavailable
from conversation.model import Checkpoint, Claim, Settlement, StopReason
from conversation.ports import JobQueue
from storage.claiming import Look, ReadyStreams
from storage.client import store_errors
from storage.inbox import load_job
from storage.keys import Keys
from storage.records import dump_checkpoint, dump_turn, load_checkpoint
from storage.scripts import queue_script
from storage.signals import stop_signals

log = logging.getLogger(__name__)

# One renewal of so many claims holds the server for about a millisecond; all of a worker's at once would be felt.
RENEW_AT_ONCE = 50
GIVE_BACK_SECONDS = 2.0
WHY_CHARACTERS = 500


class RedisJobs:
    """The queue that `storage.inbox` fills, for one worker process.

    It claims from the `lanes` (platforms) that the process can answer. `lease_seconds` is how long a job stands still
    after its worker died; `worker_name` must differ between processes (made up when None). `max_attempts` is for the
    caller: a claim with more `attempts` has crashed its workers and is to be buried.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Keys,
        *,
        lanes: Sequence[str],
        lease_seconds: float = 4.0,
        worker_name: str | None = None,
        max_attempts: int = 3,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._streams = ReadyStreams(redis, keys, lanes=lanes, lease_seconds=lease_seconds, worker_name=worker_name)
        self._uncertain: Look | None = None  # asked for, not answered: asked again with the same token
        self._claim = queue_script(redis, keys, "claim")
        self._renew = queue_script(redis, keys, "renew")
        self._reload = queue_script(redis, keys, "reload")
        self._checkpoint = queue_script(redis, keys, "checkpoint")
        self._finish = queue_script(redis, keys, "finish")
        self._release = queue_script(redis, keys, "release")
        self._bury = queue_script(redis, keys, "bury")

    @property
    def lease_seconds(self) -> float:
        return self._lease_seconds

    @property
    def max_attempts(self) -> int:
        return self._max_attempts

    async def claim(self, limit: int) -> list[Claim]:
        """Up to `limit` (at least 1) jobs that nobody holds, abandoned ones first; for one caller at a time. Waits
        about half a second when there are none. Cancelled, it hands over what it had taken. Raises StoreUnavailable;
        then the next call brings what this one was to bring, whatever its limit."""
        if limit < 1:
            raise ValueError("claim at least one job")
        try:
            with store_errors():
                if self._uncertain is None:
                    self._uncertain = await self._streams.next(limit)
                if not (claims := await self._take(self._uncertain)):
                    self._uncertain = None
                    self._uncertain = await self._streams.wait(limit)
                    claims = await self._take(self._uncertain) if self._uncertain else []
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back())
            raise
        except StoreUnavailable:
            self._streams.defer_sweep()
            raise
        except Exception:
            self._uncertain = None  # a mistake of ours: what met it must not stand before everybody else for ever
            raise
        self._uncertain = None
        return claims

    async def _take(self, look: Look) -> list[Claim]:
        # Measured before the call: the server's clock for the lease starts later, so ours ends first.
        deadline = time.monotonic() + self._lease_seconds
        parts = [part for entry in look.entries for part in (entry.lane, entry.id, entry.conversation_id)]
        reply = await self._claim(self._streams.worker, look.token, look.share, len(look.lanes), *look.lanes, *parts)
        claims = []
        for entry, fence, attempts, job in cast("list[Any]", reply):
            try:
                claim = Claim(
                    job=load_job(job),
                    checkpoint=_stored_checkpoint(job),
                    fence=int(fence),
                    attempts=int(attempts),
                    deadline=deadline,
                    entry=entry.decode(),
                    stop=_stop(job[4]),
                )
            except (ValueError, KeyError, TypeError) as error:
                # It would fail every batch that it is claimed with, for ever, and the others in them.
                log.error("job %s cannot be read and is set aside: %r", job[0].decode(), error)
                await self._bury(job[1], job[0], fence, f"unreadable: {type(error).__name__}")
                continue
            self._streams.hold(claim.entry)
            claims.append(claim)
        return claims

    async def _give_back(self) -> None:
        # The script may have run on the server. The same token tells what it gave; else a stop of this process would
        # hold these jobs for a lease and count as their crash.
        look, self._uncertain = self._uncertain, None
        if look is None:
            return
        with suppress(StoreUnavailable), store_errors():
            async with asyncio.timeout(GIVE_BACK_SECONDS):
                for claim in await self._take(look):
                    await self.release(claim)

    async def renew(self, claims: Sequence[Claim]) -> list[StopReason | None]:
        """Keep the claims; call it four times in `lease_seconds`. Raises StoreUnavailable: those of them that were
        not reached keep their `deadline`."""
        reasons: list[StopReason | None] = []
        try:
            for start in range(0, len(claims), RENEW_AT_ONCE):
                reasons += await self._renew_some(claims[start : start + RENEW_AT_ONCE])
        except StoreUnavailable:
            self._streams.defer_sweep()
            raise
        return reasons

    async def _renew_some(self, claims: Sequence[Claim]) -> list[StopReason | None]:
        for claim in claims:
            self._streams.hold(claim.entry)
        deadline = time.monotonic() + self._lease_seconds
        parts = [part for claim in claims for part in (claim.job.conversation_id, claim.job.id, claim.fence)]
        with store_errors():
            reply = cast("list[Any]", await self._renew(self._streams.worker, self._lease_seconds, *parts))
        reasons: list[StopReason | None] = []
        for claim, found in zip(claims, reply, strict=True):
            if isinstance(found, list):
                claim.deadline = deadline
                reasons.append(_reason(claim, found))
            else:  # b"settled": it came to its end while this was on its way, there is nothing to hear
                self._streams.let_go(claim.entry)
                reasons.append(StopReason.LOST if found == b"lost" else None)
        return reasons

    async def reload(self, claim: Claim) -> Claim:
        """Brings `claim` itself up to date (job, checkpoint, stop) and returns it, so that whoever renews it does not
        ask for the same RESTART again. Raises LeaseLost, StoreUnavailable."""
        with store_errors():
            job = cast("list[Any] | None", await self._reload(*_names(claim)))
        if job is None:
            raise self._lost(claim)
        claim.job, claim.checkpoint, claim.stop = load_job(job), _stored_checkpoint(job), _stop(job[4])
        return claim

    async def checkpoint(self, claim: Claim, checkpoint: Checkpoint) -> StopReason | None:
        """Store how far the answer is, also one to a question that has changed: its messages are still there. More
        `tokens_used` than before is progress, and forgives earlier crashes. Raises LeaseLost, StoreUnavailable."""
        with store_errors():
            found = await self._checkpoint(
                *_names(claim), checkpoint.tokens_used, dump_checkpoint(checkpoint), int(checkpoint.ending is not None)
            )
        if found is None:
            raise self._lost(claim)
        return _reason(claim, cast("list[bytes]", found))

    async def finish(self, claim: Claim, settlement: Settlement) -> StopReason | None:
        """Add the turns and end the job, at once or not at all. Not ended: RESTART when the question has changed,
        REMOVED when it was deleted and the ending is another. A REMOVED ending adds no turns. Raises LeaseLost,
        StoreUnavailable."""
        turns = [part for turn in settlement.turns for part in (turn.id, dump_turn(turn), int(turn.seq > 0))]
        with store_errors():
            reply = await self._finish(
                *_names(claim),
                claim.job.revision,
                settlement.ending.value,
                settlement.cut,
                self._keys.content_seconds,
                *turns,
            )
        if reply == b"restart":
            return StopReason.RESTART
        if reply == b"removed":
            return StopReason.REMOVED
        self._ended(claim, reply)
        return None

    async def release(self, claim: Claim) -> None:
        """Hand the job over: it stays the first of its thread, and anybody may claim it at once. Quietly nothing when
        another has it already. Raises StoreUnavailable."""
        with store_errors():
            await self._release(*_names(claim))
        self._streams.let_go(claim.entry)

    async def bury(self, claim: Claim, why: str) -> None:
        """End the job among the dead letters: its ids, the attempts and `why` (cut at 500 characters; put nothing
        there that a person wrote) are kept, its messages are not. Raises LeaseLost, StoreUnavailable."""
        with store_errors():
            reply = await self._bury(*_names(claim), why[:WHY_CHARACTERS])
        self._ended(claim, reply)

    def signals(self) -> AsyncIterator[tuple[str, StopReason]]:
        """(conversation id, what is asked), for all conversations, also those of other workers; a hint only, whose
        loss the next renewal makes good. Goes on by itself after an outage."""
        return stop_signals(self._redis, self._keys.signals())

    def _ended(self, claim: Claim, reply: object) -> None:
        if reply == b"lost":
            raise self._lost(claim)
        self._streams.let_go(claim.entry)

    def _lost(self, claim: Claim) -> LeaseLost:
        self._streams.let_go(claim.entry)
        return LeaseLost(f"job {claim.job.id}: fence {claim.fence} is no longer the newest")


def _names(claim: Claim) -> tuple[str, str, int]:
    return claim.job.conversation_id, claim.job.id, claim.fence


def _stored_checkpoint(job: Sequence[Any]) -> Checkpoint:
    return load_checkpoint(job[5]) if job[5] else Checkpoint()


def _stop(asked: bytes) -> StopReason | None:
    return StopReason(asked.decode()) if asked else None


def _reason(claim: Claim, found: Sequence[bytes]) -> StopReason | None:
    """What `{revision, stop}` means now, after what the claim may have reloaded while the reply was on its way."""
    revision, asked = found
    if asked:
        return _stop(asked)
    return StopReason.RESTART if int(revision) > claim.job.revision else None


_: type[JobQueue] = RedisJobs
