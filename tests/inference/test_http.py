"""The way to a server: proxies, certificates, redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversation.errors import ModelUnavailable
from inference.http import ModelServer, Timeouts
from tests.servers.behaviour import Behaviour
from tests.servers.tgi import TgiServer


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class Proxy:
    """Notes the first line of each request and refuses it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append((await reader.readline()).decode().strip())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Proxy]:
    seen = Proxy()
    listener = await asyncio.start_server(seen.answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    monkeypatch.setenv("https_proxy", address)
    monkeypatch.setenv("http_proxy", address)
    yield seen
    listener.close()


async def test_the_environments_proxy_is_used(proxy: Proxy) -> None:
    """A server elsewhere is asked for through the proxy, https through a tunnel."""
    for url in ("https://model.example", "http://model.example:8080"):
        server = ModelServer(url)
        with pytest.raises(ModelUnavailable):
            await server.get_json("/info")
        await server.aclose()
    assert proxy.asked == ["CONNECT model.example:443 HTTP/1.1", "GET http://model.example:8080/info HTTP/1.1"]


async def test_no_proxy_stands_before_this_machine(proxy: Proxy) -> None:
    """The embedded model listens on 127.0.0.1, where no proxy could reach it."""
    async with TgiServer() as far:
        server = ModelServer(far.url)
        assert (await server.get_json("/info"))["model_id"]
        await server.aclose()
    assert proxy.asked == []


async def test_a_host_in_no_proxy_is_asked_directly(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_PROXY holds."""
    monkeypatch.setenv("no_proxy", "model.invalid")
    server = ModelServer("http://model.invalid")
    with pytest.raises(ModelUnavailable, match="cannot reach"):
        await server.get_json("/info")
    await server.aclose()
    assert proxy.asked == []


async def test_a_netrc_entry_does_not_take_the_keys_place(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """~/.netrc is not read: beside our own key its entry would make every request fail."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with TgiServer(token="right") as far:
        server = ModelServer(far.url, token="right")
        assert await server.post_json("/tokenize", {"inputs": "list"})
        await server.aclose()


async def test_a_certificate_authority_of_ones_own_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SSL_CERT_FILE decides whose certificates are believed, also when it is set after the program began."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    server = ModelServer("https://localhost:1")
    connector = server.session.connector
    assert connector is not None
    context = connector._ssl  # type: ignore[attr-defined]
    assert isinstance(context, ssl.SSLContext)
    assert context.get_ca_certs() == []
    assert context.verify_mode is ssl.CERT_REQUIRED
    await server.aclose()


async def test_redirects_are_not_followed() -> None:
    """A redirect is an error that says where to: following it would lose the POST, and carry the key elsewhere."""
    async with TgiServer(Behaviour(status=307, headers={"Location": "https://elsewhere.example"})) as far:
        server = ModelServer(far.url, token="secret")
        with pytest.raises(ModelUnavailable, match=r"elsewhere\.example"):
            await server.post_json("/tokenize", {"inputs": "x"})
        await server.aclose()


async def test_a_pooled_connection_that_was_closed_is_replaced() -> None:
    """A server that closes its idle connections just when one is used again is asked again at once."""
    answered = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal answered
        await reader.readuntil(b"\r\n\r\n")
        answered += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n{}")
        await reader.read(1)  # the next request's first byte: close without an answer
        writer.close()

    listener = await asyncio.start_server(once, "127.0.0.1", 0)
    server = ModelServer(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    for _ in range(3):
        assert await server.get_json("/info") == {}
    assert answered == 3
    await server.aclose()
    listener.close()


async def test_a_host_that_does_not_answer_is_given_up_in_time() -> None:
    """A connection that is accepted and never served ends with the request's time."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(mute, "127.0.0.1", 0)
    server = ModelServer(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", timeouts=Timeouts(request=0.2))
    with pytest.raises(ModelUnavailable, match=r"within 0\.2 s"):
        await server.get_json("/info")
    await server.aclose()
    listener.close()
