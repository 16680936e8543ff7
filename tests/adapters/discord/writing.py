"""A writer of answers at work: our DiscordReplies on a local Discord and a real book of rates, and the jobs it gets."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from secrets import token_hex
from typing import Any

from redis.asyncio import Redis

from adapters.discord.api import DiscordApi
from adapters.discord.payloads import milliseconds_of
from adapters.discord.places import destination_of
from adapters.discord.replies import DiscordReplies
from conversation.errors import Paced
from conversation.model import Action, Command, Ending, InboundMessage, Job, Offer, Segment, SegmentState, ThreadId
from conversation.ports import Content
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.discord import ALICE, BOT_USER, GENERAL, GUILD, DiscordServer, Message, dm_of
from tests.servers.discord.cast import APP
from tests.servers.discord.interaction import COMMAND, Interaction
from tests.servers.discord.messages import LOADING

_ids = itertools.count(1)


@dataclass
class Writer:
    """One process's writer. Several on one server and one store are several processes."""

    discord: DiscordServer
    rates: RedisRates
    api: DiscordApi
    replies: DiscordReplies
    segments: dict[str, Segment] = field(default_factory=dict)

    async def asked(self, text: str = "How?", *, channel: str = GENERAL, user: str = ALICE, title: str = "How?") -> Job:
        """The job of a question that somebody asks now in a channel: its thread is still to be opened."""
        message_id = await self.discord.mention(text, channel=channel, user=user)
        return job(
            message_id, message_id, channel=channel, user=user, text=text, where={"from": message_id, "title": title}
        )

    async def asked_in_thread(self, text: str = "How?", *, user: str = ALICE) -> Job:
        """The same in a thread that is open."""
        root = await self.discord.say("A talk", user=user)
        thread = await self.discord.open_thread("A talk", message=root)
        message_id = await self.discord.mention(text, channel=thread, user=user)
        return job(message_id, thread, user=user, text=text, thread=thread)

    async def asked_directly(self, text: str = "How?", *, user: str = ALICE) -> Job:
        """The same in direct messages."""
        direct = dm_of(user)
        message_id = await self.discord.dm(text, user=user)
        return job(message_id, direct, guild="@me", channel=direct, user=user, text=text, thread=direct, dm="1")

    async def asked_privately(self, text: str = "How?", *, user: str = ALICE, seconds_left: float = 900.0) -> Job:
        """The job of a command whose answer one person sees alone, deferred already."""
        home = self.discord.home
        now = time.time()
        called = Interaction(
            home.snowflakes.next(), token_hex(8), COMMAND, "ask", user, GENERAL, GUILD, at=now + seconds_left - 900
        )
        home.interactions[called.id] = home.tokens[called.token] = called
        called.original = self.deferred(called).id
        where = {"interaction": called.token, "application": APP, "expires": str(now + seconds_left)}
        return job(called.id, f"private-{user}", user=user, text=text, where=where)

    def deferred(self, called: Interaction) -> Message:
        """What a person sees after the acknowledgement."""
        thinking = Message(self.discord.home.snowflakes.next(), called.channel, BOT_USER, ephemeral_for=called.user)
        thinking.flags, thinking.interaction = LOADING, called.id
        self.discord.home.post(thinking)
        return thinking

    async def begin(self, job: Job) -> Job:
        """The job with its place, as Delivery has it once that is open."""
        place, address = await self.patiently(lambda: self.replies.open(job, look=False))
        assert address == job.messages[0].address
        return replace(job, place=place)

    async def show(self, job: Job, content: Content, index: int = 0) -> Segment:
        """Post the content, or edit the job's message; who is told to wait waits, as Delivery does."""
        segment = self.segment(job, index)
        if segment.message_id is None:
            written = await self.patiently(lambda: self.replies.post(job, segment, content))
            segment = replace(segment, message_id=written.message_id, mode=written.mode)
        else:
            await self.patiently(lambda: self.replies.edit(job, segment, content))
        self.segments[segment.key] = segment
        return segment

    def segment(self, job: Job, index: int = 0) -> Segment:
        """The job's message as this process knows it."""
        key = f"{job.id}:{index}"
        return self.segments.get(key) or Segment(key, 0, SegmentState.PLANNED)

    def shown(self, job: Job) -> list[Message]:
        """Our messages where the answer goes, oldest first."""
        return self.discord.bot_messages(destination_of(job).channel)

    def routes(self) -> list[str]:
        """What was called, in order."""
        return [call.route for call in self.discord.calls]

    @staticmethod
    async def patiently(act: Any) -> Any:
        """What the act gives when there is room for it."""
        while True:
            try:
                return await act()
            except Paced as paced:
                await asyncio.sleep(paced.retry_after_seconds or 0.0)


def job(
    message_id: str,
    root: str,
    *,
    guild: str = GUILD,
    channel: str = GENERAL,
    user: str = ALICE,
    text: str = "How?",
    command: Command = Command.ASK,
    above: tuple[str, ...] = (),
    where: Mapping[str, str] | None = None,
    **reply_to: str,
) -> Job:
    """A job as the listener and the store make it. `root` is the thread's id, or that of the message that it is opened
    from; `where` is what else stands in `reply_to`."""
    message = InboundMessage(
        address=ThreadId("discord", guild, channel, root),
        message_id=message_id,
        author_id=user,
        author_name="Alice",
        text=text,
        sent_at=milliseconds_of(message_id) / 1000,
        command=command,
        above=above,
        reply_to={"channel": channel, "user": user, **reply_to, **(where or {})},
    )
    return Job(f"{next(_ids):032x}", "conversation", (message,), time.time())


def growing(text: str, job_id: str = "j", closer: str = "") -> Content:
    """An answer that is being written."""
    return Content(text + closer, closer=closer, offers=(Offer(Action.STOP, "Stop", job_id),))


def ended(text: str, notice: str = "") -> Content:
    """An answer that has ended, with what can be pressed below it."""
    offers = tuple(Offer(action, action.value.title(), "x1") for action in (Action.AGAIN, Action.GOOD, Action.BAD))
    return Content(text, notice=notice, final=True, ending=Ending.COMPLETE.value, offers=offers)


@asynccontextmanager
async def writer(discord: DiscordServer, redis: Redis, **api: Any) -> AsyncIterator[Writer]:
    """A writer on a Discord that runs already."""
    rates = RedisRates(redis, Keys())
    with discord.pointed():
        async with DiscordApi(discord.bot_token, rates, **api) as client:
            replies = DiscordReplies(client)
            try:
                yield Writer(discord, rates, client, replies)
            finally:
                await replies.aclose()
