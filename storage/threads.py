"""Threads in the store: their turns, what they started with, and what was counted of them.

Turns are written by the queue's finish script, in the same layout: a hash of turns by id, and a sorted set that gives
each its place. Here they are read, edited and taken away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import WatchError

from conversation.errors import StoreUnavailable
from conversation.model import InboundMessage, Preferences, Role, Thread, ThreadId, Turn
from conversation.ports import AS_THE_SERVICE, ThreadStore
from conversation.question import edited
from storage.client import load_script, store_errors
from storage.keys import Keys, split_address
from storage.records import dump_preferences, dump_turn, load_preferences, load_turn

# A try is lost only to another write that got through; so many in a row mean that something else is wrong.
TRIES = 20


@dataclass(frozen=True, slots=True)
class _Change:
    """Turns to be put in the place of those with the same id, and ids of turns to be removed."""

    put: Sequence[Turn] = ()
    remove: Sequence[str] = ()


class RedisThreads:
    """The ThreadStore. Every method raises StoreUnavailable."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        self._redis, self._keys = redis, keys
        self._scripts = {
            name: load_script(redis, "threads", f"threads_{name}") for name in ("open", "count", "add", "forget")
        }

    async def open(self, conversation_id: str, system_prompt: str, preferences: Preferences = AS_THE_SERVICE) -> Thread:
        """See ThreadStore.open. All that is kept of the thread lives on for `content_seconds` from here."""
        opened = await self._run("open", conversation_id, system_prompt, dump_preferences(preferences))
        prompt, pinned, cut, stored, order, forgotten_at = opened
        places = [(turn_id, float(place)) for turn_id, place in _pairs(order)]
        turns = _in_order(dict(_pairs(stored)), places)
        return Thread(conversation_id, turns, prompt.decode(), load_preferences(pinned), int(cut), float(forgotten_at))

    async def turns(self, conversation_id: str) -> tuple[Turn, ...]:
        """See ThreadStore.turns. How long the thread lives stays as it is."""
        with store_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hgetall(self._keys.turns(conversation_id))
                pipeline.zrange(self._keys.order(conversation_id), 0, -1, withscores=True)
                stored, places = await pipeline.execute()
        return _in_order(stored, places)

    async def counts(self, conversation_id: str, fingerprint: str) -> Mapping[str, int]:
        """See ThreadStore.counts."""
        with store_errors():
            found: Any = await self._redis.hgetall(self._keys.counts(conversation_id, fingerprint))
        return {digest.decode(): int(tokens) for digest, tokens in found.items()}

    async def save_counts(self, conversation_id: str, fingerprint: str, counts: Mapping[str, int]) -> None:
        """See ThreadStore.save_counts."""
        if counts:
            flat: Iterable[str | int] = chain.from_iterable(counts.items())
            await self._run("count", conversation_id, fingerprint, *flat)

    async def bind(self, address: ThreadId, conversation_id: str) -> None:
        """See ThreadStore.bind."""
        keys, seconds = self._keys, round(self._keys.content_seconds * 1.01)
        within, rest = split_address(address)
        with store_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(keys.address(str(address)), conversation_id, ex=keys.content_seconds)
                pipeline.zadd(keys.places(within), {rest: round(time.time()) + seconds})
                pipeline.expire(keys.places(within), seconds)
                await pipeline.execute()

    async def add(self, conversation_id: str, turns: Sequence[Turn]) -> None:
        """See ThreadStore.add."""
        if turns:
            flat: Iterable[str | bytes] = chain.from_iterable((turn.id, dump_turn(turn)) for turn in turns)
            await self._run("add", conversation_id, *flat)

    async def cite(self, sources: Sequence[ThreadId], at: ThreadId) -> None:
        """See ThreadStore.cite. It is known as long as a thread lives that nobody uses."""
        with store_errors():
            async with self._redis.pipeline(transaction=True) as pipeline:
                for source in sources:
                    pipeline.sadd(self._keys.citing(str(source)), str(at))
                    pipeline.expire(self._keys.citing(str(source)), self._keys.content_seconds)
                await pipeline.execute()

    async def citing(self, source: ThreadId) -> tuple[ThreadId, ...]:
        """Where the message was read into a thread, in no order."""
        with store_errors():
            found: Any = await self._redis.smembers(self._keys.citing(str(source)))
        return tuple(ThreadId.parse(one.decode()) for one in found)

    async def edit_turn(self, conversation_id: str, edit: InboundMessage) -> bool:
        """See ThreadStore.edit_turn."""
        return await self._change(conversation_id, lambda turns: _edit(turns, edit))

    async def purge_message(self, conversation_id: str, message_id: str) -> bool:
        """The message with the platform's id `message_id` was deleted: removes its turn, and when it was the last of
        its question, the answer too. An answer's message takes only the answer with it. False when no turn is there.
        """
        return await self._change(conversation_id, lambda turns: _purge(turns, message_id))

    async def forget(self, conversation_id: str) -> None:
        """See ThreadStore.forget. The terminal's screen goes too; only a number stays, where turns are counted on."""
        await self._run("forget", conversation_id, self._keys.screen_channel(conversation_id))

    async def _run(self, script: str, conversation_id: str, *args: str | bytes | int) -> Any:
        keys = self._keys
        with store_errors():
            return await self._scripts[script](
                keys=self._names(conversation_id),
                args=[keys.content_seconds, keys.counts(conversation_id, ""), *args],
            )

    def _names(self, conversation_id: str) -> list[str]:
        keys = self._keys
        return [kind(conversation_id) for kind in (keys.thread, keys.turns, keys.order, keys.screen)]

    async def _change(self, conversation_id: str, plan: Callable[[tuple[Turn, ...]], _Change]) -> bool:
        """Change the turns as `plan` says of them, in one step: when another write comes between, look again."""
        thread, turns, order, _ = names = self._names(conversation_id)
        found = False
        with store_errors():
            for _try in range(TRIES):
                async with self._redis.pipeline(transaction=True) as pipeline:
                    await pipeline.watch(thread, turns, order)
                    stored: Any = await pipeline.hgetall(turns)
                    places: Any = await pipeline.zrange(order, 0, -1, withscores=True)
                    fields: Any = await pipeline.hkeys(thread)
                    change = plan(_in_order(stored, places))
                    if not change.put and not change.remove:
                        return found  # True: the reply to our own write was lost
                    found = True
                    pipeline.multi()  # type: ignore[no-untyped-call]
                    for turn in change.put:
                        pipeline.hset(turns, turn.id, dump_turn(turn))
                    for turn_id in change.remove:
                        pipeline.hdel(turns, turn_id)
                        pipeline.zrem(order, turn_id)
                    # A digest tells whether somebody knows the text that was taken back. They are counted again.
                    for field in fields:
                        if field.startswith(b"counts:"):
                            pipeline.delete(self._keys.counts(conversation_id, field.decode().removeprefix("counts:")))
                            pipeline.hdel(thread, field)
                    for name in names:
                        pipeline.expire(name, self._keys.content_seconds)
                    try:
                        await pipeline.execute()
                    except WatchError:
                        continue
                    return True
        raise StoreUnavailable(f"the thread changed {TRIES} times while one of its turns was to be changed")


def _edit(turns: Iterable[Turn], edit: InboundMessage) -> _Change:
    # Only people's: platforms report our own edits of an answer too.
    theirs = [turn for turn in turns if turn.role is Role.USER and edit.target in turn.message_ids]
    return _Change(put=[edited(turn, edit) for turn in theirs])


def _purge(turns: Sequence[Turn], message_id: str) -> _Change:
    gone = {turn.id: turn for turn in turns if message_id in turn.message_ids}
    asked = {turn.exchange for turn in turns if turn.role is Role.USER and turn.id not in gone}
    unasked = {turn.exchange for turn in gone.values() if turn.role is Role.USER} - asked
    answers = [turn.id for turn in turns if turn.role is Role.ASSISTANT and turn.exchange in unasked]
    return _Change(remove=list(dict.fromkeys([*gone, *answers])))


def _pairs(flat: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _in_order(stored: Mapping[bytes, bytes], places: Iterable[tuple[bytes, float]]) -> tuple[Turn, ...]:
    return tuple(load_turn(stored[turn_id], int(place)) for turn_id, place in places if turn_id in stored)


_: type[ThreadStore] = RedisThreads
