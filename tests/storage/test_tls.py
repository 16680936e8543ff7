"""rediss://: the same code through TLS, and what is said when it does not get through; names and passwords too."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from conversation.errors import StoreUnavailable
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from tests.servers.valkey import PASSWORD, Store, store_with_users
from tests.storage.questions import message

WRONG_NAME_OR_PASSWORD = "lets nobody in with this name and password: set both in REDIS_URL"


@pytest.fixture
def store() -> Iterator[Store]:
    """A server that wants a name and a password."""
    with store_with_users() as store:
        yield store


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, made now, by the machine's openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    made, key = folder / "certificate.pem", folder / "key.pem"
    options = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
    files = ["-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True, timeout=60)
    return made, key


@asynccontextmanager
async def in_front_of(store: Store, tls: ssl.SSLContext | None) -> AsyncIterator[str]:
    """`host:port` of an end of its own, with or without TLS, before the store's socket."""
    socket = unquote(urlsplit(store.url).path)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_unix_connection(socket)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, store_writer), pump(store_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def accept(url: str) -> bool:
    """Whether a question is taken there, within the time that a person waits."""
    async with open_redis(url) as redis, open_redis(url, fast=True) as fast, asyncio.timeout(20):
        return (await RedisInbox(redis, fast, Keys()).accept(message())).is_new


async def test_a_store_behind_tls_takes_questions(tmp_path: Path, store: Store) -> None:
    """A certificate that is trusted, for the host that is named, opens the door; each other says what to do."""
    made, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)
    async with in_front_of(store, context) as end:
        address = f"rediss://corral:{PASSWORD}@{end}/0"
        assert await accept(f"{address}?ssl_ca_certs={made}")
        with pytest.raises(StoreUnavailable, match=r"not trusted: add \?ssl_ca_certs=.*CERTIFICATE_VERIFY_FAILED"):
            await accept(address)
        by_another_name = address.replace("127.0.0.1", "localhost")
        with pytest.raises(StoreUnavailable, match="certificate is for another host"):
            await accept(f"{by_another_name}?ssl_ca_certs={made}")


async def test_a_name_and_a_password_stand_in_the_address(store: Store) -> None:
    """Over the network as over a socket."""
    async with in_front_of(store, None) as end:
        assert await accept(f"redis://corral:{PASSWORD}@{end}/0")
    assert await accept(store.url)


@pytest.mark.parametrize("login", ["", f":{PASSWORD}@", "corral:wrong@", f"nobody:{PASSWORD}@", "corral@"])
async def test_who_is_not_let_in_is_told_so_at_once(store: Store, login: str) -> None:
    """Also with no password at all, where redis-py by itself would wait for ever; and no password is in the message."""
    async with in_front_of(store, None) as end:
        with pytest.raises(StoreUnavailable, match=WRONG_NAME_OR_PASSWORD) as error:
            await accept(f"redis://{login}{end}/0")
    assert PASSWORD not in str(error.value)
    async with open_redis(f"unix://{urlsplit(store.url).path}?db=0") as redis, asyncio.timeout(20):
        with pytest.raises(StoreUnavailable, match=WRONG_NAME_OR_PASSWORD):
            await RedisInbox(redis, redis, Keys()).accept(message())


async def test_a_user_that_may_do_too_little_is_named(store: Store) -> None:
    """The rules of an older version, say: nothing is acknowledged, and the log tells the operator what to do."""
    async with open_redis(store.admin_url) as admin:
        for taken in ("-evalsha", "+evalsha", "-zadd"):
            await admin.execute_command("ACL", "SETUSER", "corral", taken)  # type: ignore[no-untyped-call]
            if taken == "+evalsha":
                continue
            with pytest.raises(StoreUnavailable, match=r"the rules of deploy/redis/users\.acl"):
                await accept(store.url)
