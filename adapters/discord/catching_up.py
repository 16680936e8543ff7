"""What people wrote while nobody listened and no session could be resumed: read from the history of the places where we
take part, and taken in by the same door as everything else. What was stored before is recognised there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

import discord
from discord.http import HTTPClient

from adapters.discord import events
from adapters.discord.channels import DIRECT_GUILD, Kind, Place, place_of
from adapters.discord.identity import DiscordAccess
from adapters.discord.lookups import CALL_SECONDS, UNREACHABLE, Lookups, Unreachable
from adapters.discord.payloads import Json, Malformed, milliseconds_of, part, snowflake, snowflake_at
from adapters.discord.receiving import Receiving
from conversation.errors import StoreUnavailable
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

MAX_PLACES, MAX_MESSAGES = 200, 100
MAX_MARKS = 2000
AT_ONCE = 5
TRIES = 4


class Marked(Protocol):
    """Places with when their last message was written that was seen to. Every method raises StoreUnavailable."""

    async def marks(self, bot: str, limit: int) -> list[tuple[str, int]]:
        """The latest ones first; milliseconds since 1970."""

    async def drop(self, bot: str, place: str) -> None:
        """Forget one."""


class CatchingUp:
    """Reads at most 100 messages of each of the 200 latest places, of help channels always, and new posts of forums."""

    def __init__(
        self, access: DiscordAccess, bot: str, http: HTTPClient, marked: Marked, lookups: Lookups, receiving: Receiving
    ) -> None:
        self._access, self._bot, self._http = access, bot, http
        self._marked, self._lookups, self._receiving = marked, lookups, receiving

    async def run(self) -> None:
        """Catch up with everything; places that cannot be read are left out. Raises nothing that is foreseen."""
        marks = await self._marks()
        few = asyncio.Semaphore(AT_ONCE)

        async def one(mark: str, since_ms: int) -> None:
            async with few:
                try:
                    await self._place(mark, since_ms)
                except Exception:  # a place that nobody can read must not keep us from all others
                    log.exception("%s could not be caught up in", mark)

        async with asyncio.TaskGroup() as group:
            for mark, since_ms in marks:
                group.create_task(one(mark, since_ms), name=f"catch up in {mark}")
            known = {_channel(mark) for mark, _ in marks}
            for channel in self._access.help_channels - known:
                group.create_task(self._watch(channel), name=f"watch {channel}")
        if marks:
            log.info("caught up in %d places of Discord's", len(marks))

    async def _watch(self, channel: str) -> None:
        """Begin a mark for a help channel that has none yet: from now on nobody's question there can be missed. A
        channel that we cannot see is told to the operator."""
        try:
            found = await self._call(lambda: self._http.get_channel(int(channel)))
            place = place_of(part(found))
        except (discord.HTTPException, Malformed, ValueError, Unreachable) as exc:
            log.error("DISCORD_HELP_CHANNELS: Discord does not show me the channel %s (%s)", channel, exc)
        else:
            if place is not None:
                self._receiving.watch(place)

    async def _marks(self) -> list[tuple[str, int]]:
        for wait in growing_waits():
            try:
                marks = await self._marked.marks(self._bot, MAX_MARKS)
            except StoreUnavailable as error:
                log.warning("catching up waits for the store: %s", error)
                await asyncio.sleep(wait)
            else:
                helps = [mark for mark in marks if _channel(mark[0]) in self._access.help_channels]
                return helps + [mark for mark in marks if mark not in helps][:MAX_PLACES]
        raise AssertionError("the waits never end")

    async def _place(self, mark: str, since_ms: int) -> None:
        try:
            place = Place.of_mark(mark)
            if place.kind is Kind.FORUM:
                for post in await self._posts(place, since_ms):
                    await self._messages(post, milliseconds_of(post.id) - 1)
            else:
                await self._messages(place, since_ms)
        except discord.HTTPException as exc:
            log.info("%s cannot be caught up in: %s", mark, exc.code)
            if exc.status in {403, 404}:
                await self._drop(mark)
        except (Unreachable, Malformed, ValueError) as exc:
            log.warning("%s could not be caught up in: %s", mark, exc)

    async def _messages(self, place: Place, since_ms: int) -> None:
        # Without the marked one: the store may know it no more, and it would be answered again.
        after = snowflake_at(since_ms + 1) - 1
        found = await self._call(lambda: self._http.logs_from(int(place.id), MAX_MESSAGES, after=after))
        for message in sorted((part(one) for one in found), key=lambda one: int(snowflake(one, "id"))):
            guild = {} if place.guild == DIRECT_GUILD else {"guild_id": place.guild}
            payload: Json = {**message, "channel_id": place.id, **guild}
            if self._receiving.is_news(events.CREATED, payload):
                await self._receiving.receive(events.CREATED, payload)

    async def _posts(self, forum: Place, since_ms: int) -> Iterable[Place]:
        """Posts that were begun since then, the oldest first."""
        found = await self._call(lambda: self._http.get_active_threads(int(forum.guild)))
        posts: list[Place] = []
        for thread in part(found).get("threads") or []:
            post = place_of(part(thread), forum.guild)
            if post is not None and post.parent == forum.id and milliseconds_of(post.id) > since_ms:
                self._lookups.learn("THREAD_UPDATE", {**thread, "guild_id": forum.guild})
                posts.append(post)
        return sorted(posts, key=lambda post: int(post.id))[-MAX_MESSAGES:]

    async def _drop(self, mark: str) -> None:
        try:
            await self._marked.drop(self._bot, mark)
        except StoreUnavailable:
            log.info("a place that is gone stays marked: the store is away")

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What Discord answers, asked for a few times. Raises Unreachable and discord.HTTPException."""
        why = ""
        for _, wait in zip(range(TRIES), growing_waits(), strict=False):
            await self._lookups.room()
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    return await call()
            except UNREACHABLE as exc:
                why = str(exc) or type(exc).__name__
                await asyncio.sleep(wait)
        raise Unreachable(why)


def _channel(mark: str) -> str:
    return mark.split(":")[1]
