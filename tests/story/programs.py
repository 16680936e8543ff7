"""The program as a process of its own beside the test's servers."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from tests.terminal import environment

START_SECONDS = 45.0
END_SECONDS = 30.0


class HasSettings(Protocol):
    """Knows what the program has to be told, by the names of `bot.settings`."""

    settings: dict[str, object]


class Program:
    """`python -m bot run`, started and ready."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, metrics_url: str) -> None:
        self.process, self.url, self.metrics_url = process, url, metrics_url
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

    async def page(self, name: str) -> tuple[int, Any]:
        """One of the health pages."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/{name}") as response:
            return response.status, await response.json()

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.log.append(line.decode())


async def spawn(office: HasSettings, directory: Path, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
    """`python -m bot run` with the office's settings; it may end at once."""
    names = {name: str(value) for name, value in {**office.settings, **settings}.items()}
    variables = {name.upper(): value for name, value in names.items() if value and name != "data_dir"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "run", *arguments),
        env=environment(directory, **{"HTTP_PORT": "0", "METRICS_PORT": "0", **variables}),
        cwd=directory,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def program(office: HasSettings, directory: Path, *arguments: str, **settings: str) -> AsyncIterator[Program]:
    """The program from the moment it is ready; killed at the end, if it has not ended."""
    process = await spawn(office, directory, *arguments, **settings)
    assert process.stderr is not None
    seen = b""
    async with asyncio.timeout(START_SECONDS):
        while b"ready: " not in (line := await process.stderr.readline()):
            seen += line
            assert line, f"the program ended before it was ready:\n{seen.decode()}"
    url, metrics_url = re.findall(r"(http://[^/]+)/", line.decode())
    running = Program(process, url, f"{metrics_url}/metrics")
    try:
        yield running
    finally:
        await running.killed()
        running.reading.cancel()
