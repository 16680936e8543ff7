"""One pooled HTTP session to one model server, and its answers as payloads, watched for signs of life.

- Proxies: HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured, except for this machine itself, which no proxy reaches.
- Custom CA: SSL_CERT_FILE and SSL_CERT_DIR are honoured (OpenSSL's own rule, through `ssl.create_default_context`).
- Redirects are not followed: they would turn a POST into a GET and carry the key elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError

from conversation.errors import ModelError, ModelUnavailable, StreamCut
from inference.failures import from_status
from inference.sse import LineTooLong, SseReader

BODY_LIMIT_BYTES = 8 << 20  # of an answer that is no stream; /tokenize of a long text is the largest
ERROR_LIMIT_BYTES = 64 << 10  # of an error's page; what it says stands in its first lines
DRAIN_SECONDS = 0.2  # what the end of a finished stream may take before its connection is given up instead of reused
DRAIN_FRAMES = 8  # at most two follow the last piece; a server that goes on and on must not fill the memory
IDLE_SECONDS = 4.0  # vLLM and llama.cpp close an idle connection after five, perhaps just when it is used again
CONNECTIONS = 512  # far above the model's slots; a bound against a leak, not a throttle


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the model's side may be silent, in seconds."""

    connect: float = 5.0  # DNS, TCP and TLS
    first_token: float = 60.0  # from the request to its first token, queueing included
    between_tokens: float = 30.0
    request: float = 10.0  # a whole request that is no stream


class Frames:
    """The payloads of one open stream. Its watchdog counts tokens: whoever reads calls `token()` for each.

    Keep-alive comments, which TGI sends every 15 seconds even while nothing moves, feed a socket's time-out but not
    this one.
    """

    __slots__ = (
        "_content",
        "_deadline",
        "_ended",
        "_limit",
        "_loop",
        "_reading",
        "_ready",
        "_sse",
        "_timeouts",
        "_timer",
    )

    def __init__(self, content: aiohttp.StreamReader, timeouts: Timeouts, deadline: float) -> None:
        self._content = content
        self._timeouts = timeouts
        self._deadline = deadline
        self._limit = timeouts.first_token
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._reading = False
        self._sse = SseReader()
        self._ready: deque[bytes] = deque()
        self._ended = False

    def token(self) -> None:
        """A token came. Called when its reader is ready for the next one, which then has `between_tokens` seconds: the
        time that the reader itself took is not held against the server."""
        self._limit = self._timeouts.between_tokens
        self._deadline = self._loop.time() + self._limit
        if self._timer is not None and self._deadline < self._timer.when():  # after the first token, most often
            self._set_timer()

    async def finish(self) -> list[bytes]:
        """The answer is complete: read to the stream's end, so that its connection can serve the next question, and
        give the payloads that still came. A failure no longer matters, and a server that does not end its stream soon
        loses the connection."""
        deadline = self._loop.time() + DRAIN_SECONDS
        rest: list[bytes] = []
        try:
            async with asyncio.timeout_at(deadline):
                while len(rest) < DRAIN_FRAMES:
                    rest.append(await anext(self))
        except (StopAsyncIteration, TimeoutError, ModelError):
            self._ended = True
        return rest

    def close(self) -> None:
        """Nothing more will be read."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __aiter__(self) -> Frames:
        return self

    async def __anext__(self) -> bytes:
        """The next payload, until the server ends the stream. Raises StreamCut for silence, a broken connection and
        bytes that are no stream."""
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            await self._fill()
        return self._ready.popleft()

    async def _fill(self) -> None:
        if self._timer is None:
            self._set_timer()
        self._reading = True
        try:
            data = await self._content.readany()
            self._ready.extend(self._sse.feed(data) if data else self._sse.flush())
        except TimeoutError as exc:
            raise StreamCut(f"no token within {self._limit:g} s") from exc
        except (LineTooLong, aiohttp.ClientError, HttpProcessingError, OSError, RuntimeError) as exc:
            # RuntimeError: aiohttp's word for a session that was closed under a stream.
            # Its words may be a piece of the answer.
            raise StreamCut(f"the stream broke: {type(exc).__name__}", quoted=str(exc)) from exc
        finally:
            self._reading = False
        self._ended = not data

    def _set_timer(self) -> None:
        # One timer, which finds the deadline moved when it fires. A time-out around each read would be a timer for each
        # token, which cost more than decoding it.
        self.close()
        self._timer = self._loop.call_at(self._deadline, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._reading:
            return  # the reader is busy, and sets the timer anew when it comes back
        if self._loop.time() < self._deadline:
            self._set_timer()
        else:
            self._content.set_exception(TimeoutError())


class ModelServer:
    """A model server's address, key and connections. Belongs to the event loop on which it is first used.

    `base_url` may have a path of its own (`https://host/prefix`); `token` is sent as a bearer token.
    """

    def __init__(self, base_url: str, *, token: str | None = None, timeouts: Timeouts | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        # For messages and logs: a name and password in the address stay out of them.
        parts = urlsplit(self.base_url)
        self.shown_url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self.timeouts = timeouts or Timeouts()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        password = unquote(parts.password or "")
        basic = base64.b64encode(f"{unquote(parts.username or '')}:{password}".encode()).decode() if password else ""
        self._secrets = [one.encode() for one in (token, basic, password) if one]
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    @property
    def session(self) -> aiohttp.ClientSession:
        """The pooled session, made at the first use. Raises ModelUnavailable after `aclose`."""
        if self._closed:
            raise ModelUnavailable(f"the connections to {self.shown_url} were closed")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS, keepalive_timeout=IDLE_SECONDS, ssl=_ssl_context(self.base_url)
                ),
                headers=self.headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=_proxy(self.base_url),
                # No total: an answer takes as long as it takes. No socket time-out: keep-alives would feed it.
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=self.timeouts.connect, sock_connect=self.timeouts.connect, sock_read=None
                ),
            )
        return self._session

    async def aclose(self) -> None:
        """Close every connection, for good; streams that still run end with an error."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def stream(self, path: str, body: dict[str, Any]) -> AsyncGenerator[Frames]:
        """POST `body` and read the answer as frames. Leaving the block before the stream's end closes the connection,
        which is how these servers learn to stop. Raises ModelError."""
        deadline = asyncio.get_running_loop().time() + self.timeouts.first_token
        response = await self._post(path, body, deadline)
        try:
            if response.status != 200 or response.content_type in {"text/html", "application/json"}:
                raise from_status(response.status, response.headers, self._discreet(await self._body(response)))
            with closing(Frames(response.content, self.timeouts, deadline)) as frames:
                yield frames
        finally:
            response.close()  # cuts the connection, unless the answer was read to its end: then it went back already

    async def get_json(self, path: str) -> Any:
        """The decoded answer to a GET. Raises ModelError."""
        return await self._json("GET", path, None)

    async def post_json(self, path: str, body: dict[str, Any], *, timeout: float | None = None) -> Any:
        """The decoded answer to a POST, within `timeout` seconds when the usual `request` does not do. Raises
        ModelError."""
        return await self._json("POST", path, body, timeout)

    async def _post(self, path: str, body: dict[str, Any], deadline: float) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._send("POST", path, body, accept="text/event-stream")
        except TimeoutError as exc:
            raise ModelUnavailable(f"no answer from {self.shown_url} in time: {str(exc) or 'silence'}") from exc
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exc:
            raise self._unreachable(exc) from exc

    async def _json(self, method: str, path: str, body: dict[str, Any] | None, timeout: float | None = None) -> Any:
        seconds = timeout or self.timeouts.request
        try:
            async with asyncio.timeout(seconds), await self._send(method, path, body) as response:
                data, whole = await _read_bounded(response.content, BODY_LIMIT_BYTES)
        except TimeoutError as exc:
            raise ModelUnavailable(f"no answer to {path} within {seconds:g} s") from exc
        except (aiohttp.ClientError, HttpProcessingError, OSError) as exc:
            raise self._unreachable(exc) from exc
        if response.status != 200:
            raise from_status(response.status, response.headers, self._discreet(data))
        if not whole:
            raise ModelUnavailable(f"an answer of more than {BODY_LIMIT_BYTES} bytes to {path}")
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError as exc:
            raise from_status(200, response.headers, data) from exc

    def _unreachable(self, error: Exception) -> ModelUnavailable:
        detail = f"cannot reach {self.shown_url}"
        if isinstance(error, OSError):
            return ModelUnavailable(f"{detail}: {error}")
        # What is no HTTP is told in the other side's own words.
        return ModelUnavailable(f"{detail}: {type(error).__name__}", quoted=str(error))

    async def _send(
        self, method: str, path: str, body: dict[str, Any] | None, accept: str = "application/json"
    ) -> aiohttp.ClientResponse:
        async def once() -> aiohttp.ClientResponse:
            return await self.session.request(
                method,
                self.base_url + path,
                data=None if body is None else orjson.dumps(body),
                # identity: a proxy that compresses holds tokens back until its block is full.
                headers={"Accept": accept, "Accept-Encoding": "identity"}
                | ({} if body is None else {"Content-Type": "application/json"}),
                allow_redirects=False,
            )

        try:
            return await once()
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # The server closed a pooled connection at the moment it was used; nothing was answered on it.
            return await once()

    def _discreet(self, page: bytes) -> bytes:
        """An error page without our key: some servers and proxies repeat what they were sent, and what they say is
        logged, and shown to people at a terminal."""
        for secret in self._secrets:
            page = page.replace(secret, b"[hidden]")
        return page

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        try:
            async with asyncio.timeout(self.timeouts.request):
                return (await _read_bounded(response.content, ERROR_LIMIT_BYTES))[0]
        except (TimeoutError, aiohttp.ClientError, HttpProcessingError, OSError):
            return b""


async def _read_bounded(content: aiohttp.StreamReader, limit: int) -> tuple[bytes, bool]:
    """(what there is, is that all?)"""
    data = bytearray()
    async for part in content.iter_any():
        data += part
        if len(data) > limit:
            return bytes(data[:limit]), False
    return bytes(data), True


def _ssl_context(url: str) -> ssl.SSLContext | bool:
    # aiohttp's own context is made when it is imported, before a program could set SSL_CERT_FILE.
    return ssl.create_default_context() if urlsplit(url).scheme == "https" else True


def _proxy(url: str) -> str | None:
    """The environment's proxy for `url`. aiohttp's trust_env is not used: it also reads ~/.netrc, and an entry there
    for the model's host makes every request with a bearer token fail."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host == "localhost" or _is_loopback(host) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    return getproxies().get(parts.scheme)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
