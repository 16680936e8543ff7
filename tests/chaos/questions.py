"""People who ask under fire: each thread's questions one after the other, sent again until they are taken."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from adapters.terminal.events import thread_id
from conversation.errors import StoreUnavailable
from conversation.model import InboundMessage
from storage.inbox import RedisInbox
from storage.keys import Keys
from tests.chaos.processes import Store

REDELIVERY_SECONDS = 0.2

# In one step, or a worker could read the question between the look and the damage. KEYS: mailbox, messages, a mark.
_DAMAGE = """
if redis.call('EXISTS', KEYS[3]) == 1 then return 1 end
if redis.call('LINDEX', KEYS[1], 0) == ARGV[1] or redis.call('HEXISTS', KEYS[2], 'message:1') == 0 then return 0 end
redis.call('SET', KEYS[3], 1, 'EX', 3600)
redis.call('HSET', KEYS[2], 'message:1', '{')
return 1
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was accepted."""

    job_id: str
    text: str
    is_poison: bool = False  # what was stored of it was damaged afterwards


@dataclass(slots=True)
class Thread:
    """A thread's questions in the order of their acceptance."""

    name: str
    conversation_id: str = ""
    asked: list[Asked] = field(default_factory=list)


def question(thread: str, number: int) -> InboundMessage:
    """What the terminal's listener makes of a question, each of another person, so that none joins the one before."""
    return InboundMessage(
        address=thread_id("chaos", thread),
        message_id=f"{thread}.{number}",
        author_id=f"person-{number}",
        author_name=f"Person {number}",
        text=f"question {number} of {thread}",
        sent_at=time.time(),
    )


class People:
    """Those who ask in the threads of these names."""

    def __init__(self, inbox: RedisInbox, store: Store, keys: Keys, seed: int, names: Sequence[str]) -> None:
        self._inbox, self._store, self._keys, self._seed = inbox, store, keys, seed
        self.threads = [Thread(name) for name in names]
        self.refused = 0  # times that a question was not taken, and sent again
        self.longest_accept_seconds = 0.0

    async def ask(self, each: int, seconds: float) -> None:
        """`each` questions in every thread, spread at random over about `seconds`, until all were accepted."""
        async with asyncio.TaskGroup() as tasks:
            for thread in self.threads:
                # A stream of draws for each thread: who is awake first must not change what another one asks.
                chance = random.Random(f"{self._seed} {thread.name}")
                tasks.create_task(self._fill(thread, each, seconds / each, chance), name=f"ask in {thread.name}")

    async def _fill(self, thread: Thread, each: int, pause_seconds: float, chance: random.Random) -> None:
        # One thread in five gets a poisonous question, among others that wait, so that no worker has read it yet.
        poison_at = chance.randrange(2, each) if each > 4 and chance.random() < 0.2 else None
        for number in range(each):
            message = question(thread.name, number)
            job_id = await self._accepted(thread, message)
            is_poison = number == poison_at and await self._damage(thread, job_id)
            thread.asked.append(Asked(job_id, message.text, is_poison))
            # Sometimes several at once: a mailbox that is never longer than one shows no order.
            await asyncio.sleep(0.0 if chance.random() < 0.5 else chance.uniform(0.0, 4 * pause_seconds))

    async def _accepted(self, thread: Thread, message: InboundMessage) -> str:
        while True:
            begun = time.monotonic()
            try:
                accepted = await self._inbox.accept(message)
            except StoreUnavailable:
                self.refused += 1
                await asyncio.sleep(REDELIVERY_SECONDS)
                continue
            finally:
                self.longest_accept_seconds = max(self.longest_accept_seconds, time.monotonic() - begun)
            thread.conversation_id = accepted.conversation_id
            return accepted.job_id

    async def _damage(self, thread: Thread, job_id: str) -> bool:
        """Make a waiting question unreadable; False when it does not wait any more."""
        names = (self._keys.mailbox(thread.conversation_id), self._keys.job(job_id), f"chaos:poison:{job_id}")
        while True:
            with suppress(RedisError, OSError):  # the mark in the script makes it safe to repeat
                return bool(await self._store.redis.eval(_DAMAGE, 3, *names, job_id))
            await asyncio.sleep(REDELIVERY_SECONDS)
