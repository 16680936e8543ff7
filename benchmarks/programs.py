"""Programs in processes of their own: what is measured, and the servers that it talks to."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.store import fresh_store

START_SECONDS = 30.0
POLL_SECONDS = 0.25
REPOSITORY = Path(__file__).parents[1]
CORRAL = ("bot", "run")


@dataclass(slots=True)
class Program:
    """`python -m` something, with a directory of its own. `stderr` is as in asyncio.subprocess."""

    module: tuple[str, ...]
    settings: Mapping[str, str]
    directory: Path
    is_ready: Callable[[], Awaitable[bool]]
    stderr: int | None = None
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; returns at once."""
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *self.module),
            cwd=self.directory,  # a .env of the repository's must not have its say
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **self.settings},
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
async def started(
    module: tuple[str, ...],
    settings: Mapping[str, str],
    is_ready: Callable[[], Awaitable[bool]],
    stderr: int | None = None,
) -> AsyncIterator[Program]:
    """It, from the moment when it is ready; killed at the end."""
    with tempfile.TemporaryDirectory() as directory:
        program = Program(module, {"DATA_DIR": directory, **settings}, Path(directory), is_ready, stderr)
        try:
            await program.start()
            await program.ready()
            yield program
        finally:
            await program.kill()


@asynccontextmanager
async def corral(model: str, settings: Mapping[str, str], stderr: int | None = None) -> AsyncIterator[Program]:
    """`python -m bot run`, as an operator starts it, with a store of its own in a process beside it, and the platforms
    that `settings` name. It answers /readyz with all well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    async def is_ready() -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/readyz") as response:
                return bool((await response.json())["status"] == "ready")
        except aiohttp.ClientError:
            return False

    async with fresh_store() as store:
        common = {
            "REDIS_URL": store,
            "MODEL_API": "tgi",
            "MODEL_URL": model,
            "HTTP_PORT": str(port),
            "METRICS_PORT": "0",
        }
        everything = {**common, "LOG_LEVEL": "ERROR", **settings}
        async with started(CORRAL, everything, is_ready, stderr) as program:
            yield program


@asynccontextmanager
async def local_server(module: str, *options: str) -> AsyncIterator[str]:
    """`python -m module --port 0`, which prints its address first and serves until SIGTERM."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, "--port", "0", *options), cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await asyncio.wait_for(process.stdout.readline(), START_SECONDS)).decode().strip()
    finally:
        process.terminate()
        await process.wait()
