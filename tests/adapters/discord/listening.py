"""A listener beside a local Discord with a real store, and nobody who answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from adapters.discord.api import DiscordApi
from adapters.discord.identity import DiscordAccess
from adapters.discord.listener import DiscordListener
from adapters.languages import language_named
from conversation.access import Rules
from conversation.intake import Intake
from conversation.model import Ending, InboundMessage, Role, Settlement, ThreadId, Turn
from conversation.preference_desk import PreferenceDesk
from conversation.reception import Reception
from storage.client import open_redis
from storage.feedback import RedisFeedback
from storage.gateways import RedisGateways
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.lanes import errands
from storage.preferences import RedisPreferences
from storage.rates import RedisRates
from storage.threads import RedisThreads
from tests.servers.discord import BOB, BOT_USER, FORUM, PUBLIC, DiscordServer, Message, dm_of
from tests.waiting import until

KEYS = Keys()
MARKER = "That is all."
MOST_TOKENS = 500  # of one reply
COMMANDS = 17
HELP = PUBLIC[2]  # every question in this channel is answered, and every post in FORUM


@dataclass
class Desk:
    """The store as listeners and a worker see it."""

    redis: Redis
    inbox: RedisInbox
    jobs: RedisJobs
    threads: RedisThreads
    reception: Reception
    gateways: RedisGateways
    rates: RedisRates
    preferences: PreferenceDesk
    listeners: list[DiscordListener] = field(default_factory=list)
    apis: list[DiscordApi] = field(default_factory=list)

    def listener(self, discord: DiscordServer, **more: Any) -> DiscordListener:
        """A process that listens."""
        access = DiscordAccess(discord.bot_token, help_channels=frozenset({HELP, FORUM}))
        told = {"origins": [discord.url], "identify_seconds": 0.01, **more}
        access = told.pop("access", access)
        self.listeners.append(
            DiscordListener(access, self.reception, self.gateways, self.api(access), self.preferences, **told)
        )
        return self.listeners[-1]

    def api(self, access: DiscordAccess) -> DiscordApi:
        """What a listener says things with."""
        self.apis.append(DiscordApi(access.token, self.rates))
        return self.apis[-1]

    async def seen(self, discord: DiscordServer) -> None:
        """All that was said until now is stored, or was nothing to us: a last word of Bob's comes after it."""
        said = await discord.dm(MARKER, user=BOB)
        key = ThreadId("discord", "@me", dm_of(BOB), said)
        await until("the last word is stored", lambda: self._knows(key))
        await until("all is seen to", lambda: all(listener.is_idle for listener in self.listeners))

    async def _knows(self, key: ThreadId) -> bool:
        return bool(await self.redis.exists(KEYS.seen(str(key))))

    async def asked(self, ending: Ending = Ending.COMPLETE) -> list[InboundMessage]:
        """What was asked and not taken up yet, in order, without last words; each gets an answer that ends so."""
        found: list[InboundMessage] = []
        while claims := await self.jobs.claim(100):
            for claim in claims:
                found += claim.job.messages
                turns = [
                    Turn(
                        id=f"{claim.job.id}:{number}",
                        exchange=claim.job.id,
                        role=Role.USER,
                        text=message.text,
                        at=message.sent_at,
                        message_ids=(message.message_id,),
                    )
                    for number, message in enumerate(claim.job.messages)
                ]
                answer = Turn(
                    id=f"{claim.job.id}:answer",
                    exchange=claim.job.id,
                    role=Role.ASSISTANT,
                    text="Because.",
                    at=claim.job.accepted_at,
                    ending=ending,
                )
                await self.jobs.finish(claim, Settlement(ending, turns=(*turns, answer)))
        found = [message for message in found if message.text != MARKER]
        return sorted(found, key=lambda message: int(message.message_id.partition("/")[0]))

    async def depth(self) -> int:
        """How many questions wait."""
        return await self.inbox.depth()


@asynccontextmanager
async def desk_of(url: str, *, max_mailbox: int = 100, lease_seconds: float = 4.0) -> AsyncIterator[Desk]:
    """The store at this address."""
    redis, fast = open_redis(url), open_redis(url, fast=True)
    # Messages of a test come within a second of each other, and are not meant to join.
    inbox = RedisInbox(redis, fast, KEYS, join_seconds=0.0, max_mailbox=max_mailbox)
    threads = RedisThreads(redis, KEYS)
    reception = Reception(inbox, Intake(inbox, 10_000), threads, RedisFeedback(redis, KEYS, threads), Rules())
    gateways = RedisGateways(redis, KEYS, lease_seconds=lease_seconds)
    rates = RedisRates(redis, KEYS, margin_seconds=0.0)
    jobs = RedisJobs(redis, KEYS, lanes=["discord", *errands(["discord"])])
    preferences = PreferenceDesk(RedisPreferences(redis, KEYS), Rules(), language_named, MOST_TOKENS)
    desk = Desk(redis, inbox, jobs, threads, reception, gateways, rates, preferences)
    yield desk
    for api in desk.apis:
        await api.aclose()
    await fast.aclose()
    await redis.aclose()


def button(action: str, target: str) -> dict[str, Any]:
    """A row with one of our buttons."""
    shown = {"type": 2, "style": 2, "label": action, "custom_id": f"corral:{action}:{target}"}
    return {"type": 1, "components": [shown]}


def answer_of_ours(discord: DiscordServer, channel: str, *rows: dict[str, Any]) -> str:
    """A message of ours, as a worker writes it; its id."""
    message = Message(discord.home.snowflakes.next(), channel, BOT_USER, "Because.", components=list(rows))
    discord.home.post(message)
    return message.id


async def next_asked(desk: Desk) -> InboundMessage:
    """The one question that was asked."""
    found: list[InboundMessage] = []

    async def is_there() -> bool:
        found.extend(await desk.asked())
        return bool(found)

    await until("something is asked", is_there)
    (message,) = found
    return message


def said_to(discord: DiscordServer, person: str) -> list[str]:
    """What this person alone was shown."""
    return [message.shown for message in discord.ephemerals if message.ephemeral_for == person]
