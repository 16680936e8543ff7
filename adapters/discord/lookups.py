"""What is known of channels and guilds: from the gateway's events, and asked for where they did not tell.

discord.py's own cache is empty after a RESUME in a new process, and holds far more of a guild than we need.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

import aiohttp
import discord
from discord.http import HTTPClient

from adapters.discord.channels import DIRECT_GUILD, Kind, Place, place_of
from adapters.discord.limits import EVERYWHERE, SPARE_FOR_ANSWERS
from adapters.discord.payloads import Json, Malformed, part, parts, snowflake, string
from adapters.discord.refusals import GUARDED
from conversation.errors import CorralError
from conversation.pacing import RateBudget, Use, wait_for_room
from conversation.pseudonyms import pseudonym
from conversation.recent import Lately

log = logging.getLogger(__name__)

CALL_SECONDS = 10.0
UNREACHABLE = (aiohttp.ClientError, TimeoutError, OSError, discord.DiscordServerError, discord.RateLimited)
# What we may not see is not asked for with each message that is written there; nor for ever left unseen.
UNSEEN_SECONDS = 60.0

# Events that tell of channels.
TOLD_IN = frozenset(
    {
        "GUILD_CREATE",
        "CHANNEL_CREATE",
        "CHANNEL_UPDATE",
        "CHANNEL_DELETE",
        "THREAD_CREATE",
        "THREAD_UPDATE",
        "THREAD_DELETE",
        "THREAD_LIST_SYNC",
    }
)


class Unanswered(CorralError):
    """Discord does not answer at the moment: what it was asked is neither so nor otherwise."""


def is_hidden(error: discord.HTTPException) -> bool:
    """Whether it says that we may not see something, or that it is gone. The pages of what guards Discord have the same
    statuses and no code of Discord's; a 429 or 500 is about us or about Discord, and will pass."""
    return error.status in {403, 404} and error.code not in {0, GUARDED}


def why(error: Exception) -> str:
    """For the log, without the page of what guards Discord, nor an address, which may hold a token, nor a payload."""
    if isinstance(error, discord.HTTPException):
        return f"HTTP {error.status}, code {error.code}"
    if isinstance(error, CorralError):
        return error.detail
    if isinstance(error, Malformed | OSError) and str(error):
        return str(error)
    return type(error).__name__


class Lookups:
    """Channels by id, the latest used ones; of more than `size` the others are asked for again."""

    def __init__(self, http: HTTPClient, budget: RateBudget, user: str, *, size: int = 20_000) -> None:
        self._http, self._budget, self._user, self._size = http, budget, user, size
        self._places: OrderedDict[str, Place | None] = OrderedDict()
        self._roles: dict[str, frozenset[str]] = {}
        self._asking: dict[str, asyncio.Task[Place | None]] = {}
        self._unseen = Lately(UNSEEN_SECONDS)

    def learn(self, event: str, payload: object) -> None:
        """An event told of channels."""
        try:
            body = part(payload)
            if event == "GUILD_CREATE":
                guild = snowflake(body, "id")
                self._roles[guild] = self._ours(parts(body, "roles"))
                for channel in [*parts(body, "channels"), *parts(body, "threads")]:
                    self._keep(channel, guild)
            elif event == "THREAD_LIST_SYNC":
                for channel in parts(body, "threads"):
                    self._keep(channel, snowflake(body, "guild_id"))
            elif event.endswith("_DELETE"):
                self._places.pop(snowflake(body, "id"), None)
            else:
                self._keep(body, string(body, "guild_id"))
        except Malformed as exc:
            log.warning("Discord's %s cannot be read: %s", event, exc)

    async def place(self, channel_id: str, guild: str) -> Place | None:
        """The channel; None when we may not see it, or nobody can talk to us there. Without a guild it is somebody's
        direct messages. Raises Unanswered."""
        if guild in {"", DIRECT_GUILD}:
            return Place(DIRECT_GUILD, channel_id, Kind.DIRECT)
        if channel_id in self._places:
            self._places.move_to_end(channel_id)
            return self._places[channel_id]
        if channel_id in self._unseen:
            return None
        if channel_id not in self._asking:
            task = asyncio.create_task(self._ask(channel_id, guild), name=f"look up channel {channel_id}")
            self._asking[channel_id] = task
            task.add_done_callback(lambda _: self._asking.pop(channel_id, None))
        return await asyncio.shield(self._asking[channel_id])

    async def our_roles(self, guild: str) -> frozenset[str]:
        """Ids of the roles that came with us into this guild. Raises Unanswered."""
        if guild not in self._roles and guild not in {"", DIRECT_GUILD} and guild not in self._unseen:
            await self.room()
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    roles = await self._http.get_roles(int(guild))
                self._roles[guild] = self._ours([part(role) for role in roles])
            except (discord.HTTPException, *UNREACHABLE) as exc:
                self._assure_hidden(exc)
                self._unseen.add(guild)
        return self._roles.get(guild, frozenset())

    async def aclose(self) -> None:
        """Ask for nothing more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def room(self) -> None:
        """Waits until Discord takes one more call of ours, beside the answers'."""
        await wait_for_room(self._budget, Use(EVERYWHERE, spare=SPARE_FOR_ANSWERS))

    async def _ask(self, channel_id: str, guild: str) -> Place | None:
        await self.room()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = await self._http.get_channel(int(channel_id))
            return self._keep(part(found), guild)
        except (discord.HTTPException, *UNREACHABLE) as exc:
            self._assure_hidden(exc)
            log.info("channel %s cannot be seen: %s", pseudonym(channel_id), why(exc))
        except Malformed as exc:
            log.warning("channel %s cannot be read: %s", pseudonym(channel_id), exc)
        self._unseen.add(channel_id)
        return None

    @staticmethod
    def _assure_hidden(error: Exception) -> None:
        if not (isinstance(error, discord.HTTPException) and is_hidden(error)):
            raise Unanswered(why(error)) from error

    def _keep(self, channel: Json, guild: str) -> Place | None:
        place, channel_id = place_of(channel, guild), snowflake(channel, "id")
        self._places[channel_id] = place
        self._places.move_to_end(channel_id)
        if len(self._places) > self._size:
            self._places.popitem(last=False)
        return place

    def _ours(self, roles: list[Json]) -> frozenset[str]:
        return frozenset(snowflake(role, "id") for role in roles if string(part(role, "tags"), "bot_id") == self._user)
