"""rediss://: the same code through TLS."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from redis.asyncio import Redis

from conversation.errors import StoreUnavailable
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from tests.storage.questions import message


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of 127.0.0.1, made now, by the machine's openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make a certificate with")
    made, key = folder / "certificate.pem", folder / "key.pem"
    options = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
    files = ["-keyout", str(key), "-out", str(made)]
    subprocess.run(["openssl", *options.split(), *files], check=True, capture_output=True, timeout=60)
    return made, key


async def test_a_store_behind_tls_takes_questions(tmp_path: Path, redis_client: Redis, valkey_url: str) -> None:
    """A certificate that is trusted opens the door, and one that is not keeps it shut."""
    made, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(made, key)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        store_reader, store_writer = await asyncio.open_unix_connection(unquote(urlsplit(valkey_url).path))

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
            sink.close()

        await asyncio.gather(pump(reader, store_writer), pump(store_reader, writer), return_exceptions=True)

    server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    address = f"rediss://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
    trusting, wary = open_redis(f"{address}?ssl_ca_certs={made}"), open_redis(address)
    try:
        assert (await RedisInbox(trusting, trusting, Keys()).accept(message())).is_new
        with pytest.raises(StoreUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await RedisInbox(wary, wary, Keys()).accept(message())
    finally:
        await trusting.aclose()
        await wary.aclose()
        server.close()
