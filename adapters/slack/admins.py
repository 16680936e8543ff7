"""Who may set what holds for a channel: admins of the workspace, and who made the channel."""

from __future__ import annotations

import asyncio
import logging

from adapters.slack.api import SlackApi
from adapters.slack.limits import SPARE_BESIDE
from adapters.slack.people import People
from adapters.slack.places import is_dm
from conversation.errors import CorralError

log = logging.getLogger(__name__)

# A form waits for it, and Slack opens none after three seconds.
LOOK_SECONDS = 1.0


async def manages(api: SlackApi, people: People, team: str, channel: str, user: str) -> bool:
    """Whether this person surely may; in direct messages everybody. Never raises."""
    if is_dm(channel):
        return True
    found = await asyncio.gather(people.is_admin(user), _made(api, team, channel, user))
    return any(found)


async def _made(api: SlackApi, team: str, channel: str, user: str) -> bool:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            told = await api.ask(team, "conversations.info", spare=SPARE_BESIDE, channel=channel)
    except (CorralError, TimeoutError) as error:
        log.info("Slack does not tell who made a channel: %r", error)
        return False
    creator: object = told["channel"].get("creator") if isinstance(told.get("channel"), dict) else None
    return creator == user
