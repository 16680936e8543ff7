"""The listeners' side of the queue: messages become jobs, and are stopped, changed and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from secrets import token_hex
from typing import Any, cast

import orjson
from redis.asyncio import Redis

from conversation.errors import QueueFull
from conversation.model import InboundMessage, Job, ThreadId
from conversation.ports import Accepted, EditOutcome, Inbox, Standing
from storage.client import store_errors
from storage.keys import DEDUPE_SECONDS, Keys, split_address
from storage.lanes import lane_of, place_of
from storage.records import dump_message, load_message, message_record
from storage.scripts import queue_script

# A platform repeats what is not acknowledged in time (Slack: 3 seconds). Whatever the client still waits for then, a
# connection or a reply, is given up.
ACCEPT_SECONDS = 0.9
# A process that dies over it must not keep the next delivery from doing it.
BEGUN_SECONDS = 10
SCANNED_AT_ONCE = 1000


def load_job(reply: Sequence[Any]) -> Job:
    """A job from what the scripts' `describe` gives."""
    return Job(
        id=reply[0].decode(),
        conversation_id=reply[1].decode(),
        messages=tuple(load_message(data) for data in reply[6]),
        accepted_at=float(reply[2]),
        revision=int(reply[3]),
    )


class RedisInbox:
    """Accepts messages into the queue that `storage.jobs` reads.

    `fast_redis` is for `accept`: it must not repeat commands nor wait long. A message of the person who wrote the last
    waiting or running question, written and accepted within `join_seconds` of it, becomes part of that question. A
    thread holds at most `max_mailbox` questions (and a question so many messages), the whole queue `max_backlog`.
    """

    def __init__(
        self,
        redis: Redis,
        fast_redis: Redis,
        keys: Keys,
        *,
        join_seconds: float = 1.0,
        max_mailbox: int = 100,
        max_backlog: int = 10_000,
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._bounds = (join_seconds, max_mailbox, max_backlog)
        self._accept = queue_script(fast_redis, keys, "accept")
        self._cancel = queue_script(redis, keys, "cancel")
        self._replace = queue_script(redis, keys, "replace")
        self._remove = queue_script(redis, keys, "remove")
        self._pending = queue_script(redis, keys, "pending")

    async def accept(self, message: InboundMessage) -> Accepted:
        """As in `ports.Inbox`. A message that came before is answered with its job, also after that has ended."""
        record = message_record(message)
        with store_errors():
            async with asyncio.timeout(ACCEPT_SECONDS):
                reply = await self._accept(
                    self._keys.content_seconds,
                    *self._bounds,
                    lane_of(message),
                    place_of(message),
                    message.author_id,
                    message.command.value,
                    token_hex(16),
                    token_hex(16),
                    orjson.dumps(record),
                    message.sent_at,
                    record["key"],
                    *message.dedupe_keys,
                )
        outcome, *rest = cast("list[Any]", reply)
        if outcome == b"full":
            raise QueueFull("this thread's mailbox is full" if rest[0] == b"thread" else "the whole queue is full")
        return Accepted(
            job_id=rest[0].decode(),
            conversation_id=rest[1].decode(),
            is_new=outcome != b"known",
            joined=outcome == b"joined",
            ahead=rest[2],
        )

    async def conversation(self, address: ThreadId) -> str | None:
        """See Inbox.conversation. Raises StoreUnavailable, as all that follow."""
        with store_errors():
            found = await self._redis.get(self._keys.address(str(address)))
        return cast("bytes", found).decode() if found is not None else None

    async def addresses(self, within: ThreadId) -> list[ThreadId]:
        """See Inbox.addresses. In small steps, which keep nobody waiting. What such an address is made of holds none
        of the signs that mean something in a pattern. Never a SCAN: it would read the names of all that others keep
        on the same server, and no ACL can bound it."""
        place, channel = split_address(within)
        found: dict[ThreadId, None] = {}
        with store_errors():
            pattern = f"{channel}*" if within.channel else "*"
            async for rest, _ in self._redis.zscan_iter(self._keys.places(place), pattern, SCANNED_AT_ONCE):
                found[ThreadId.parse(f"{place}:{rest.decode()}")] = None
        return list(found)

    async def standing(self, address: ThreadId) -> Standing:
        """See Inbox.standing. A mute lives as long as somebody asks for it, and no shorter than its thread."""
        keys, name = self._keys, str(address)
        with store_errors():
            found = cast("list[bytes | None]", await self._redis.mget(keys.address(name), keys.muted(name)))
            if found[1] is not None:
                await self._redis.expire(keys.muted(name), keys.content_seconds)
        return Standing(found[0].decode() if found[0] is not None else None, muted=found[1] is not None)

    async def mute(self, address: ThreadId, muted: bool) -> None:
        """See Inbox.mute."""
        name = self._keys.muted(str(address))
        with store_errors():
            await (self._redis.set(name, "1", ex=self._keys.content_seconds) if muted else self._redis.delete(name))

    async def begin(self, name: str) -> bool:
        """See Inbox.begin."""
        with store_errors():
            return bool(await self._redis.set(self._keys.begun(name), "1", nx=True, ex=BEGUN_SECONDS))

    async def done(self, name: str) -> None:
        """See Inbox.done."""
        with store_errors():
            await self._redis.set(self._keys.begun(name), "1", ex=DEDUPE_SECONDS)

    async def cancel(self, conversation_id: str, job_id: str = "") -> bool:
        """Stop the answer that is being made, or is about to be; False when nothing waits there, or another than
        `job_id`."""
        with store_errors():
            return await self._cancel(conversation_id, job_id) == 1

    async def replace(self, message: InboundMessage) -> EditOutcome:
        """Put an edited message in the place of the old one. A question that was stopped is asked anew by it."""
        with store_errors():
            return _outcome(await self._replace(message.key, dump_message(message)))

    async def remove(self, message_key: str) -> EditOutcome:
        """Take a message back. A question without messages leaves the queue, or, when people may have seen something
        of its answer, is stopped as REMOVED so that its worker takes that away."""
        with store_errors():
            return _outcome(await self._remove(message_key))

    async def pending(self, conversation_id: str) -> list[Job]:
        """The thread's questions that have not come to an end, in order; a running one is the first."""
        with store_errors():
            reply = cast("list[Any]", await self._pending(conversation_id))
        return [load_job(job) for job in reply]

    async def depth(self) -> int:
        """How many questions have not come to an end, in all threads."""
        with store_errors():
            return await self._redis.zcard(self._keys.backlog())

    async def place(self, conversation_id: str) -> int:
        """How many questions of all threads, running ones too, were accepted before this thread's first one; 0 when it
        has none."""
        with store_errors():
            head = cast("bytes | None", await self._redis.lindex(self._keys.mailbox(conversation_id), 0))
            rank = await self._redis.zrank(self._keys.backlog(), head) if head is not None else None
        return cast("int | None", rank) or 0


def _outcome(reply: object) -> EditOutcome:
    return EditOutcome(cast("bytes", reply).decode())


_: type[Inbox] = RedisInbox
