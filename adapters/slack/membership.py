"""Whether we are in a channel: elsewhere Slack lets us neither read nor write."""

from __future__ import annotations

import asyncio
import logging

from adapters.slack.api import Barred, SlackApi
from adapters.slack.limits import SPARE_BESIDE
from conversation.errors import CorralError

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.8
_NOT_THERE = frozenset({"channel_not_found", "not_in_channel"})


async def is_member(api: SlackApi, team: str, channel: str) -> bool | None:
    """None when Slack does not tell in time. Never raises.

    Asked by reading there: for conversations.info a private channel would need one scope more.
    """
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            await api.ask(team, "conversations.history", spare=SPARE_BESIDE, channel=channel, limit=1)
    except Barred as error:
        return False if error.code in _NOT_THERE else None
    except (CorralError, TimeoutError) as error:
        log.info("Slack does not tell whether we are in a channel: %r", error)
        return None
    return True
