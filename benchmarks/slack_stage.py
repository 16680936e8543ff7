"""A local Slack, an app that answers there, and what Slack and the model's server saw of its answers: each a process of
its own, and all by one clock."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.slack_model import ANSWER_SECONDS, Generation, answer_to, generations
from benchmarks.store import fresh_store
from tests.servers.slack import SlackServer
from tests.servers.slack.cast import PEOPLE, PUBLIC

CALL_SECONDS = 0.08  # what a call of Slack takes; its effect is seen at the end of it
START_SECONDS = 30.0
POLL_SECONDS = 0.25
REPOSITORY = Path(__file__).parents[1]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A mention of the app at the top of a channel. `ts` is its message's, which the answer's thread hangs from."""

    number: int
    text: str
    channel: str
    ts: str
    asked_at: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question: the app's messages in the thread with all their states, and the model's work."""

    question: Question
    messages: tuple[Json, ...]
    generations: tuple[Generation, ...]

    @property
    def is_whole(self) -> bool:
        """One message, that has ended and shows all that the model says to this question."""
        return len(self.messages) == 1 and self._is_finished(self.messages[0])

    @property
    def shown(self) -> str:
        """What the messages show now."""
        return "\n".join(message["body"] for message in self.messages)

    @property
    def first_text_at(self) -> float | None:
        """When Slack showed the first text of the answer, Unix seconds."""
        word = answer_to(self.question.text).split()[0]
        shown = [state["at"] for message in self.messages for state in message["history"] if word in state["text"]]
        return min(shown, default=None)

    @property
    def wait(self) -> float | None:
        """Seconds from the question to that moment."""
        return None if self.first_text_at is None else self.first_text_at - self.question.asked_at

    @property
    def first_lag(self) -> float | None:
        """Seconds from the model's first token to that moment, the call included."""
        tokens = [made.first_at for made in self.generations if made.first_at is not None]
        return self.first_text_at - min(tokens) if self.first_text_at is not None and tokens else None

    @property
    def end_lag(self) -> float | None:
        """Seconds from the model's last token to the message's final state, the call included; None when the answer
        did not become whole."""
        ends = [made.last_at for made in self.generations if made.has_ended and made.last_at is not None]
        return self.messages[0]["last_at"] - max(ends) if self.is_whole and ends else None

    @property
    def writes(self) -> int:
        """How often the messages changed."""
        return sum(message["states"] for message in self.messages)

    def _is_finished(self, message: Json) -> bool:
        return not message["streaming"] and message["body"].split() == answer_to(self.question.text).split()


class Slack:
    """The local Slack's controls."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url

    @property
    def api_url(self) -> str:
        return f"{self._url}/api/"

    async def ask(self, number: int) -> Question:
        """Mention the app, for each number in another channel and by another person, up to 40."""
        text = f"Why is list number {number} of the files empty when it is read a second time?"
        channel = PUBLIC[number % len(PUBLIC)]
        body = {"text": text, "channel": channel, "user": PEOPLE[number % len(PEOPLE)]}
        asked_at = time.time()
        async with self._session.post(f"{self._url}/_ctl/mention", json=body) as response:
            return Question(number, text, channel, (await response.json())["result"], asked_at)

    async def state(self) -> Json:
        """All that happened so far, with every state of each message."""
        async with self._session.get(f"{self._url}/_ctl/state", params={"history": "1"}) as response:
            told: Json = await response.json()
        return told


@dataclass(slots=True)
class Stage:
    """An app at work in a Slack that nobody else uses."""

    slack: Slack
    model: str  # its server's address
    directory: Path
    module: tuple[str, ...]
    settings: dict[str, str]
    is_ready: Callable[[], Awaitable[bool]]
    stderr: int | None = None
    process: asyncio.subprocess.Process | None = None

    async def ask_all(self, numbers: Sequence[int]) -> list[Question]:
        """All at once."""
        return list(await asyncio.gather(*map(self.slack.ask, numbers)))

    async def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """How they stand now."""
        messages, made = (await self.slack.state())["messages"], await generations(self.model)
        return [
            Answer(
                question,
                tuple(one for one in messages if one["thread_ts"] == question.ts),
                # Two apps may be asked the same in one run; each one's Slack is another, and so are the times.
                tuple(one for one in made if one.question == question.text and one.asked_at >= question.asked_at),
            )
            for question in questions
        ]

    async def until_whole(self, questions: Sequence[Question], seconds: float) -> list[Answer]:
        """The answers to questions that were just asked, as soon as all are whole, or when so many seconds are over."""
        await asyncio.sleep(ANSWER_SECONDS)  # looking costs processor time, which what is measured needs
        return await self.until(questions, lambda answer: answer.is_whole, seconds - ANSWER_SECONDS)

    async def until(
        self, questions: Sequence[Question], holds: Callable[[Answer], bool], seconds: float
    ) -> list[Answer]:
        """The answers, as soon as it holds for all of them, or when so many seconds are over."""
        end = time.monotonic() + seconds
        while True:
            answers = await self.answers(questions)
            if all(map(holds, answers)) or time.monotonic() > end:
                return answers
            await asyncio.sleep(POLL_SECONDS)

    async def refused(self) -> int:
        """How many calls were answered 429."""
        return int((await self.slack.state())["rate_limited"])

    async def start(self) -> None:
        """Start the app; returns at once."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self.module),
            cwd=self.directory,  # a .env of the repository's must not have its say
            env={**os.environ, **self.settings},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=self.stderr,
        )

    async def ready(self) -> None:
        """Wait until it says that it is ready, or is connected. TimeoutError; RuntimeError when it has ended."""
        async with asyncio.timeout(START_SECONDS):
            while not await self.is_ready():
                if self.process is not None and self.process.returncode is not None:
                    raise RuntimeError(f"{' '.join(self.module)} ended with {self.process.returncode}")
                await asyncio.sleep(POLL_SECONDS)

    async def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGKILL)
            await self.process.wait()


@asynccontextmanager
async def corral(model: str, *, limits: bool = False) -> AsyncIterator[Stage]:
    """`python -m bot run`, as an operator starts it, with a store of its own. It answers /readyz with all well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"MODEL_API": "tgi", "HTTP_PORT": str(port), "LOG_LEVEL": "ERROR"}

    async def is_ready() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as response:
                return bool((await response.json())["status"] == "ready")
        except aiohttp.ClientError:
            return False

    async with (
        fresh_store() as store,
        local_slack(limits=limits) as slack,
        _stage(slack, model, ("bot", "run"), {**settings, "REDIS_URL": store}, is_ready) as stage,
    ):
        yield stage


@asynccontextmanager
async def minimal(model: str, *, limits: bool = False, buffer_size: int = 32) -> AsyncIterator[Stage]:
    """benchmarks.bolt_minimal, connected."""
    async with local_slack(limits=limits) as slack:

        async def is_ready() -> bool:
            return bool((await slack.state())["sockets"])

        settings = {"BUFFER_SIZE": str(buffer_size)}
        async with _stage(slack, model, ("benchmarks.bolt_minimal",), settings, is_ready) as stage:
            yield stage


@asynccontextmanager
async def _stage(
    slack: Slack, model: str, module: tuple[str, ...], settings: dict[str, str], is_ready: Callable[[], Awaitable[bool]]
) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory() as directory:
        common = {
            "SLACK_BOT_TOKEN": SlackServer.bot_token,
            "SLACK_APP_TOKEN": SlackServer.app_token,
            "SLACK_API_URL": slack.api_url,
            "MODEL_URL": model,
            "DATA_DIR": directory,
            "PYTHONPATH": str(REPOSITORY),
        }
        # Bolt writes a traceback for each answer that the limits break: these are counted, not read.
        stderr = asyncio.subprocess.DEVNULL if module[0].startswith("benchmarks") else None
        stage = Stage(slack, model, Path(directory), module, common | settings, is_ready, stderr)
        try:
            await stage.start()
            await stage.ready()
            yield stage
        finally:
            await stage.kill()


@asynccontextmanager
async def local_slack(*, limits: bool) -> AsyncIterator[Slack]:
    """A Slack in which nothing has happened yet: for its limits as good as an idle minute."""
    options = ["--latency", str(CALL_SECONDS), *(["--limits"] if limits else [])]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.servers.slack", "--port", "0", *options),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), START_SECONDS)).decode().strip()
        async with aiohttp.ClientSession() as session:
            yield Slack(session, url)
    finally:
        process.terminate()
        await process.wait()
