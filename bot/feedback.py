"""`python -m bot feedback`: what people think of answers, as JSON lines on stdout."""

from __future__ import annotations

import sys
from typing import Any

import orjson

from bot.exits import EXIT_OK
from bot.settings import Settings
from bot.wiring import open_house
from conversation.model import Role
from conversation.pseudonyms import pseudonym
from storage.feedback import Rating, RedisFeedback
from storage.threads import RedisThreads


async def print_feedback(settings: Settings) -> int:
    """One line for each rating, the oldest first: `opinion`, `at` (seconds since 1970), `person` (as in the logs),
    `exchange`, `made_with`, and `question` and `answer`, null once their thread is forgotten. Reading keeps nothing
    alive longer. Raises StoreUnavailable."""
    async with open_house(settings) as house:
        for rating in await RedisFeedback(house.redis, house.keys, house.threads).ratings():
            sys.stdout.buffer.write(orjson.dumps(await _line(rating, house.threads)) + b"\n")
    return EXIT_OK


async def _line(rating: Rating, threads: RedisThreads) -> dict[str, Any]:
    turns = [turn for turn in await threads.turns(rating.conversation_id) if turn.exchange == rating.exchange]
    return {
        "opinion": rating.opinion,
        "at": rating.at,
        "person": pseudonym(rating.person_id),
        "exchange": rating.exchange,
        "made_with": rating.made_with,
        "question": "\n\n".join(turn.text for turn in turns if turn.role is Role.USER) or None,
        "answer": "\n\n".join(turn.said for turn in turns if turn.role is Role.ASSISTANT) or None,
    }
