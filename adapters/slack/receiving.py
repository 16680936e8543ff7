"""One payload of Slack's, on its way in: understood, stored, and only then acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from slack_bolt.response import BoltResponse

from adapters.slack import commands, events
from adapters.slack.api import SlackApi
from adapters.slack.asides import Asides
from adapters.slack.events import Deleted, Edited, Gone, HomeOpened, News, Stopped
from adapters.slack.home import Home
from adapters.slack.identity import Identity
from adapters.slack.interactions import Shortcut
from adapters.slack.membership import is_member
from adapters.slack.people import People
from conversation.background import Background
from conversation.errors import QueueFull, Refused, StoreUnavailable
from conversation.model import InboundMessage
from conversation.order import InOrder
from conversation.reception import Heard, Person, Press, Reception

log = logging.getLogger(__name__)

# Slack waits three seconds for the acknowledgement, and calls back at once when there is none.
STORE_SECONDS = 2.5
# More at once make each other late, until all of them are too late: Slack then brings them all again.
STORE_AT_ONCE = 16
# Slack brings a stop again that was not acknowledged. By then the person may have asked the next question.
STOP_SECONDS = 20.0


class Receiving:
    """Answers each payload as Slack is to be answered: 200 is the acknowledgement; with any other status Slack brings
    an event again. `me` is to be set before anything can be taken in."""

    def __init__(
        self,
        api: SlackApi,
        reception: Reception,
        people: People,
        home: Home,
        asides: Asides,
        background: Background,
    ) -> None:
        self._api, self._reception, self._people, self._home = api, reception, people, home
        self._asides, self._background = asides, background
        self._order, self._room = InOrder(), asyncio.Semaphore(STORE_AT_ONCE)
        self.me: Identity | None = None

    async def receive(self, payload: dict[str, Any]) -> BoltResponse:
        """Have it stored. Raises nothing that is foreseen."""
        if self.me is None:
            return _not_now()
        if isinstance(payload.get("command"), str):
            return await self._command(payload, self.me)
        news = events.translate(payload, self.me, {})
        if news is None:
            return _acknowledged()  # most of what people do does not concern us
        try:
            async with _in_time():
                await self._in_order(news, payload, self.me)
        except StoreUnavailable as error:
            log.warning("Slack's %s was not stored: %s", type(news).__name__, error)
            return self._not_stored(news, error)
        except QueueFull as error:
            if isinstance(news, Deleted | Gone):
                return _not_now()  # what was deleted must go
            self._tell(news, error.user_notice)
        return _acknowledged()

    async def _command(self, payload: dict[str, Any], me: Identity) -> BoltResponse:
        """Slack brings a command once: its author is told when it is lost."""
        names = await self._people.names(events.people_in(payload, me))
        asked = commands.translate(payload, me, names, time.time())
        if not isinstance(asked, Heard):
            return _acknowledged(asked)
        where = asked.message.address
        looking = asyncio.create_task(is_member(self._api, where.tenant, where.channel), name="are we in the channel")
        try:
            async with _in_time(), self._room:
                await self._reception.hear(asked)
        except (StoreUnavailable, Refused) as error:
            log.warning("Slack's command was not stored: %s", error)
            looking.cancel()
            return _acknowledged(error.user_notice)
        return _acknowledged(commands.answer_comes(await looking))

    async def _in_order(self, news: News, payload: dict[str, Any], me: Identity) -> None:
        message = _message(news)
        if message is None:
            await self._take(news)
            return
        async with self._order.turn(message.address):
            names = {} if isinstance(news, Deleted) else await self._people.names(events.people_in(payload, me))
            named = events.translate(payload, me, names) if names else None
            async with self._room:
                await self._take(named or news)

    async def _take(self, news: News) -> None:
        match news:
            case Shortcut():
                await self._reception.hear(news.heard)
            case Heard():
                await self._reception.hear(news)
                if news.direct and news.message.message_id == news.message.address.thread:
                    self._background.start(self._home.title(news.message), "name a thread")
            case Edited():
                await self._reception.edited(news.heard, news.edit_id)
            case Deleted():
                await self._reception.deleted(news.message)
            case Press():
                self._tell(news, await self._reception.pressed(news))
            case Stopped():
                if time.time() - news.at < STOP_SECONDS:
                    await self._stop(news.person)
            case Gone():
                await self._reception.gone(news.place)
            case HomeOpened():
                self._background.start(self._home.greet(news), "suggest prompts")

    async def _stop(self, person: Person) -> None:
        # Slack says who pressed, and not where they belong.
        if self.me is not None and await self._people.is_external(person.id, self.me):
            person = replace(person, external=True)
        await self._reception.stop(person)

    def _not_stored(self, news: News, error: StoreUnavailable) -> BoltResponse:
        if isinstance(news, Press | Shortcut):  # Slack brings these once
            self._tell(news, error.user_notice)
            return _acknowledged()
        if isinstance(news, Heard) and news.is_ours and not news.external:
            self._asides.promise(news.message)
        return _not_now()

    def _tell(self, news: News, sentence: str) -> None:
        if isinstance(news, Press):
            where = news.person.address
            self._asides.tell(where.tenant, where.channel, news.person.id, where.thread, sentence)
        elif (message := _message(news)) is not None:
            where = message.address
            # Below a message that has no answers nobody looks.
            thread_ts = None if message.message_id.partition("/")[0] == where.thread else where.thread
            self._asides.tell(where.tenant, where.channel, message.author_id, thread_ts, sentence)


def _message(news: News) -> InboundMessage | None:
    """The message that it is about, which has its place among others."""
    match news:
        case Heard() | Deleted():
            return news.message
        case Edited() | Shortcut():
            return news.heard.message
    return None


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    """Raises StoreUnavailable before Slack gives up. What is stored all the same is recognised when it comes again."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            yield
    except TimeoutError as exc:
        raise StoreUnavailable(f"the store took longer than {STORE_SECONDS} s") from exc


def _acknowledged(text: str = "") -> BoltResponse:
    """With a text it is shown to the author of a command alone."""
    return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text} if text else "")


def _not_now() -> BoltResponse:
    return BoltResponse(status=503, body="")
