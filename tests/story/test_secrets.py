"""Canaries: every secret there is, set to a word that nobody says, and real processes to which everything happens.

The words may stand in what the platforms, the store and the model's server are told to let us in, and nowhere else.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest
from redis.asyncio import Redis

from bot.settings import secret_names
from storage.client import open_redis
from tests.servers.behaviour import Behaviour
from tests.servers.discord import GENERAL as DISCORD_GENERAL
from tests.servers.discord import DiscordServer
from tests.servers.slack import SlackServer
from tests.servers.tgi import TgiServer
from tests.servers.valkey import PASSWORD, Store, store_with_users
from tests.terminal import ROOT, environment
from tests.waiting import until

CANARY = "canary7f3a"
START_SECONDS = 45.0
# A process that was broken on purpose: one answer fails each time, one question ends the worker, and both say too much.
BROKEN = """
import os

import conversation.manager, conversation.worker

answer, start = conversation.manager.Manager.answer, conversation.worker.Worker._start

async def answer_or_fail(self, claim, control):
    if "crash please" in claim.job.messages[0].text:
        raise RuntimeError("broken on purpose: " + os.environ["SLACK_BOT_TOKEN"])
    return await answer(self, claim, control)

def start_or_die(self, tasks, claim):
    if "die please" in claim.job.messages[0].text:
        raise RuntimeError("dying on purpose: " + os.environ["MODEL_TOKEN"])
    start(self, tasks, claim)

conversation.manager.Manager.answer, conversation.worker.Worker._start = answer_or_fail, start_or_die
"""


class Haystack:
    """All that is to hold no secret, by where it was found."""

    def __init__(self, *secrets: str) -> None:
        self._secrets = [CANARY, *secrets]
        self.found: dict[str, str] = {}

    def add(self, where: str, what: object) -> None:
        self.found[where] = what.decode(errors="replace") if isinstance(what, bytes) else str(what)

    def add_files(self, folder: Path) -> None:
        """Logs, histories, the embedded store's files."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.add(str(path.relative_to(folder)), path.read_bytes())

    async def add_store(self, admin: Redis) -> None:
        """Every key and what it holds, read and not dumped: a dump is compressed."""
        async for key in admin.scan_iter(count=1000):
            kind = cast("bytes", await admin.type(key)).decode()
            reads: dict[str, Any] = {
                "string": admin.get,
                "hash": admin.hgetall,
                "list": lambda key: admin.lrange(key, 0, -1),
                "set": admin.smembers,
                "zset": lambda key: admin.zrange(key, 0, -1, withscores=True),
                "stream": admin.xrange,
            }
            self.add(f"key {key.decode()}", (key, await reads[kind](key)))

    def check(self) -> None:
        told = [(secret, where) for secret in self._secrets for where, text in self.found.items() if secret in text]
        assert told == []


@pytest.fixture
def store() -> Iterator[Store]:
    """A store that wants a name and a password."""
    with store_with_users() as store:
        yield store


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """PYTHONPATH of a program that fails when it is asked to."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BROKEN)
    return os.pathsep.join((str(folder), str(ROOT)))


class Running:
    """A process whose words go into files."""

    def __init__(self, process: asyncio.subprocess.Process, out: Path, err: Path) -> None:
        self.process, self.out, self.err = process, out, err

    @property
    def metrics(self) -> str:
        """The address of its metrics."""
        return "http://" + self.err.read_text().partition("metrics on http://")[2].partition("/metrics")[0] + "/metrics"

    @property
    def health(self) -> str:
        """The address of its health pages, once it is ready."""
        return "http://" + self.err.read_text().partition("health on http://")[2].partition("/readyz")[0]

    async def ended(self) -> int:
        return await asyncio.wait_for(self.process.wait(), START_SECONDS)


@asynccontextmanager
async def running(*arguments: str, env: Mapping[str, str], cwd: Path, stdin: str = "") -> AsyncIterator[Running]:
    """`python -m bot ARGUMENTS`; killed at the end, if it has not ended."""
    out, err = cwd / "stdout", cwd / "stderr"
    given = cwd / "stdin"
    given.write_text(stdin)
    with out.open("wb") as out_file, err.open("wb") as err_file, given.open("rb") as in_file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", *arguments),
            env=dict(env),
            cwd=cwd,
            stdin=in_file,
            stdout=out_file,
            stderr=err_file,
        )
    one = Running(process, out, err)
    try:
        yield one
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ready(one: Running) -> None:
    """Wait until it says so."""

    def says_so() -> bool:
        assert one.process.returncode is None, one.err.read_text()
        return "health on http://" in one.err.read_text()

    await until("the program is ready", says_so, deadline_seconds=START_SECONDS)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a process runs and keeps its data."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


async def test_no_secret_leaves_a_process_to_which_everything_happens(
    place: Path, store: Store, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both platforms, a model that refuses the key and repeats it, crashes with tracebacks, all that is ever logged."""
    monkeypatch.setattr(SlackServer, "bot_token", f"xoxb-{CANARY}")
    monkeypatch.setattr(SlackServer, "app_token", f"xapp-{CANARY}")
    monkeypatch.setattr(SlackServer, "signing_secret", f"signing-{CANARY}")
    async with SlackServer() as slack, DiscordServer() as discord, TgiServer(answer_tokens=8) as model:
        hay = Haystack(discord.bot_token, PASSWORD)
        env = environment(
            place,
            PYTHONPATH=broken,
            HTTP_PORT="0",
            METRICS_PORT="0",
            LOG_LEVEL="DEBUG",
            LEASE_SECONDS="1",
            SLACK_BOT_TOKEN=slack.bot_token,
            SLACK_APP_TOKEN=slack.app_token,
            SLACK_SIGNING_SECRET=slack.signing_secret,
            SLACK_API_URL=slack.api_url,
            DISCORD_TOKEN=discord.bot_token,
            DISCORD_API_URL=discord.url,
            REDIS_URL=store.url,
            MODEL_URL=model.url,
            MODEL_TOKEN=f"hf_{CANARY}",
            INFILL_MODEL_URL=model.url,
            INFILL_MODEL_TOKEN=f"hf_{CANARY}",
            HTTPS_PROXY=f"http://me:{CANARY}@127.0.0.1:9",
        )
        assert {name for name in secret_names() if name not in env} == set(), "a secret without a canary"
        async with running("run", env=env, cwd=place) as program, open_redis(store.admin_url) as admin:
            await ready(program)

            async def settled(what: str) -> None:
                async def nothing_is_left() -> bool:
                    return not slack.unacked and not await admin.zcard("corral:{0}:backlog")

                await until(what, nothing_is_left, deadline_seconds=30)

            await slack.mention("how do I sort a list?")
            await discord.mention("how do I sort a list?", channel=DISCORD_GENERAL)
            await until("both asked the model", lambda: len(model.requests) >= 2)
            await settled("both are answered")
            refusing = {"error": f"not with Bearer hf_{CANARY}", "error_type": "authentication"}
            model.behaviour = Behaviour(status=401, body=str(refusing).replace("'", '"').encode())
            await slack.mention("and a tuple?")
            await until("the model refused", lambda: "does not accept the key" in program.err.read_text())
            await settled("the refusal is told")
            model.behaviour = Behaviour()
            slack.fail("chat.startStream", "invalid_auth")
            await slack.mention("crash please")
            await until(
                "it was given up", lambda: program.err.read_text().count("broken on purpose") >= 3, deadline_seconds=30
            )
            await settled("the crash is told")
            async with aiohttp.ClientSession() as session:
                for page in (f"{program.health}/livez", f"{program.health}/readyz", program.metrics):
                    async with session.get(page) as response:
                        assert response.status == 200
                        hay.add(page, await response.text())
            await slack.mention("die please")
            assert await program.ended() == 1
            log = program.err.read_text()
            assert "dying on purpose" in log
            assert "Traceback" in log
            assert "ticket=" not in log, "whoever has that may read Slack's events"
            await hay.add_store(admin)
        hay.add_files(place)
        for number, (asked, headers) in enumerate(zip(model.requests, model.request_headers, strict=True)):
            assert headers.pop("Authorization") == f"Bearer hf_{CANARY}"
            hay.add(f"request {number}", (asked, headers))
        hay.add("Slack", [message.shown for message in slack.bot_messages()])
        hay.add("Discord", [message.shown for message in discord.bot_messages()])
    assert len(hay.found) > 10
    hay.check()


UNREACHABLE = {"REDIS_URL": f"redis://corral:{CANARY}@127.0.0.1:9/0"}
MODEL_AWAY = {"MODEL_URL": f"http://me:{CANARY}@127.0.0.1:9", "MODEL_PATIENCE_SECONDS": "1"}
OTHERS = {
    "SLACK_BOT_TOKEN": f"xoxb-{CANARY}",
    "SLACK_APP_TOKEN": f"xapp-{CANARY}",
    "SLACK_SIGNING_SECRET": CANARY,
    "DISCORD_TOKEN": f"MTA.{CANARY}.x",
    "MODEL_TOKEN": f"hf_{CANARY}",
}
WRONG = {
    "REDIS_URL": f"http://:{CANARY}@localhost",
    "MODEL_URL": f"ftp://me:{CANARY}@models",
    "INFILL_MODEL_URL": f"http://me:{CANARY}@models:port",
    "SLACK_BOT_TOKEN": f"xoxb-{CANARY}\n{CANARY}",
    "HTTP_PORT": "many",
}
DIALOG = '{"messages": [{"role": "user", "content": "hi"}]}'


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        pytest.param(("ask", "why?"), OTHERS | UNREACHABLE, 1, "the store does not answer", id="no store"),
        pytest.param(("run",), OTHERS | UNREACHABLE, 1, "the store does not answer", id="no store for run"),
        pytest.param(("ask", "why?"), MODEL_AWAY, 1, "The model is not running", id="no model"),
        pytest.param(("chat",), MODEL_AWAY, 0, "The model is not running", id="no model for chat"),
        pytest.param(("ask", "why?"), WRONG, 2, "MODEL_URL: it must be an address", id="wrong settings"),
        pytest.param(("run",), WRONG, 2, "SLACK_BOT_TOKEN: it must be one line", id="wrong settings for run"),
        pytest.param(
            ("run",), {**OTHERS, **MODEL_AWAY}, 2, "a server takes one login", id="two logins for a model's server"
        ),
        pytest.param(("settings",), OTHERS | UNREACHABLE, 0, "#SLACK_BOT_TOKEN=xoxb-...", id="settings"),
        pytest.param(("render",), OTHERS | UNREACHABLE, 0, "[INST] hi [/INST]", id="render"),
        pytest.param(
            ("run",),
            {**UNREACHABLE, "SLACK_BOT_TOKEN_FILE": f"/nowhere/{'x' * 8}", "DISCORD_TOKEN": CANARY},
            2,
            "SLACK_BOT_TOKEN_FILE: cannot read",
            id="a file that is not there",
        ),
    ],
)
async def test_no_secret_is_told_by_a_process_that_fails(
    place: Path, arguments: tuple[str, ...], settings: dict[str, str], code: int, said: str
) -> None:
    """Whatever it was asked to do, and whatever went wrong."""
    stdin = {"render": DIALOG, "chat": "why?\n"}.get(arguments[0], "")
    env = environment(place, **{"LOG_LEVEL": "DEBUG", "HTTP_PORT": "0", **settings})
    async with running(*arguments, env=env, cwd=place, stdin=stdin) as program:
        assert await program.ended() == code
        assert said in program.out.read_text() + program.err.read_text()
    hay = Haystack()
    hay.add_files(place)
    hay.check()


async def test_a_refused_password_is_not_told(place: Path, store: Store) -> None:
    """By neither side."""
    url = store.url.replace(PASSWORD, CANARY)
    async with running("ask", "why?", env=environment(place, REDIS_URL=url), cwd=place) as program:
        assert await program.ended() == 1
        assert "lets nobody in with this name and password" in program.err.read_text()
    hay = Haystack()
    hay.add_files(place)
    hay.check()


async def test_tokens_that_the_platforms_refuse_are_not_told(place: Path, valkey_url: str) -> None:
    """Whether they say so at the start or later."""
    async with SlackServer() as slack, DiscordServer() as discord:
        for name, address in (
            ("SLACK", {"SLACK_API_URL": slack.api_url}),
            ("DISCORD", {"DISCORD_API_URL": discord.url}),
        ):
            theirs = {key: value for key, value in OTHERS.items() if key.startswith(name)}
            env = environment(
                place, **theirs, **address, **MODEL_AWAY, REDIS_URL=valkey_url, HTTP_PORT="0", LOG_LEVEL="DEBUG"
            )
            async with running("run", env=env, cwd=place) as program:
                assert await program.ended() != 0
                assert f"{name}_" in program.err.read_text()
            hay = Haystack()
            hay.add_files(place)
            hay.check()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked at through Linux's /proc")
async def test_children_are_told_no_secret(place: Path) -> None:
    """The embedded store and the embedded model: neither on their command line nor in their environment."""
    env = environment(
        place, **OTHERS, HTTP_PORT="0", MAX_NEW_TOKENS="16", HTTPS_PROXY=f"http://me:{CANARY}@127.0.0.1:9"
    )
    async with running("run", "--role", "worker", env=env, cwd=place) as program:
        await ready(program)

        async def is_whole() -> bool:
            async with aiohttp.ClientSession() as session, session.get(f"{program.health}/readyz") as response:
                return bool((await response.json())["status"] == "ready")

        await until("the model is loaded", is_whole, deadline_seconds=60)
        hay = Haystack()
        for child in _children(program.process.pid):
            for name in ("cmdline", "environ"):
                hay.add(f"{child.name} {name}", (child / name).read_bytes().replace(b"\0", b"\n"))
        program.process.terminate()
        assert await program.ended() == 0
    hay.add_files(place)
    told = "\n".join(hay.found.values())
    assert "valkey-server" in told
    assert "llama_process.py" in told
    hay.check()


def _children(pid: int) -> list[Path]:
    """The processes that this one has started."""
    tasks = (Path("/proc") / str(pid) / "task").iterdir()
    return [Path("/proc") / child for task in tasks for child in (task / "children").read_text().split()]
