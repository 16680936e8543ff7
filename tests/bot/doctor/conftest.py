"""No settings but the test's own."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.settings import Settings
from storage.valkey_process import _binary
from tests.servers.discord.pointing import pointed_at

Valkey = Callable[..., str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No .env of whoever runs the tests, none of their variables, and never the real Discord."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)
    with pointed_at("http://127.0.0.1:1"):
        yield


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """Starts a server as an operator has configured it, and gives its host and port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*configuration: str) -> str:
        folder = tmp_path / f"valkey-{len(started)}"
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *configuration]
        started.append(
            subprocess.Popen([str(_binary()), *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        _await_port(port)
        return f"127.0.0.1:{port}"

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def _await_port(port: int) -> None:
    """A server answers even PING only to those whom it lets in; that it listens is seen by anybody."""
    for _ in range(3000):
        try:
            with socket.create_connection(("127.0.0.1", port), 0.01):
                return
        except OSError:
            continue
    raise AssertionError("the server never listened")
