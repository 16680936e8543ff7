"""Discord as people meet it: a local Discord and a model server of our own; the program is a process beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.settings import Settings
from storage.keys import Keys
from tests.servers.behaviour import Behaviour
from tests.servers.discord import DiscordServer, Message
from tests.servers.tgi import TgiServer
from tests.waiting import until

QUESTION = "how do I sort a list?"
# One pause between two writes is 1.2 s: an answer of 4 s is written several times.
ANSWER_TOKENS = 40
SPEAKING = Behaviour(token_delay=0.1)


@dataclass
class Office:
    """A server with the bot in it, and what tests want to know."""

    discord: DiscordServer
    model: TgiServer
    redis: Redis
    settings: dict[str, object]
    keys: Keys = field(default_factory=Keys)

    def thread(self, question: str) -> list[Message]:
        """Our messages in the thread below this message: it has the message's id."""
        return self.discord.bot_messages(question) if question in self.discord.home.channels else []

    def answers(self, question: str) -> list[Message]:
        """Those that have come to their end: buttons for another try stand below them."""
        return [
            message for message in self.thread(question) if any("again" in one.custom_id for one in message.buttons)
        ]

    async def begun(self, question: str, *, words: int) -> Message:
        """Wait until so many words of an answer stand below this message, and more are to come."""

        def is_shown() -> bool:
            shown = self.thread(question)
            return bool(shown) and len(shown[-1].body.split()) >= words

        await until("an answer has begun", is_shown)
        return self.thread(question)[-1]

    async def answered(self, question: str, *, times: int = 1) -> list[Message]:
        """Wait until so many answers stand below this message, and nothing more is to come; gives our messages."""

        async def is_over() -> bool:
            return len(self.answers(question)) >= times and not await self.redis.zcard(self.keys.backlog())

        await until("the answer came to its end", is_over, deadline_seconds=30)
        return self.thread(question)

    def expected(self, question: str = QUESTION) -> str:
        """What the model says to a question."""
        return self.model.model.answer_to(question).strip()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of whoever runs the tests, and none of their variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


@pytest.fixture
async def office(redis_client: Redis, valkey_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """A server where nothing was said yet. Nobody may be called by an answer, and no limit may be passed."""
    async with DiscordServer(limits=True) as discord, TgiServer(SPEAKING, answer_tokens=ANSWER_TOKENS) as model:
        settings: dict[str, object] = {
            "discord_token": discord.bot_token,
            "discord_api_url": discord.url,
            "redis_url": valkey_url,
            "data_dir": tmp_path,
            "model_url": model.url,
            "lease_seconds": 1.0,
            "drain_seconds": 10.0,
        }
        yield Office(discord, model, redis_client, settings)
        assert discord.pings == []
        assert discord.rate_limited == 0
