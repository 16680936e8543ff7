"""How often we IDENTIFY: the thousandth time within a day Discord resets the bot's token (docs: events/gateway)."""

from __future__ import annotations

import asyncio
import logging

from discord.http import HTTPClient

from conversation.errors import StoreUnavailable
from conversation.pacing import Allowance, RateBudget, Use

log = logging.getLogger(__name__)

AN_HOUR, A_DAY = 3600.0, 86_400.0
# Discord takes one in five seconds, for a bot that has no more than one shard at a time.
IDENTIFY_SECONDS = 5.0
# Of those that Discord still allows so many are left to people who start the bot by hand.
SPARED = 20
ASK_SECONDS = 20.0


def identifies_of(bot: str) -> Allowance:
    """Of one bot, counted in the store over all processes and restarts."""
    return Allowance(f"discord:{bot}:identify", 200, A_DAY)


class Identifying:
    """Gives leave to IDENTIFY."""

    def __init__(self, budget: RateBudget, bot: str, identify_seconds: float) -> None:
        self._budget, self._daily = budget, identifies_of(bot)
        self._burst = Allowance(f"discord:{bot}:identify:burst", 1, identify_seconds)

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
                await asyncio.sleep(min(limit["reset_after"] / 1000, AN_HOUR) + 1)
                continue
            try:
                grant = await self._budget.take(Use(self._burst), Use(self._daily))
            except StoreUnavailable as error:
                log.warning("Discord waits for the store: %s", error)
                await asyncio.sleep(1.0)
                continue
            if not grant.wait_seconds:
                return
            if grant.wait_seconds > self._burst.seconds:
                log.error(
                    "%d IDENTIFYs within a day are enough: nothing is heard of Discord for %.0f s",
                    self._daily.limit,
                    grant.wait_seconds,
                )
            await asyncio.sleep(min(grant.wait_seconds, AN_HOUR))
