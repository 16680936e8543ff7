"""How often we IDENTIFY: the thousandth time within a day Discord resets the bot's token (docs: events/gateway)."""

from __future__ import annotations

import asyncio
import logging

from discord.http import HTTPClient

from conversation.errors import StoreUnavailable
from conversation.pacing import Allowance, RateBudget, Use

log = logging.getLogger(__name__)

# Counted in the store, over all processes and restarts.
IDENTIFIES = Allowance("discord:identify", 200, 86_400.0)
# Discord takes one in five seconds, for a bot that has no more than one shard at a time.
IDENTIFY_SECONDS = 5.0
# Of those that Discord still allows so many are left to people who start the bot by hand.
SPARED = 20
ASK_SECONDS = 20.0


class Identifying:
    """Gives leave to IDENTIFY."""

    def __init__(self, budget: RateBudget, identify_seconds: float) -> None:
        self._budget = budget
        self._burst = Allowance("discord:identify:burst", 1, identify_seconds)

    async def leave(self, http: HTTPClient) -> None:
        """Waits until one more IDENTIFY is no risk. Raises what discord.py does while Discord is away: then nothing of
        the day's allowance is used."""
        while True:
            async with asyncio.timeout(ASK_SECONDS):
                shards, _, limit = await http.get_bot_gateway()
            if shards > 1:
                log.warning("Discord recommends %d shards; this version has one", shards)
            if limit["remaining"] <= SPARED:
                log.error("Discord allows %d more IDENTIFYs today: waiting", limit["remaining"])
                await asyncio.sleep(min(limit["reset_after"] / 1000, 3600.0) + 1)
                continue
            try:
                grant = await self._budget.take(Use(self._burst), Use(IDENTIFIES))
            except StoreUnavailable as error:
                log.warning("Discord waits for the store: %s", error)
                await asyncio.sleep(1.0)
                continue
            if not grant.wait_seconds:
                return
            await asyncio.sleep(grant.wait_seconds)
