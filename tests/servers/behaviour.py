"""What a test server does wrong, or slowly, and what it saw: shared by both protocols."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from tests.servers.raw import LOOP_TURNS
from tests.servers.toy_model import Token, ToyModel, tokens_of


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the server answers. Counts are tokens, times are seconds."""

    token_delay: float = 0.0
    first_token_delay: float = 0.0
    text: str | None = None  # the whole answer, instead of the model's own
    end: bool = True  # the answer ends by itself; else it is repeated until max_new_tokens
    space_after_data: bool = True  # `data: {` instead of `data:{`
    line_end: str = "\n"
    chunk_bytes: int | None = None  # write in pieces of so many bytes
    keep_alive_every: float | None = None  # comments, also while nothing else comes
    overshoot: int = 0  # tokens beyond max_new_tokens
    status: int | None = None  # answer with this instead
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    error_after: int | None = None  # then a frame with `error`
    error: dict[str, Any] = field(default_factory=lambda: {"error": "it broke", "error_type": "generation"})
    cut_after: int | None = None  # then the connection is cut
    stall_after: int | None = None  # then no token comes any more
    omit_final: bool = False  # the stream ends cleanly, but without its last frame
    linger: bool = False  # the stream is not ended after its last frame
    garbage_after: int | None = None  # then `garbage` in a frame's place
    garbage: bytes = b"<html>502 Bad Gateway</html>"
    special_after: int | None = None  # then a special token that ends nothing
    asleep: bool = False  # every route answers 503, as an Inference Endpoint that is waking up


class Cut(Exception):
    """The stream ends here by breaking the connection."""


class ModelWebServer:
    """A server on a random port of 127.0.0.1; used as `async with`. `behaviour` may be changed at any time; those in
    `next_behaviours` take its place first, one for each request for an answer.

    `live` streams are being written now, `disconnects` counts those that their client left, `generated` the tokens
    made, `requests` holds the bodies of generation requests, `connections` the client's ports that they came from,
    `disconnected_at` the event loop's time when a client was seen to have left.
    """

    def __init__(
        self, behaviour: Behaviour | None = None, *, answer_tokens: int = 40, token: str | None = None
    ) -> None:
        self.behaviour = behaviour or Behaviour()
        self.next_behaviours: deque[Behaviour] = deque()
        self.model = ToyModel(answer_tokens)
        self.token = token
        self.live = 0
        self.disconnects = 0
        self.disconnected_at: list[float] = []
        self.generated = 0
        self.requests: list[dict[str, Any]] = []
        self.request_headers: list[dict[str, str]] = []
        self.connections: list[int] = []
        self.url = ""
        self._runner: web.AppRunner | None = None

    def routes(self) -> list[web.RouteDef]:
        """The protocol's routes."""
        raise NotImplementedError

    async def start(self, port: int = 0) -> None:
        app = web.Application(middlewares=[self._guard], client_max_size=16 << 20)
        app.add_routes(self.routes())
        # Without handler_cancellation a handler that waits would not learn that its client is gone.
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        if self.behaviour.asleep:
            return web.Response(status=503, text="Service Unavailable")
        open_paths = {"/health", "/info", "/metrics"}
        if (
            self.token
            and request.path not in open_paths
            and request.headers.get("Authorization") != f"Bearer {self.token}"
        ):
            return web.Response(status=401)  # as TGI: with an empty body
        response: web.StreamResponse = await handler(request)
        return response

    def refusal(self) -> web.Response | None:
        """The answer that `behaviour.status` asks for."""
        how = self.behaviour
        if how.status is None:
            return None
        return web.Response(status=how.status, body=how.body, content_type=how.content_type, headers=how.headers)

    def seen(self, request: web.Request, body: dict[str, Any]) -> None:
        """Note a request for an answer; from here on it has its own behaviour, if it has one."""
        if self.next_behaviours:
            self.behaviour = self.next_behaviours.popleft()
        self.requests.append(body)
        self.request_headers.append(dict(request.headers))
        assert request.transport is not None
        self.connections.append(request.transport.get_extra_info("peername")[1])

    async def tokens(self, prompt: str, limit: int) -> AsyncIterator[tuple[Token, bool]]:
        """(token, is it the last for `limit`?) at the pace that is asked for, with the faults that are."""
        how = self.behaviour
        found = list(self.model.go_on(prompt)) if how.text is None else [*tokens_of(how.text), Token(2, "</s>", True)]
        if not how.end:
            found = found[:-1] * (limit // max(1, len(found) - 1) + 2)
        await asyncio.sleep(how.first_token_delay)
        for number, token in enumerate(found[: limit + how.overshoot], start=1):
            if how.cut_after == number - 1:
                raise Cut
            if how.stall_after == number - 1:
                await asyncio.Event().wait()
            if how.special_after == number - 1:
                yield Token(0, "<unk>", special=True), False
            await asyncio.sleep(how.token_delay)
            self.generated += 1
            yield token, number == limit + how.overshoot

    async def serve(
        self, request: web.Request, frames: Callable[[], AsyncIterator[str]], error: dict[str, Any]
    ) -> web.StreamResponse:
        """Write the frames as an event stream, as `behaviour` says. A frame is a JSON text or `[DONE]`."""
        how = self.behaviour
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await response.prepare(request)
        self.live += 1
        pulse = asyncio.create_task(self._keep_alive(response)) if how.keep_alive_every else None
        try:
            count = 0
            async for frame in frames():
                if count == how.error_after:
                    await self._write(response, as_json(error).encode())
                    return response
                if count == how.garbage_after:
                    await self._write(response, how.garbage)
                    return response
                await self._write(response, frame.encode())
                count += 1
            if how.linger:
                await asyncio.Event().wait()
        except Cut:
            assert request.transport is not None
            request.transport.abort()
        except (asyncio.CancelledError, ConnectionError):
            self.disconnects += 1
            self.disconnected_at.append(asyncio.get_running_loop().time())
            raise
        finally:
            self.live -= 1
            if pulse is not None:
                pulse.cancel()
        return response

    async def _write(self, response: web.StreamResponse, frame: bytes) -> None:
        how = self.behaviour
        end = how.line_end.encode()
        data = (b"data: " if how.space_after_data else b"data:") + frame + end + end
        size = how.chunk_bytes or len(data)
        for at in range(0, len(data), size):
            await response.write(data[at : at + size])
            if how.chunk_bytes:
                for _ in range(LOOP_TURNS):
                    await asyncio.sleep(0)

    async def _keep_alive(self, response: web.StreamResponse) -> None:
        every = self.behaviour.keep_alive_every
        assert every is not None
        while True:
            await asyncio.sleep(every)
            await response.write(b":\n\n")


def as_json(value: dict[str, Any]) -> str:
    """One line of JSON, as these servers write it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def run_as_process(make: Callable[[Behaviour, int], ModelWebServer]) -> None:
    """Serve until SIGTERM, with the behaviour of the command line. Prints the address as its first line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token-delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--first-token-delay", type=float, default=0.0, help="seconds")
    parser.add_argument("--answer-tokens", type=int, default=40)
    parser.add_argument("--text", help="the answer to everything")
    asked = parser.parse_args()
    behaviour = Behaviour(token_delay=asked.token_delay, first_token_delay=asked.first_token_delay, text=asked.text)

    async def serve() -> None:
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        server = make(behaviour, asked.answer_tokens)
        await server.start(asked.port)
        print(server.url, flush=True)
        await ended.wait()
        await server.stop()

    asyncio.run(serve())
