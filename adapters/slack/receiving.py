"""One payload of Slack's, on its way in: understood, stored, and only then acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import Any

from slack_bolt.response import BoltResponse

from adapters.slack import commands, events
from adapters.slack.api import SlackApi
from adapters.slack.asides import Asides
from adapters.slack.blocks import blocks
from adapters.slack.commands import HELP, HELP_DIRECTLY, Opening, SettingsWanted
from adapters.slack.desk import Desk
from adapters.slack.events import Deleted, Edited, Gone, HomeOpened, News, Stopped
from adapters.slack.home import Home
from adapters.slack.identity import Identity
from adapters.slack.in_time import in_time
from adapters.slack.interactions import PUBLISHING, Shortcut
from adapters.slack.membership import is_member
from adapters.slack.people import People
from adapters.slack.places import address, is_dm, somebody
from adapters.slack.private import RESPONSE_URL
from adapters.slack.rendering import button_of
from adapters.slack.standing import known, person_known, person_recalled
from adapters.slack.understanding import Understanding
from conversation import guide
from conversation.access import Person
from conversation.background import Background
from conversation.errors import MessageTooLong, NotAllowed, QueueFull, Refused, StoreUnavailable
from conversation.model import Action, InboundMessage
from conversation.observing import EventResult
from conversation.order import InOrder
from conversation.recent import Lately
from conversation.reception import Heard, Press, Reception, is_sign

log = logging.getLogger(__name__)

NOT_HERE = "I am not in that channel. Invite me with `/invite`, and press it again."

# More at once make each other late, until all of them are too late: Slack then brings them all again.
STORE_AT_ONCE = 16
# A mention in a channel comes twice.
REFUSED_SECONDS = 60.0
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
        understanding: Understanding,
        desk: Desk,
    ) -> None:
        self._api, self._reception, self._people, self._home = api, reception, people, home
        self._asides, self._background, self._understanding, self._desk = asides, background, understanding, desk
        self._order, self._room = InOrder(), asyncio.Semaphore(STORE_AT_ONCE)
        self._refused = Lately(REFUSED_SECONDS)  # keys of messages
        self.me: Identity | None = None

    async def receive(self, payload: dict[str, Any]) -> BoltResponse:
        """Have it stored. Raises nothing that is foreseen."""
        if self.me is None:
            return _not_now()
        if isinstance(payload.get("command"), str):
            return await self._command(payload, self.me)
        match payload.get("type"):
            case "view_submission":
                return _acknowledged_with(await self._desk.submitted(payload, self.me))
            case "block_suggestion":
                return _acknowledged_with(self._desk.suggested(payload))
        return await self._told(payload, self.me)

    async def _told(self, payload: dict[str, Any], me: Identity) -> BoltResponse:
        """An event, or what was pressed."""
        news = events.translate(payload, me, {})
        if news is None:
            self._api.observer.heard("slack", EventResult.IGNORED)
            return _acknowledged()  # most of what people do does not concern us
        try:
            async with in_time():
                await self._in_order(news, payload, me)
        except StoreUnavailable as error:
            log.warning("Slack's %s was not stored: %s", type(news).__name__, error)
            return self._not_stored(news, error)
        except QueueFull as error:
            if isinstance(news, Deleted | Gone):
                return _not_now()  # what was deleted must go
            self._tell(news, error.user_notice)
        except NotAllowed as error:
            self._refuse(news, error.user_notice)
        return _acknowledged()

    async def _command(self, payload: dict[str, Any], me: Identity) -> BoltResponse:
        """Slack brings a command once: its author is told when it is lost."""
        try:
            self._reception.check_length(len(str(payload.get("text") or "")))
        except MessageTooLong as error:
            return _acknowledged(error.user_notice)
        asked = commands.translate(payload, me, {}, time.time())
        if (caller := commands.caller(payload, me)) is not None:
            look = person_recalled if isinstance(asked, Opening) else person_known
            if refusal := self._reception.turns_away(await look(self._people, caller)):
                return _acknowledged(refusal)
        # Before anything slow: a form opens within three seconds, or never.
        if isinstance(asked, Opening):
            return _acknowledged(await self._desk.open(asked, me))
        if isinstance(asked, SettingsWanted):
            return _acknowledged(await self._desk.open_settings(await known(self._people, asked), me))
        if isinstance(asked, Heard):
            names = await self._people.names(events.people_in(payload, me))
            asked = commands.translate(payload, me, names, time.time()) if names else asked
            asked = await known(self._people, asked, seconds=0)
        if not isinstance(asked, Heard):
            sentence = asked if isinstance(asked, str) else ""
            return _help(caller) if asked == HELP else _acknowledged(sentence)
        return await self._asked(asked)

    async def _asked(self, asked: Heard) -> BoltResponse:
        """Store what a command asks, and say where its answer comes."""
        if asked.message.private:
            return _acknowledged(await self._stored(asked) or _coming_privately(asked))
        where = asked.message.address
        looking = asyncio.create_task(is_member(self._api, where.tenant, where.channel), name="are we in the channel")
        if sentence := await self._stored(asked):
            looking.cancel()
            return _acknowledged(sentence)
        return _acknowledged(commands.answer_comes(await looking))

    async def _stored(self, asked: Heard) -> str:
        """Gives what the author is told when it was not."""
        try:
            async with in_time(), self._room:
                await self._reception.hear(asked)
        except (StoreUnavailable, Refused) as error:
            log.warning("Slack's command was not stored: %s", error)
            return error.user_notice
        return ""

    async def _in_order(self, news: News, payload: dict[str, Any], me: Identity) -> None:
        message = _message(news)
        if message is None:
            await self._take(await known(self._people, news), me)
            return
        async with self._order.turn(message.address):
            names = {} if isinstance(news, Deleted) else await self._people.names(events.people_in(payload, me))
            named = events.translate(payload, me, names) if names else None
            said, files = await known(self._people, named or news, seconds=0), events.files_in(payload)
            if isinstance(said, Heard):
                if (understood := await self._understanding.of(said, files)) is None:
                    return
                said = understood
            elif isinstance(said, Edited):
                heard = await self._understanding.of(said.heard, files)
                said = replace(said, heard=heard or said.heard)
            async with self._room:
                await self._take(said, me)

    async def _take(self, news: News, me: Identity) -> None:
        match news:
            case Shortcut():
                await self._reception.hear(news.heard)
            case Opening():
                refusal = self._reception.turns_away(news.person)
                self._tell(news, refusal or await self._desk.open(news, me))
            case Heard():
                await self._reception.hear(news)
                if news.direct and news.message.message_id == news.message.address.thread:
                    self._background.start(self._home.title(news.message), "name a thread")
            case Edited():
                await self._reception.edited(news.heard, news.edit_id)
            case Deleted():
                await self._reception.deleted(news.message)
            case Press():
                self._tell(news, await self._pressed(news))
            case Stopped():
                if time.time() - news.at < STOP_SECONDS:
                    await self._reception.stop(news.person)
            case Gone():
                await self._reception.gone(news.place)
            case HomeOpened():
                self._background.start(self._greet(news, me), "suggest prompts")

    async def _pressed(self, press: Press) -> str:
        where = press.person.address
        if press.action in PUBLISHING and await is_member(self._api, where.tenant, where.channel) is False:
            return NOT_HERE
        if press.action in PUBLISHING:  # everybody reads there who it was
            press = replace(press, person_name=await self._people.name_of(press.person.id))
        told = await self._reception.pressed(press)
        # Nothing shows that a private answer is on its way.
        return commands.ANSWER_COMES_PRIVATELY if press.action is Action.TRY and press.private and not told else told

    async def _greet(self, opened: HomeOpened, me: Identity) -> None:
        person = await person_known(self._people, somebody(me, address(me, opened.channel, ""), opened.user))
        if not self._reception.refusal(person, asked_again=True):
            await self._home.greet(opened)

    def _not_stored(self, news: News, error: StoreUnavailable) -> BoltResponse:
        if isinstance(news, Press | Shortcut | Opening):  # Slack brings these once
            self._tell(news, error.user_notice)
            return _acknowledged()
        if isinstance(news, Heard) and news.is_ours and not self._reception.refusal(news.author, asked_again=True):
            self._asides.promise(news.message)
        return _not_now()

    def _refuse(self, news: News, sentence: str) -> None:
        """Once for a message: nobody else hears of it."""
        message = _message(news)
        if message is None or message.key not in self._refused:
            self._tell(news, sentence)
        if message is not None:
            self._refused.add(message.key)

    def _tell(self, news: News, sentence: str) -> None:
        if isinstance(news, Opening):
            self._asides.respond(news.form.origin.response_url, sentence)
        elif isinstance(news, Press) and (url := news.reply_to.get(RESPONSE_URL)):
            self._asides.respond(url, sentence)
        elif isinstance(news, Press):
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


def _coming_privately(asked: Heard) -> str:
    # How things stand is there before anybody has read that it comes.
    return "" if is_sign(asked.message.text, mentioned=True) else commands.ANSWER_COMES_PRIVATELY


def _help(caller: Person | None) -> BoltResponse:
    text = HELP_DIRECTLY if caller is not None and is_dm(caller.address.channel) else HELP
    examples = [button_of(offer) for offer in guide.examples()]
    body = {"response_type": "ephemeral", "text": text, "blocks": blocks(text, buttons=examples)}
    return BoltResponse(status=200, body=body)


def _acknowledged_with(reply: dict[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=reply or "")


def _acknowledged(text: str = "") -> BoltResponse:
    """With a text it is shown to the author of a command alone."""
    return BoltResponse(status=200, body={"response_type": "ephemeral", "text": text} if text else "")


def _not_now() -> BoltResponse:
    return BoltResponse(status=503, body="")
