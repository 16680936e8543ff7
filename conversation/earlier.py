"""Reading what people wrote before a question: patiently, as far as it can be read, and a bounded amount of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Sequence

from conversation.errors import DeliveryError, Paced
from conversation.model import InboundMessage, Job, Turn
from conversation.ports import Earlier

MAX_CHARACTERS = 100_000  # in all; the newest are kept
WAIT_SECONDS = 30.0
NOT_READ = "I could not read the earlier messages here."

Read = Callable[[InboundMessage, str], Awaitable[Sequence[Turn]]]
"""The messages of one entry of `above`, oldest first. Raises DeliveryError; Unread with a sentence of its own."""


class Unread(DeliveryError):
    """Something could not be read; `user_notice` says so."""

    def __init__(self, detail: str, user_notice: str = NOT_READ) -> None:
        super().__init__(detail, certain=True, user_notice=user_notice)


async def read_earlier(job: Job, known: Collection[str], read: Read) -> Earlier:
    """All that the job's messages point to, oldest first, without turns whose ids are `known`.

    An entry that cannot be read does not keep the others from being read: the notice says so.
    """
    found: dict[str, Turn] = {}
    failures: list[DeliveryError] = []
    deadline = time.monotonic() + WAIT_SECONDS
    for message in job.messages:
        for entry in message.above:
            try:
                turns = await _patiently(read, message, entry, deadline)
            except DeliveryError as error:
                failures.append(error)
            else:
                found |= {turn.id: turn for turn in turns if turn.id not in known}
    turns = _newest(sorted(found.values(), key=lambda turn: (turn.at, turn.id)))
    return Earlier(tuple(turns), "\n".join(dict.fromkeys(failure.user_notice for failure in failures)))


async def _patiently(read: Read, message: InboundMessage, entry: str, deadline: float) -> Sequence[Turn]:
    """One entry's messages; waits for a while when the platform's limits have no room for reading."""
    while True:
        try:
            return await read(message, entry)
        except Paced as error:
            pause = error.retry_after_seconds or 1.0
            if time.monotonic() + pause > deadline:
                raise Unread(str(error)) from error
            await asyncio.sleep(pause)
        except Unread:
            raise
        except DeliveryError as error:
            raise Unread(str(error)) from error


def _newest(turns: list[Turn]) -> list[Turn]:
    left = MAX_CHARACTERS
    for index in range(len(turns) - 1, -1, -1):
        left -= len(turns[index].text)
        if left < 0:
            return turns[index + 1 :]
    return turns
