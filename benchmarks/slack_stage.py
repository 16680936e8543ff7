"""A local Slack, and the two apps that answer there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from benchmarks import programs
from benchmarks.programs import local_server, started
from benchmarks.stage import Message, Question, Stage, State, text_of
from tests.servers.slack import SlackServer
from tests.servers.slack.cast import PEOPLE, PUBLIC

CALL_SECONDS = 0.08  # what a call of Slack takes; its effect is seen at the end of it


class Slack:
    """The local Slack's controls. See Platform."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    @property
    def settings(self) -> dict[str, str]:
        """What an app needs to know."""
        tokens = {"SLACK_BOT_TOKEN": SlackServer.bot_token, "SLACK_APP_TOKEN": SlackServer.app_token}
        return {**tokens, "SLACK_API_URL": f"{self._url}/api/"}

    async def ask(self, number: int) -> Question:
        """Mention the app at the top of a channel."""
        text, channel = text_of(number), PUBLIC[number % len(PUBLIC)]
        body = {"text": text, "channel": channel, "user": PEOPLE[number % len(PEOPLE)]}
        asked_at = time.time()
        async with self._session.post(f"{self._url}/_ctl/mention", json=body) as response:
            return Question(number, text, channel, (await response.json())["result"], asked_at)

    async def messages(self) -> list[Message]:
        """See Platform."""
        return [
            Message(
                one["ts"],
                one["thread_ts"],
                one["body"],
                not one["streaming"],
                tuple(State(state["at"], state["text"]) for state in one["history"]),
            )
            for one in (await self._state())["messages"]
        ]

    async def refused(self) -> int:
        """See Platform."""
        return int((await self._state())["rate_limited"])

    async def is_connected(self) -> bool:
        """Whether an app listens."""
        return bool((await self._state())["sockets"])

    async def _state(self) -> dict[str, Any]:
        async with self._session.get(f"{self._url}/_ctl/state", params={"history": "1"}) as response:
            told: dict[str, Any] = await response.json()
        return told


@asynccontextmanager
async def local_slack(*, limits: bool = False) -> AsyncIterator[Slack]:
    """A Slack in which nothing has happened yet: for its limits as good as an idle minute."""
    options = ["--latency", str(CALL_SECONDS), *(["--limits"] if limits else [])]
    async with local_server("tests.servers.slack", *options) as url, aiohttp.ClientSession() as session:
        yield Slack(session, url)


@asynccontextmanager
async def corral(model: str, *, limits: bool = False) -> AsyncIterator[Stage[Slack]]:
    """`python -m bot run` in a Slack of its own."""
    async with local_slack(limits=limits) as slack, programs.corral(model, slack.settings) as program:
        yield Stage(slack, model, program)


@asynccontextmanager
async def minimal(model: str, *, limits: bool = False, buffer_size: int = 32) -> AsyncIterator[Stage[Slack]]:
    """benchmarks.bolt_minimal, connected."""
    async with local_slack(limits=limits) as slack:
        settings = {**slack.settings, "MODEL_URL": model, "BUFFER_SIZE": str(buffer_size)}
        # Bolt writes a traceback for each answer that the limits break: these are counted, not read.
        quiet = asyncio.subprocess.DEVNULL
        async with started(("benchmarks.bolt_minimal",), settings, slack.is_connected, quiet) as program:
            yield Stage(slack, model, program)
