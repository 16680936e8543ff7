"""A local Discord that holds its rate limits, and the two bots that answer there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks import programs
from benchmarks.programs import local_server, started
from benchmarks.stage import Message, Question, Stage, State, text_of
from tests.servers.discord.cast import GENERAL, PEOPLE, PUBLIC
from tests.servers.discord.tokens import BOT_TOKEN

CALL_SECONDS = 0.08  # what a call of Discord takes; its effect is seen at the end of it


class Discord:
    """The local Discord's controls. See Platform."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    @property
    def settings(self) -> dict[str, str]:
        """What Corral needs to know."""
        return {"DISCORD_TOKEN": BOT_TOKEN, "DISCORD_API_URL": self._url}

    async def ask(self, number: int) -> Question:
        """Mention the bot in a channel."""
        return await self._ask("mention", number, PUBLIC[number % len(PUBLIC)])

    async def ask_for_help(self, number: int, *, mention: bool) -> Question:
        """Ask in the help channel, each number by another person; there a question needs no mention."""
        return await self._ask("mention" if mention else "say", number, GENERAL)

    async def messages(self) -> list[Message]:
        """See Platform."""
        return [
            Message(
                one["id"],
                one["channel"],
                one["body"],
                not any(":stop:" in button["custom_id"] for button in one["buttons"]),
                tuple(State(state["at"], state["text"]) for state in one["history"]),
            )
            for one in (await self._state(history="1"))["messages"]
        ]

    async def refused(self) -> int:
        """See Platform."""
        return int((await self._state())["rate_limited"])

    async def is_connected(self) -> bool:
        """Whether a bot listens."""
        return bool((await self._state())["connected"])

    async def calls(self, questions: Sequence[Question]) -> list[int]:
        """For each question, which must be the only one in its channel: how many calls there were in that channel and
        in its thread since it was asked."""
        calls = (await self._state())["calls"]
        return [
            sum(
                call["channel"] in {question.channel, question.id} and call["at"] >= question.asked_at for call in calls
            )
            for question in questions
        ]

    async def opened(self, questions: Sequence[Question]) -> list[float]:
        """Seconds from the first question to the opening of each question's thread, of those that have one; sorted."""
        events = (await self._state(events="1"))["events"]
        ids = {question.id for question in questions}
        first: dict[str, float] = {}
        for event in events:
            if event["event"] == "THREAD_CREATE" and event["id"] in ids:
                first.setdefault(event["id"], event["at"])
        asked_at = min(question.asked_at for question in questions)
        return sorted(at - asked_at for at in first.values())

    async def _ask(self, act: str, number: int, channel: str) -> Question:
        text = text_of(number)
        body = {"text": text, "channel": channel, "user": PEOPLE[number % len(PEOPLE)]}
        asked_at = time.time()
        async with self._session.post(f"{self._url}/_ctl/{act}", json=body) as response:
            return Question(number, text, channel, (await response.json())["result"], asked_at)

    async def _state(self, **parts: str) -> dict[str, Any]:
        async with self._session.get(f"{self._url}/_ctl/state", params={"events": "0", **parts}) as response:
            told: dict[str, Any] = await response.json()
        return told


@asynccontextmanager
async def local_discord() -> AsyncIterator[Discord]:
    """A Discord in which nothing has happened yet."""
    options = ("--latency", str(CALL_SECONDS), "--limits")
    async with local_server("tests.servers.discord", *options) as url, aiohttp.ClientSession() as session:
        yield Discord(session, url)


@asynccontextmanager
async def corral(model: str, *, help_channel: bool = False) -> AsyncIterator[Stage[Discord]]:
    """`python -m bot run` in a Discord of its own."""
    options = {"DISCORD_HELP_CHANNELS": GENERAL} if help_channel else {}
    async with local_discord() as discord, programs.corral(model, discord.settings | options) as program:
        yield Stage(discord, model, program)


@asynccontextmanager
async def minimal(model: str) -> AsyncIterator[Stage[Discord]]:
    """benchmarks.discord_minimal, connected; its discord.py is the unmodified one, pointed at the local Discord."""
    async with local_discord() as discord:
        settings = {**discord.settings, "MODEL_URL": model}
        module = ("tests.servers.discord.pointed", settings["DISCORD_API_URL"], "-m", "benchmarks.discord_minimal")
        quiet = asyncio.subprocess.DEVNULL
        async with started(module, settings, discord.is_connected, quiet) as program:
            yield Stage(discord, model, program)
