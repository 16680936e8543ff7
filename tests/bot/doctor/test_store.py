"""What `doctor` says of a real store that is set up rightly and wrongly."""

from __future__ import annotations

import asyncio
import fcntl
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.doctor.findings import Finding, State
from bot.doctor.store import _about, check_store
from bot.doctor.store_keeping import durability
from bot.doctor.store_keeping import version as version_of
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.keys import SCHEMA_VERSION, Keys
from storage.schema import check_schema, stored_schema
from storage.server_report import report_of
from tests.bot.doctor.conftest import Valkey
from tests.bot.doctor.looking import NOBODY, black_hole, look, named, troubled
from tests.servers.tgi import TgiServer
from tests.storage.test_tls import certificate

Factory = Callable[..., EmbeddedValkey]
AOF = ("--appendonly", "yes")


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Redis]:
    redis = open_redis(url)
    yield redis
    await redis.aclose()


async def looked(url: str, **settings: object) -> list[Finding]:
    return await look(check_store, redis_url=url, **settings)


async def test_a_store_that_is_set_up_well_is_well(valkey: Valkey) -> None:
    """What it is and where is told; no key of the check's is left for longer than seconds."""
    place = valkey(*AOF)
    found = await looked(f"redis://{place}/0", redis_prefix="mine")
    assert troubled(found) == []
    assert named(found, "store.connection").seen == f"redis://{place}/0, keys below mine:{{0}}"
    assert re.match(r"Valkey \d", named(found, "store.version").seen)
    async with client(f"redis://{place}/0") as redis:
        left = [key async for key in redis.scan_iter()]
        assert sorted(left) == [b"mine:{0}:begun:doctor", b"mine:{0}:rates:doctor"]
        assert all([0 < await redis.pttl(key) <= 10_000 for key in left])


async def test_a_store_that_forgets_on_a_restart_fails(valkey: Valkey) -> None:
    """Without the append-only file accepted questions are lost; the command that mends it is named."""
    finding = named(await looked(f"redis://{valkey()}/0"), "store.durability")
    assert finding.state is State.FAILED
    assert "CONFIG SET appendonly yes" in finding.fix


async def test_a_replica_makes_a_missing_log_a_warning(valkey: Valkey) -> None:
    """Some hosted services keep data so; and a replica itself takes no writes."""
    primary = valkey()
    host, _, port = primary.partition(":")
    replica = valkey("--replicaof", f"{host} {port}", *AOF)
    async with client(f"redis://{primary}/0") as redis, asyncio.timeout(20):
        while not (await redis.info("replication"))["connected_slaves"]:
            await asyncio.sleep(0.05)
    assert named(await looked(f"redis://{primary}/0"), "store.durability").state is State.WARNING
    writes = named(await looked(f"redis://{replica}/0"), "store.writes")
    assert (writes.state, writes.fix) == (State.FAILED, "REDIS_URL=<the address of the primary>")


@pytest.mark.parametrize(
    ("configuration", "state", "says"),
    [
        (("--maxmemory-policy", "allkeys-lru", "--maxmemory", "100mb"), State.FAILED, "allkeys-lru"),
        (("--maxmemory-policy", "volatile-ttl"), State.WARNING, "volatile-ttl"),
        (("--maxmemory", "100mb"), State.OK, "noeviction"),
    ],
)
async def test_a_store_that_evicts_fails(
    valkey: Valkey, configuration: tuple[str, ...], state: State, says: str
) -> None:
    """It would forget questions; without a limit on its memory it does not do so yet."""
    finding = named(await looked(f"redis://{valkey(*AOF, *configuration)}/0"), "store.eviction")
    assert finding.state is state
    assert says in finding.seen
    assert ("CONFIG SET maxmemory-policy noeviction" in finding.fix) == (state is not State.OK)


async def test_a_full_store_fails_and_is_told_apart(valkey: Valkey) -> None:
    """It answers, and takes nothing."""
    found = await looked(f"redis://{valkey(*AOF, '--maxmemory', '1')}/0")
    assert named(found, "store.connection").state is State.OK
    assert named(found, "store.eviction").state is State.WARNING
    writes = named(found, "store.writes")
    assert (writes.state, writes.fix) == (State.FAILED, "redis-cli CONFIG SET maxmemory <more>")


@pytest.mark.parametrize(
    ("userinfo", "cause"), [("", "it wants a password"), (":wrong@", "not this user and password")]
)
async def test_a_store_that_lets_nobody_in_says_why(valkey: Valkey, userinfo: str, cause: str) -> None:
    """No password, or another one; the right one is let in."""
    place = valkey(*AOF, "--requirepass", "open-sesame")
    (finding,) = await looked(f"redis://{userinfo}{place}/0")
    assert (finding.name, finding.state) == ("store.connection", State.FAILED)
    assert cause in finding.cause
    assert "REDIS_URL=" in finding.fix
    assert troubled(await looked(f"redis://:open-sesame@{place}/0")) == []


async def test_a_user_who_may_not_do_enough_is_told_what_is_missing(valkey: Valkey) -> None:
    """The command by name; and without INFO the rest is still looked at."""
    user = "--user", "corral", "on", ">pw", "~corral:*", "&corral:*", "+@all"
    blind = valkey(*AOF, *user, "-info")
    found = await looked(f"redis://corral:pw@{blind}/0")
    assert troubled(found) == ["store.info"]
    assert "INFO" in named(found, "store.info").cause
    assert named(found, "store.info").fix.endswith("+info")
    for rule, says in (("-evalsha", "EVALSHA"), ("resetkeys ~other:*", "key"), ("resetchannels", "channel")):
        place = valkey(*AOF, *user, *rule.split())
        finding = named(await looked(f"redis://corral:pw@{place}/0"), "store.writes")
        assert finding.state is State.FAILED
        assert says in finding.cause
        assert "users.acl" in finding.fix


async def test_a_user_who_may_not_even_ping_is_told(valkey: Valkey) -> None:
    """The connection itself is refused then."""
    place = valkey(*AOF, "--user", "corral", "on", ">pw", "~corral:*", "+@all", "-ping")
    (finding,) = await looked(f"redis://corral:pw@{place}/0")
    assert (finding.state, "PING" in finding.cause) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        (f"redis://{NOBODY}/0", "nothing listens"),
        ("redis://nowhere.invalid/0", "nowhere.invalid cannot be looked up"),
        ("unix:///nowhere/redis.sock", "No such file"),
    ],
)
async def test_a_store_that_is_not_there_is_a_failure_with_its_reason(url: str, cause: str) -> None:
    """Nothing listens, no such name, no such socket."""
    (finding,) = await looked(url)
    assert (finding.name, finding.state) == ("store.connection", State.FAILED)
    assert cause in finding.cause
    assert "REDIS_URL" in finding.fix


async def test_a_store_that_never_answers_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took the connection and says nothing."""
    monkeypatch.setattr("bot.doctor.store.CALL_SECONDS", 0.3)
    async with black_hole() as place:
        (finding,) = await looked(f"redis://{place}/0")
    assert (finding.state, "does not answer" in finding.cause) == (State.FAILED, True)


async def test_what_is_no_store_is_told() -> None:
    """A web server at that port, say; with TLS or without."""
    async with TgiServer() as web:
        (plain,) = await looked(web.url.replace("http", "redis") + "/0")
        (ciphered,) = await looked(web.url.replace("http", "rediss") + "/0")
    assert (plain.state, ciphered.state) == (State.FAILED, State.FAILED)
    assert "does not speak Redis" in plain.seen
    assert "does not speak TLS" in ciphered.cause
    assert "REDIS_URL" in plain.fix
    assert "REDIS_URL" in ciphered.fix


async def test_an_address_that_the_client_cannot_read_is_told() -> None:
    """Its query is no option of the client's."""
    (finding,) = await looked("redis://localhost/0?socket_timeout=soon")
    assert (finding.name, finding.state) == ("store.connection", State.FAILED)


async def test_a_store_that_is_starting_is_a_warning() -> None:
    """It reads its data from disk, and will answer."""

    async def loading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            writer.write(b"-LOADING Redis is loading the dataset in memory\r\n")
        writer.close()

    server = await asyncio.start_server(loading, "127.0.0.1", 0)
    (finding,) = await looked(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    server.close()
    assert (finding.state, finding.seen) == (State.WARNING, "the server is starting")


async def test_tls_that_is_not_trusted_or_not_there_is_told(
    valkey: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority of one's own is named in REDIS_URL, for redis-py takes no other word for it."""
    made, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0, ssl=context)
    (finding,) = await looked(f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    server.close()
    assert "not trusted" in finding.cause
    assert "?ssl_ca_certs=" in finding.fix
    monkeypatch.setattr("bot.doctor.store.CALL_SECONDS", 0.5)
    (plain,) = await looked(f"rediss://{valkey(*AOF)}/0")
    assert "does not speak TLS" in plain.cause
    assert plain.fix.startswith("REDIS_URL=redis://")


@pytest.mark.parametrize(
    ("stored", "state", "says"),
    [
        (str(SCHEMA_VERSION), State.OK, ""),
        (str(SCHEMA_VERSION - 1), State.WARNING, "end every older process"),
        (str(SCHEMA_VERSION + 1), State.FAILED, "REDIS_PREFIX"),
        ("odd", State.FAILED, "REDIS_PREFIX"),
    ],
)
async def test_a_layout_that_is_not_ours_is_told_and_left_as_it_is(
    valkey: Valkey, stored: str, state: State, says: str
) -> None:
    """Looking changes nothing: an older program may be running on it."""
    url = f"redis://{valkey(*AOF)}/0"
    async with client(url) as redis:
        await redis.set(Keys().schema(), stored, ex=60)
        finding = named(await looked(url), "store.schema")
        assert await stored_schema(redis, Keys()) == stored
    assert finding.state is state
    assert says in finding.fix


def test_an_old_server_is_told_from_its_own_words() -> None:
    """Below 6.2 the scripts do not run; below 7 a full server is not understood; Valkey names what it is like."""
    states = {
        version: version_of(report_of({"redis_version": version})).state
        for version in ("5.0.14", "6.0.16", "6.2.14", "7.0.0")
    }
    assert states == {
        "5.0.14": State.FAILED,
        "6.0.16": State.FAILED,
        "6.2.14": State.WARNING,
        "7.0.0": State.OK,
    }
    assert version_of(report_of({"redis_version": "7.2.4", "valkey_version": "9.1.2"})).seen == "Valkey 9.1.2"
    assert version_of(report_of({"redis_version": "unstable"})).state is State.FAILED


def test_a_broken_log_is_told_from_the_servers_own_words() -> None:
    """A disk that is full does not stop the server from answering."""
    finding = durability(report_of({"aof_enabled": 1, "aof_last_write_status": "err"}))
    assert (finding.state, "free space" in finding.fix) == (State.FAILED, True)


async def test_a_server_that_leaves_things_out_is_no_failure() -> None:
    """Hosted services do."""

    class Silent:
        async def info(self) -> dict[str, str]:
            return {"redis_version": "7.2.4"}

    states = {finding.name: finding.state async for finding in _about(Silent())}  # type: ignore[arg-type]
    assert states == {"store.version": State.OK, "store.durability": State.SKIPPED, "store.eviction": State.SKIPPED}


# --- the server of our own


async def test_the_embedded_store_is_started_looked_at_and_stopped(tmp_path: Path) -> None:
    """Nobody uses it: so it is as it was, afterwards."""
    found = await look(check_store, data_dir=tmp_path)
    assert troubled(found) == []
    assert "starts and stops" in named(found, "store.embedded").seen
    assert not EmbeddedValkey(tmp_path / "store").is_alive()


async def test_a_running_process_notices_nothing(tmp_path: Path) -> None:
    """Its store stays up, with its data and its connections."""
    used = EmbeddedValkey(tmp_path / "store")
    url = await asyncio.to_thread(used.start)
    try:
        async with client(url) as redis:
            await check_schema(redis, Keys())
            mine = (await redis.client_info())["id"]
            found = await look(check_store, data_dir=tmp_path)
            assert troubled(found) == []
            assert "used by a running process" in named(found, "store.embedded").seen
            assert named(found, "store.schema").seen == f"layout {SCHEMA_VERSION}"
            assert (await redis.client_info())["id"] == mine
        assert used.is_alive()
    finally:
        await asyncio.to_thread(used.stop)


async def test_an_embedded_store_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Its file is damaged, for one."""
    used = EmbeddedValkey(tmp_path / "store")
    url = await asyncio.to_thread(used.start)
    async with client(url) as redis:
        await redis.set("a", "b", ex=600)
    await asyncio.to_thread(used.stop)
    (log,) = (used.directory / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(b"*3\r\n$3\r\nSE" + b"\x00" * 40)
    (finding,) = await look(check_store, data_dir=tmp_path)
    assert (finding.name, finding.state) == ("store.embedded", State.FAILED)
    assert "damaged" in finding.cause
    assert "REDIS_URL" in finding.fix


async def test_an_embedded_store_that_takes_long_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads much, or hangs: which, its log tells."""
    folder = tmp_path / "store" / "valkey"
    folder.mkdir(parents=True)
    with (folder / "server.lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # a server lives there and does not answer
        monkeypatch.setattr("bot.doctor.store.START_SECONDS", 0.2)
        monkeypatch.setattr("storage.embedded.STOP_SECONDS", 0.2)
        (finding,) = await look(check_store, data_dir=tmp_path)
    assert (finding.name, finding.state) == ("store.embedded", State.WARNING)
    assert "valkey.log" in finding.cause


async def test_what_the_server_refuses_otherwise_is_told_in_its_words(valkey: Valkey) -> None:
    """Such as a database that it does not have."""
    (finding,) = await looked(f"redis://{valkey(*AOF)}/99")
    assert (finding.state, finding.fix) == (State.FAILED, "correct REDIS_URL")
    assert "out of range" in finding.cause


async def test_a_server_that_goes_away_before_it_tells_about_itself() -> None:
    """What it would have told is a warning: whether it can be written to is looked at besides."""
    async with client(f"redis://{NOBODY}/0") as redis:
        found = [finding async for finding in _about(redis)]
    assert [(finding.name, finding.state) for finding in found] == [("store.info", State.WARNING)]
