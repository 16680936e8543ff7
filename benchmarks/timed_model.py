"""The platforms' benchmarks' Text Generation Inference, in a process of its own: that of the tests, with the time of
each answer's tokens.

Equal questions get equal answers, and a partial answer is gone on with. The pace is kept by a clock: a token that came
late does not delay the next one.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from tests.servers.tgi import TgiServer
from tests.servers.toy_model import EOS, Token, ToyModel

TOKENS = 200  # of an answer, its end token included
TOKENS_PER_SECOND = 50.0
FIRST_TOKEN_SECONDS = 0.2
ANSWER_SECONDS = FIRST_TOKEN_SECONDS + (TOKENS - 1) / TOKENS_PER_SECOND
START_SECONDS = 20.0


@dataclass(slots=True)
class Generation:
    """One request for an answer. Times are Unix seconds: when a token was handed to the connection, which is before
    anybody can have read it."""

    question: str
    asked_at: float
    first_at: float | None = None
    last_at: float | None = None  # of the last token so far
    tokens: int = 0
    has_ended: bool = False  # with the end token


def answer_to(question: str) -> str:
    """The whole answer to a question."""
    return ToyModel(TOKENS - 1).answer_to(question).strip()


class TimedModel(TgiServer):
    """`GET /_ctl/generations` tells of every request, oldest first."""

    def __init__(self) -> None:
        super().__init__(answer_tokens=TOKENS - 1)
        self._generations: list[Generation] = []

    def routes(self) -> list[web.RouteDef]:
        return [*super().routes(), web.get("/_ctl/generations", self._tell)]

    async def tokens(self, prompt: str, limit: int) -> AsyncIterator[tuple[Token, bool]]:
        loop = asyncio.get_running_loop()
        # Behind Llama 2's system text, and before the answer as far as it is there already.
        question = prompt.rpartition("[INST]")[2].partition("[/INST]")[0].rpartition("<</SYS>>")[2].strip()
        made = Generation(question, time.time())
        self._generations.append(made)
        due = loop.time() + FIRST_TOKEN_SECONDS
        for token in list(self.model.go_on(prompt))[:limit]:
            await asyncio.sleep(due - loop.time())
            due += 1 / TOKENS_PER_SECOND
            made.last_at = time.time()
            made.first_at = made.first_at or made.last_at
            made.tokens += 1
            made.has_ended = token.id == EOS
            yield token, made.tokens == limit

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        return web.json_response([asdict(made) for made in self._generations])


async def generations(url: str) -> list[Generation]:
    """What the server at `url` was asked so far, oldest first."""
    async with aiohttp.ClientSession() as session, session.get(url + "/_ctl/generations") as response:
        told: list[dict[str, Any]] = await response.json()
    return [Generation(**made) for made in told]


async def serve() -> None:
    """Serve on a free port, which is printed, until stdin ends: so also when the benchmark was killed."""
    server = TimedModel()
    await server.start()
    print(server.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


@asynccontextmanager
async def running() -> AsyncIterator[str]:
    """The address of such a server."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.timed_model"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await asyncio.wait_for(process.stdout.readline(), START_SECONDS)).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(serve())
