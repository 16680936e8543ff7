"""One event of the gateway's, on its way in: understood and stored. Discord tells of it once."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace

from adapters.discord import events
from adapters.discord.asides import PROMISE, Asides
from adapters.discord.attachments import Attachments
from adapters.discord.channels import Kind, Place
from adapters.discord.events import Deleted, Ears, Edited, News, Said
from adapters.discord.identity import NOT_DIRECT, DiscordAccess, Identity
from adapters.discord.lookups import Lookups, Unanswered
from adapters.discord.payloads import Json, Malformed, milliseconds_of, part, snowflake, string
from adapters.discord.people import People
from adapters.discord.progress import Marks
from adapters.fetching import Read
from adapters.understanding import understood
from conversation.errors import (
    DeliveryError,
    MessageTooLong,
    NotAllowed,
    QueueFull,
    StoreUnavailable,
    Unwritable,
)
from conversation.model import ThreadId
from conversation.order import InOrder
from conversation.ports import Accepted
from conversation.reception import Heard, Reception
from conversation.waits import growing_waits

log = logging.getLogger(__name__)

# A store that takes longer is as good as away; what it stored all the same is recognised when it comes again.
STORE_SECONDS = 5.0
SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.25, 5.0
# A channel that Discord cannot tell us about for so long must not fill us up with what is said in it.
PATIENCE_SECONDS = 600.0


class Receiving:
    """Sees to messages, edits and deletions, in the order of each channel."""

    def __init__(
        self,
        access: DiscordAccess,
        me: Identity,
        reception: Reception,
        lookups: Lookups,
        people: People,
        attachments: Attachments,
        asides: Asides,
        marks: Marks,
    ) -> None:
        self._people = people
        self._access, self._me, self._reception = access, me, reception
        self._lookups, self._attachments, self._asides, self._marks = lookups, attachments, asides, marks
        self._order = InOrder()

    def is_news(self, event: str, payload: object) -> bool:
        """Whether it can concern us at all: most of what comes does not. Also for what cannot be read."""
        try:
            body = part(payload)
            snowflake(body, "id"), snowflake(body, "channel_id")
            if event == events.CREATED:
                return events.is_written(body, self._me)
            return event == events.DELETED or bool(part(body, "author") and string(body, "edited_timestamp"))
        except Malformed as exc:
            log.warning("Discord's %s cannot be read: %s", event, exc)
            return False

    async def receive(self, event: str, payload: Json) -> None:
        """See to it, and try again for as long as the store is away: nobody brings it a second time. What `is_news`
        says no to must not come here. Raises Unanswered when Discord does not tell for ten minutes where it is."""
        channel = snowflake(payload, "channel_id")
        promised, deadline = False, time.monotonic() + PATIENCE_SECONDS
        async with self._order.turn(channel):
            for wait in growing_waits(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS):
                place: Place | None = None
                news: News | None = None
                try:
                    place = await self._lookups.place(channel, string(payload, "guild_id"))
                    if place is None:
                        return
                    news = events.translate(event, payload, place, await self._ears(payload))
                    await self._take(news, place, snowflake(payload, "id"))
                except (StoreUnavailable, Unanswered) as error:
                    log.warning("Discord's %s waits: %s", event, error)
                    if isinstance(error, StoreUnavailable) and place is not None and not promised:
                        promised = self._promise(news, place)
                    if isinstance(error, Unanswered) and time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(wait)
                else:
                    return

    def watch(self, place: Place) -> None:
        """What is written in this place from now on is caught up with; what was before is none of ours."""
        self._marks.note(place, round(time.time() * 1000), is_ours=True)

    async def gone(self, place: ThreadId) -> None:
        """A thread, a channel or a guild is no more for us, as in `Reception.gone`. Tried again as long as the store is
        away."""
        for wait in growing_waits(SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS):
            try:
                await self._reception.gone(place)
            except (StoreUnavailable, QueueFull) as error:
                log.warning("what was said in a place that is gone is not forgotten yet: %s", error)
                await asyncio.sleep(wait)
            else:
                return

    async def _ears(self, payload: Json) -> Ears:
        mentions_roles = bool(events.roles_in(payload))
        roles = await self._lookups.our_roles(string(payload, "guild_id")) if mentions_roles else frozenset()
        return Ears(self._me, self._access.help_channels, roles)

    async def _take(self, news: News | None, place: Place, message_id: str) -> None:
        accepted: Accepted | None = None
        if isinstance(news, Said):
            news = await self._known(news)
        elif isinstance(news, Edited):
            said = await self._known(news.said)
            news = replace(news, said=said) if said is not None else None
        try:
            async with asyncio.timeout(STORE_SECONDS) as waiting:
                match news:
                    case Said() if place.kind is Kind.DIRECT and not self._access.direct:
                        self._asides.tell(place, message_id, NOT_DIRECT)
                        return
                    case Edited() if place.kind is Kind.DIRECT and not self._access.direct:
                        return  # who wrote it was told already
                    case Said():
                        accepted = await self._reception.hear(await self._read(news, waiting))
                    case Edited():
                        await self._reception.edited(await self._read(news.said, waiting), news.edit_id)
                    case Deleted():
                        await self._reception.deleted(news.message)
        except QueueFull as error:  # never of a deletion: what was deleted must go, however much waits
            self._asides.tell(place, message_id, error.user_notice)
        except NotAllowed as error:
            # In a help channel people also talk to each other.
            if isinstance(news, Said) and news.by_name:
                self._asides.refuse(place, message_id, news.heard.message.author_id, error.user_notice)
        except TimeoutError as exc:
            raise StoreUnavailable(f"the store took longer than {STORE_SECONDS} s") from exc
        if isinstance(news, Said) or news is None:
            self._mark(place, message_id, accepted)

    async def _known(self, said: Said) -> Said | None:
        """With the author's roles, where it depends on them and what was read does not tell; None of somebody who left.
        Raises Unanswered."""
        author = said.heard.author
        if not self._reception.is_undecided(author) or not await self._reception.concerns_us(said.heard):
            return said
        try:
            now = await self._people.standing(author)
        except Unwritable:
            return said  # we were sent away: whoever answers asks again
        except DeliveryError as exc:
            raise Unanswered(str(exc)) from exc
        if now is None:
            return None
        anew = replace(said.anew, message=now.sign(said.anew.message)) if said.anew is not None else None
        return replace(said, heard=replace(said.heard, message=now.sign(said.heard.message)), anew=anew)

    async def _read(self, said: Said, waiting: asyncio.Timeout) -> Heard:
        """With the text of its files, and as the skill that it names, if the message concerns us: nobody else's files
        are fetched."""
        heard = said.heard
        if said.anew is not None and not await self._reception.is_known(heard.message.address):
            heard = said.anew
        try:
            self._reception.check_length(len(heard.message.text))
        except MessageTooLong:
            return heard  # as `hear` will say; nothing is looked for in it
        read = Read()
        if said.files and await self._reception.concerns_us(heard):
            waiting.reschedule(None)  # they have a time-out of their own
            read = await self._attachments.read(said.files)
            waiting.reschedule(asyncio.get_running_loop().time() + STORE_SECONDS)
        above = bool(heard.message.above)
        return replace(heard, message=understood(heard.message, read, by_name=said.by_name, above=above))

    def _mark(self, place: Place, message_id: str, accepted: Accepted | None) -> None:
        at = milliseconds_of(message_id)
        helps = self._access.help_channels
        self._marks.note(place, at, is_ours=accepted is not None or place.id in helps)
        if accepted is not None and place.kind is Kind.CHANNEL:
            # What follows is written in the thread that is made of it.
            self._marks.note(Place(place.guild, message_id, Kind.THREAD, place.id), at, is_ours=True)
        if place.kind is Kind.THREAD and place.parent in helps and message_id == place.id:
            self._marks.note(Place(place.guild, place.parent, Kind.FORUM), at, is_ours=True)

    def _promise(self, news: News | None, place: Place) -> bool:
        """Say that a question is not lost though it is not stored; of what may not be one nothing is said."""
        if (
            isinstance(news, Said)
            and news.heard.is_ours
            and not self._reception.refusal(news.heard.author, asked_again=True)
        ):
            self._asides.tell(place, news.heard.message.message_id, PROMISE)
            return True
        return False
