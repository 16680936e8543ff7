"""Discord as people meet it: a local Discord, the program wired as `python -m bot run` wires it, a model server of our
own.

Everything between them goes over real sockets; `processes` beside this file has the same with real processes.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from adapters.discord import ephemeral, messages, turn
from adapters.discord.listener import HANDLED, DiscordListener
from bot.roles import Role
from bot.settings import Settings
from conversation.model import ThreadId
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.threads import RedisThreads
from tests.servers.behaviour import Behaviour
from tests.servers.discord import ALICE, BOT_USER, FORUM, GUILD, PEOPLE, PUBLIC, DiscordServer, Message
from tests.servers.discord.interaction import Interaction
from tests.servers.tgi import TgiServer
from tests.story.acquaintances import acquaint
from tests.story.programs import Program
from tests.story.replicas import replica
from tests.waiting import until

QUESTION = "how do I sort a list?"
OTHER_QUESTION = "how do I reverse a list?"
HELP = PUBLIC[2]  # every question in this channel is answered, and every post in FORUM
ANSWER_TOKENS = 30
SPEAKING = Behaviour(token_delay=0.03)
AT_ONCE = Behaviour()
# For a process of its own: there one pause between two writes is 1.2 s.
SLOWLY = Behaviour(token_delay=0.1)

STOP, CONTINUE, AGAIN, GOOD, BAD = "stop", "continue", "again", "good", "bad"
WHOLE = [AGAIN, GOOD, BAD]  # what can be pressed below an answer that came to its end
SHARE, THREAD = "share", "thread"
WHOLE_PRIVATELY = [AGAIN, SHARE, THREAD, GOOD, BAD]
_DEFAULTS = DiscordListener.__init__.__kwdefaults__ or {}


@dataclass
class Office:
    """A server with the bot in it, and what tests want to know of both."""

    discord: DiscordServer
    model: TgiServer
    redis: Redis
    settings: dict[str, object]
    keys: Keys = field(default_factory=Keys)
    refusals: int = 0  # how many 429 the test itself brings about

    def replica(self, role: Role = Role.ALL, **settings: object) -> AbstractAsyncContextManager[str]:
        """One process's worth of the program, within this one."""
        return replica({**self.settings, **settings}, role)

    # What there is to see. A thread has the id of the message that it was opened from

    def thread(self, place: str) -> list[Message]:
        """Our messages in this thread, post or channel, or in the thread below this message."""
        return self.discord.bot_messages(place) if place in self.discord.home.channels else []

    def answer(self, place: str) -> Message:
        """Our only message there."""
        (message,) = self.thread(place)
        return message

    def ended(self, place: str) -> list[Message]:
        """Those that have come to their end: buttons for another try stand below them."""
        return [message for message in self.thread(place) if AGAIN in actions(message)]

    async def begun(self, place: str, *, words: int = 1) -> Message:
        """Wait until so many words of an answer stand there, and more are to come."""

        def is_shown() -> bool:
            shown = self.thread(place)
            return bool(shown) and len(shown[-1].body.split()) >= words

        await until("an answer has begun", is_shown)
        return self.thread(place)[-1]

    async def settled(self) -> None:
        """Wait until everything that was said, called up or pressed is stored, and came to its end."""

        async def nothing_is_left() -> bool:
            return await self._is_heard() and not await self.redis.zcard(self.keys.backlog())

        await until("every question came to its end", nothing_is_left, deadline_seconds=30)

    async def answered(self, place: str, *, times: int = 1) -> list[Message]:
        """Wait until so many answers there came to their end, and nothing more is to come; gives our messages."""

        async def is_over() -> bool:
            return len(self.ended(place)) >= times and not await self.redis.zcard(self.keys.backlog())

        await until("the answer came to its end", is_over, deadline_seconds=30)
        return self.thread(place)

    async def killed(self, process: Program) -> None:
        """kill -9, and as if the time had passed after which another process may listen in its place."""
        await process.killed()
        await self.redis.delete(self.keys.gateway_owner(BOT_USER))

    async def is_stored(self, interaction: Interaction) -> bool:
        """Whether what a command asked for is stored; it is acknowledged before."""
        return bool([key async for key in self.redis.scan_iter(match=f"*{interaction.id}*", count=1000)])

    async def marked(self, channel: str) -> None:
        """Wait until it is stored that messages of this channel were seen to, and with that how far the gateway is."""

        async def is_kept() -> bool:
            marks = await self.redis.zrange(self.keys.gateway_marks(BOT_USER), 0, -1)
            return any(f":{channel}:" in str(mark) for mark in marks)

        await until("how far the gateway is, is stored", is_kept)

    async def press(self, message: Message, action: str, *, user: str = ALICE) -> Interaction:
        """Press a button below a message of ours."""
        (custom_id,) = [one.custom_id for one in message.buttons if one.custom_id.split(":")[1] == action]
        return await self.discord.press(message.id, custom_id, user=user)

    async def turns(self, place: str) -> list[tuple[str, str]]:
        """(role, text) of what is remembered of the conversation in this thread, post or channel."""
        channel = self.discord.home.channels[place]
        guild = channel.guild or "@me"
        inbox = RedisInbox(self.redis, self.redis, self.keys)
        conversation = await inbox.conversation(ThreadId("discord", guild, channel.parent or place, place))
        if conversation is None:
            return []
        turns = await RedisThreads(self.redis, self.keys).turns(conversation)
        return [(turn.role.value, turn.text.strip()) for turn in turns]

    def last_prompt(self) -> str:
        """What the model was asked last, without what it had said already."""
        prompt: str = self.model.requests[-1]["inputs"]
        return prompt[: prompt.rindex("[/INST]") + len("[/INST]")]

    def expected(self, question: str = QUESTION) -> str:
        """What the model says to a question."""
        return self.model.model.answer_to(question).strip()

    def expected_now(self) -> str:
        """What people see of what the model says to what it was asked last."""
        whole = "".join(token.text for token in self.model.model.go_on(self.last_prompt()) if not token.special)
        opened = re.match(r"\s*```(\w*)", self.model.requests[-1]["inputs"].rpartition("[/INST]")[2])
        return f"```{opened[1] or 'python'}\n{whole}\n```" if opened else whole.strip()

    # What must hold in the end, whatever happened

    def untidy(self) -> list[str]:
        """Whatever nobody should find after the last ending: half messages, pings, calls too many. Where we may not
        write any more nothing can be tidied."""
        home = self.discord.home
        places = [place.id for place in home.channels.values() if home.sees(place) and not place.locked]
        messages = [message for place in places for message in self.discord.bot_messages(place)]
        messages += self.discord.ephemerals
        left = [f"can still be stopped: {one.id}" for one in messages if STOP in actions(one)]
        left += [f"still thinks: {one.id}" for one in messages if one.loading]
        left += [f"says nothing: {one.id}" for one in messages if one.body == "…"]
        left += [f"pings: {one.shown!r}" for one in self.discord.pings]
        for call in self.discord.calls:
            told = call.body.get("data") or call.body
            if "content" in told and told.get("allowed_mentions") != {"parse": []}:
                left.append(f"may call people: {call.route}")
        if self.discord.rate_limited != self.refusals:
            left.append(f"{self.discord.rate_limited} calls were too many, and not {self.refusals}")
        return left

    async def _is_heard(self) -> bool:
        """Whether all that the gateway told is seen to: the listener stores how far it is."""
        kept = json.loads(await self.redis.get(self.keys.gateway(BOT_USER)) or b"{}")
        session = self.discord.gateway.sessions.get(kept.get("id", ""))
        if session is None or "behind" in kept:
            return False
        seen_to = HANDLED | {"READY", "RESUMED"}
        return int(kept["seq"]) >= max((one.seq for one in session.kept if one.event in seen_to), default=0)


def actions(message: Message) -> list[str]:
    """What can be pressed below a message."""
    return [button.custom_id.split(":")[1] for button in message.buttons]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of whoever runs the tests, and none of their variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of a second grows several times, and what was heard is known at once. Not in a process of its own."""
    monkeypatch.setattr(messages, "PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(messages, "STEADY_PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(ephemeral, "PAUSE_SECONDS", 0.3)
    monkeypatch.setattr(turn, "KEEP_SECONDS", 0.05)
    monkeypatch.setattr(DiscordListener.__init__, "__kwdefaults__", {**_DEFAULTS, "identify_seconds": 0.2})


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    """A server where nothing was said yet; its limits hold."""
    async with DiscordServer(limits=True) as server:
        yield server


@pytest.fixture
async def model() -> AsyncIterator[TgiServer]:
    """A model server that speaks as fast as people read."""
    async with TgiServer(SPEAKING, answer_tokens=ANSWER_TOKENS) as server:
        yield server


@pytest.fixture
async def office(
    discord: DiscordServer, model: TgiServer, redis_client: Redis, valkey_url: str, tmp_path: Path
) -> AsyncIterator[Office]:
    """A server with nobody of ours in it yet. When the test has gone well nothing may be left half done there."""
    made = Office(
        discord,
        model,
        redis_client,
        {
            "discord_token": discord.bot_token,
            "discord_api_url": discord.url,
            "discord_help_channels": f"{HELP},{FORUM}",
            "redis_url": valkey_url,
            "data_dir": tmp_path,
            "model_url": model.url,
            "lease_seconds": 1.0,
            "drain_seconds": 10.0,
        },
    )
    await acquaint(redis_client, "discord", [GUILD, "@me"], PEOPLE)
    yield made
    assert made.untidy() == []
