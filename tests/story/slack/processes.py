"""The program as a process of its own beside the test's Slack and model, and where it is killed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.servers.slack import web_api
from tests.servers.slack.cast import Json
from tests.servers.slack.errors import SlackError
from tests.servers.slack.workspace import Workspace
from tests.story.slack.conftest import Office
from tests.terminal import environment

START_SECONDS = 45.0
END_SECONDS = 30.0


class Program:
    """`python -m bot run`, started and ready."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process, self.url = process, url
        self.log: list[str] = []  # its lines from then on
        self.reading = asyncio.create_task(self._read(), name="read the program's log")

    async def killed(self) -> None:
        """kill -9; returns when nothing of it runs any more."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def terminated(self) -> int:
        """SIGTERM; gives the exit code."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), END_SECONDS)

    async def page(self, name: str) -> tuple[int, Json]:
        """One of the health pages."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/{name}") as response:
            return response.status, await response.json()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode())


async def spawn(office: Office, directory: Path, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
    """`python -m bot run` with the office's settings; it may end at once."""
    names = {name: str(value) for name, value in {**office.settings, **settings}.items()}
    variables = {name.upper(): value for name, value in names.items() if value and name != "data_dir"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", *arguments),
        env=environment(directory, **{"HTTP_PORT": "0", **variables}),
        cwd=directory,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def program(office: Office, directory: Path, *arguments: str, **settings: str) -> AsyncIterator[Program]:
    """The program from the moment it is ready; killed at the end, if it has not ended."""
    process = await spawn(office, directory, *arguments, **settings)
    assert process.stderr is not None
    seen = b""
    async with asyncio.timeout(START_SECONDS):
        while b"ready: " not in (line := await process.stderr.readline()):
            seen += line
            assert line, f"the program ended before it was ready:\n{seen.decode()}"
    running = Program(process, "http://" + line.decode().partition("http://")[2].partition("/readyz")[0])
    try:
        yield running
    finally:
        await running.killed()
        running.reading.cancel()


@dataclass(frozen=True, slots=True)
class Step:
    """A call to Slack in which the program waits for an answer when it is killed, and whether the call has its effect
    all the same. Without `streams` the channel has none."""

    method: str
    has_effect: bool
    number: int = 1  # of the calls that match, starts at 1
    matches: Callable[[Json], bool] = lambda args: True
    streams: bool = True


class Holds:
    """Holds each channel's answer at a step of its path. The first answer in a channel is held; `arrived` names the
    channels that have come to their step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, steps: Mapping[str, Step]) -> None:
        self.arrived: set[str] = set()
        self._steps = dict(steps)
        self._left = {channel: step.number for channel, step in steps.items()}
        for method in {"chat.startStream", *(step.method for step in steps.values())}:
            monkeypatch.setitem(web_api.METHODS, method, self._held(method, web_api.METHODS[method]))

    def _held(self, method: str, real: web_api.Method) -> web_api.Method:
        async def call(home: Workspace, args: Json) -> Json:
            channel = args.get("channel") or args.get("channel_id") or ""
            step = self._steps.get(channel)
            if step is not None and method == "chat.startStream" and not step.streams:
                raise SlackError("method_not_supported_for_channel_type")
            if step is None or step.method != method or channel in self.arrived or not step.matches(args):
                return await real(home, args)
            self._left[channel] -= 1
            if self._left[channel]:
                return await real(home, args)
            if step.has_effect:
                await real(home, args)
            self.arrived.add(channel)
            await asyncio.Event().wait()  # nobody will hear an answer; the end of the connection ends this
            raise AssertionError

        return call
