"""The processes that are put under fire: workers, the model's server, the store."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from redis.asyncio import Redis

from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from tests.terminal import ROOT, environment
from tests.waiting import until

START_SECONDS = 60.0
END_SECONDS = 30.0


class Program:
    """`python -m MODULE ...` as a process that can be killed, stopped, and started again."""

    def __init__(self, name: str, arguments: list[str], env: dict[str, str], log_path: Path) -> None:
        self.name, self.log_path = name, log_path
        self._arguments, self._env = arguments, env
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0  # where in the log this start's own lines begin, bytes

    @property
    def process_id(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives, and before its first start."""
        return self._process.returncode if self._process is not None else None

    async def start(self) -> None:
        self._log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", *self._arguments),
                cwd=ROOT,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it has said since its start."""
        with self.log_path.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    async def says(self, text: str) -> None:
        """Wait until it has said `text`; AssertionError with its log when it ends, or never does."""

        def has_said() -> bool:
            assert self.exit_code is None, f"{self.name} ended with {self.exit_code}:\n{self.log}"
            return text in self.log

        await until(f"{self.name} says {text!r}", has_said, deadline_seconds=START_SECONDS)

    def send(self, number: signal.Signals) -> None:
        """A signal; nothing when it is gone."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def kill(self) -> None:
        """kill -9: it has no chance to tidy up."""
        self.send(signal.SIGKILL)
        await self.ended()

    async def ended(self) -> int:
        """Wait for its end; gives its exit code."""
        if self._process is None:
            return 0
        return await asyncio.wait_for(self._process.wait(), END_SECONDS)

    def resident_bytes(self) -> int:
        """Its memory that is in use (VmRSS of Linux's proc(5))."""
        status = Path(f"/proc/{self.process_id}/status").read_text("utf-8")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def worker(name: str, directory: Path, redis_url: str, model_url: str | None, **settings: str) -> Program:
    """`python -m bot run --role worker` that serves the terminal's lane; without `model_url` with the demo model."""
    values = {"REDIS_URL": redis_url, "HTTP_PORT": "0", "METRICS_PORT": "0", **settings}
    if model_url is not None:
        values["MODEL_URL"] = model_url
    env = environment(directory, **values)
    return Program(name, ["bot", "run", "--role", "worker"], env, directory / f"{name}.log")


def model(directory: Path, **options: float) -> tuple[Program, str]:
    """A TGI of the tests with options as its command line has them, and its address, which outlives a restart."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["tests.servers.tgi", "--port", str(port)]
    for name, value in options.items():
        arguments += ["--" + name.replace("_", "-"), str(value)]
    return Program("model", arguments, environment(directory), directory / "model.log"), f"http://127.0.0.1:{port}"


class Store:
    """A server of the run's own, with a client that goes to it directly."""

    def __init__(self, directory: Path) -> None:
        self._server = EmbeddedValkey(directory)
        self.url = ""
        self.redis: Redis
        self._process_id = 0

    async def start(self) -> None:
        """Start it, or start it again on its data."""
        self.url = await asyncio.to_thread(self._server.start)
        if not hasattr(self, "redis"):
            self.redis = open_redis(self.url)
        information = await self.redis.info("server")
        self._process_id = int(information["process_id"])

    def send(self, number: signal.Signals) -> None:
        """A signal to the server; nothing when it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self._process_id, number)

    async def stop(self) -> None:
        """End it in order."""
        self.send(signal.SIGCONT)
        await self.redis.aclose()
        await asyncio.to_thread(self._server.stop)
