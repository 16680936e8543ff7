"""What people wrote while nobody listened and no session could be resumed: read from the history of the places where we
take part, and taken in by the same door as everything else. What was stored before is recognised there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import discord
from discord.http import HTTPClient

from adapters.discord import events
from adapters.discord.channels import DIRECT_GUILD, Kind, Place, place_of
from adapters.discord.identity import DiscordAccess
from adapters.discord.lookups import CALL_SECONDS, UNREACHABLE, Lookups, Unanswered, is_hidden, why
from adapters.discord.payloads import Json, Malformed, milliseconds_of, part, parts, snowflake, snowflake_at
from adapters.discord.progress import Marks
from adapters.discord.receiving import Receiving
from conversation.errors import StoreUnavailable
from conversation.pseudonyms import pseudonym
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

MAX_PLACES = 200
# Of one place: more than this was said in no place while a bot was restarted, and after a long outage few still wait.
PAGE, MAX_PAGES = 100, 20
MAX_POSTS = 100
AT_ONCE = 5


class Marked(Protocol):
    """Places with when their last message was written that was seen to. Every method raises StoreUnavailable."""

    async def marks(self, bot: str) -> list[tuple[str, int]]:
        """The latest ones first; milliseconds since 1970."""

    async def drop(self, bot: str, place: str) -> None:
        """Forget one."""


class CatchingUp:
    """Reads what is new in the 200 latest places, at most 2000 messages of each, in help channels always, and in new
    posts of forums. `marks` is told of places that are not read to their end."""

    def __init__(
        self,
        access: DiscordAccess,
        bot: str,
        http: HTTPClient,
        marked: Marked,
        lookups: Lookups,
        receiving: Receiving,
        marks: Marks,
    ) -> None:
        self._access, self._bot, self._http = access, bot, http
        self._marked, self._lookups, self._receiving, self._marks = marked, lookups, receiving, marks

    async def run(self) -> None:
        """Catch up with everything, however long Discord is away for some places; places that we may not see any more
        are left out. Raises nothing that is foreseen."""
        marks = await self._to_read()
        few = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for mark, since_ms in marks:
                work = self._persist(_channel(mark), few, partial(self._place, mark, since_ms))
                group.create_task(work, name=f"catch up in {mark}")
            for channel in self._access.help_channels - {_channel(mark) for mark, _ in marks}:
                work = self._persist(channel, few, partial(self._watch, channel))
                group.create_task(work, name=f"watch {channel}")
        if marks:
            log.info("caught up in %d places of Discord's", len(marks))

    async def _persist(self, channel: str, few: asyncio.Semaphore, read: Callable[[], Awaitable[None]]) -> None:
        """Read until it is read: left out, its next message would move its mark over what is missing."""
        for wait in growing_waits():
            async with few:
                try:
                    await read()
                    break
                except Unanswered as exc:
                    log.warning("%s could not be caught up in, and is tried again: %s", pseudonym(channel), exc)
                except Exception:  # a place that nobody can read must not keep us from all others
                    log.exception("%s could not be caught up in", pseudonym(channel))
                    break
            await asyncio.sleep(wait)

    async def _watch(self, channel: str) -> None:
        """Begin a mark for a help channel that has none yet: from now on nobody's question there can be missed. A
        channel that we cannot see is told to the operator."""
        try:
            place = place_of(part(await self._call(lambda: self._http.get_channel(int(channel)))))
        except (discord.HTTPException, Malformed, ValueError) as exc:
            # Not the whole id; but whoever knows the setting sees which one it is.
            text = "DISCORD_HELP_CHANNELS: Discord does not show me the channel whose id ends in %s (%s)"
            log.error(text, channel[-4:], why(exc))
        else:
            if place is not None:
                self._receiving.watch(place)

    async def _to_read(self) -> list[tuple[str, int]]:
        for wait in growing_waits():
            try:
                marks = await self._marked.marks(self._bot)
            except StoreUnavailable as error:
                log.warning("catching up waits for the store: %s", error)
                await asyncio.sleep(wait)
            else:
                helps = [mark for mark in marks if _channel(mark[0]) in self._access.help_channels]
                others = [mark for mark in marks if mark not in helps]
                if len(others) > MAX_PLACES:
                    log.warning("of %d places only the latest %d are caught up in", len(others), MAX_PLACES)
                return helps + others[:MAX_PLACES]
        raise AssertionError("the waits never end")

    async def _place(self, mark: str, since_ms: int) -> None:
        """Raises Unanswered, and ValueError for what is no mark."""
        place = Place.of_mark(mark)
        try:
            if place.kind is Kind.FORUM:
                await self._forum(place, since_ms)
            else:
                await self._messages(place, since_ms)
        except discord.HTTPException as exc:  # `_call` lets nothing else pass than that it is hidden
            log.info("%s cannot be caught up in: %s", pseudonym(_channel(mark)), why(exc))
            await self._drop(mark)

    async def _messages(self, place: Place, since_ms: int) -> None:
        guild = {} if place.guild == DIRECT_GUILD else {"guild_id": place.guild}
        # Without the marked one: the store may know it no more, and it would be answered again.
        after = snowflake_at(since_ms + 1) - 1
        self._marks.hold(place, None)
        for _ in range(MAX_PAGES):
            found = await self._page(place, after)
            for message in found:
                payload: Json = {**message, "channel_id": place.id, **guild}
                if self._receiving.is_news(events.CREATED, payload):
                    await self._receiving.receive(events.CREATED, payload)
                after = int(snowflake(message, "id"))
            if len(found) < PAGE:
                return
        log.warning(
            "%s: more than %d messages are new; the rest waits for another time", pseudonym(place.id), MAX_PAGES * PAGE
        )
        self._marks.hold(place, milliseconds_of(str(after)))

    async def _page(self, place: Place, after: int) -> list[Json]:
        """The first messages after this one, oldest first."""
        found = await self._call(lambda: self._http.logs_from(int(place.id), PAGE, after=after))
        return sorted((part(one) for one in found), key=lambda one: int(snowflake(one, "id")))

    async def _forum(self, forum: Place, since_ms: int) -> None:
        """Posts that were begun since then; of those that we know each has a mark of its own."""
        posts = await self._posts(forum, since_ms)
        self._marks.hold(forum, None)
        for post in posts[:MAX_POSTS]:
            await self._messages(post, milliseconds_of(post.id) - 1)
        if len(posts) > MAX_POSTS:
            log.warning(
                "%s: more than %d posts are new; the rest waits for another time", pseudonym(forum.id), MAX_POSTS
            )
            self._marks.hold(forum, milliseconds_of(posts[MAX_POSTS - 1].id))

    async def _posts(self, forum: Place, since_ms: int) -> Sequence[Place]:
        """The oldest first: those that are open, and the hundred that were archived last."""
        live = await self._call(lambda: self._http.get_active_threads(int(forum.guild)))
        archived = await self._call(lambda: self._http.get_public_archived_threads(int(forum.id), limit=MAX_POSTS))
        posts: dict[str, Place] = {}
        for thread in [*parts(part(live), "threads"), *parts(part(archived), "threads")]:
            post = place_of(thread, forum.guild)
            if post is not None and post.parent == forum.id and milliseconds_of(post.id) > since_ms:
                self._lookups.learn("THREAD_UPDATE", {**thread, "guild_id": forum.guild})
                posts[post.id] = post
        return sorted(posts.values(), key=lambda post: int(post.id))

    async def _drop(self, mark: str) -> None:
        try:
            await self._marked.drop(self._bot, mark)
        except StoreUnavailable:
            log.info("a place that is gone stays marked: the store is away")

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """What Discord answers. Raises Unanswered; discord.HTTPException for what we may not see."""
        await self._lookups.room()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await call()
        except (discord.HTTPException, *UNREACHABLE) as exc:
            if isinstance(exc, discord.HTTPException) and is_hidden(exc):
                raise
            raise Unanswered(why(exc)) from exc


def _channel(mark: str) -> str:
    return mark.split(":")[1]
