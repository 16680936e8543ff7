"""Three readers of the same stream: ours, a bare one, and the `text-generation` package's. Each gives its tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing

import aiohttp
import orjson
from text_generation.client import AsyncClient

from conversation.ports import Prompt, Sampling
from inference.tgi import TgiGenerator

PROMPT = "[INST] Why does this list come back in another order? [/INST]"
Reader = Callable[[], Awaitable[int]]


def bare(session: aiohttp.ClientSession, url: str, tokens: int) -> Reader:
    """The least that reads a healthy stream: aiohttp's chunks, lines, orjson. It checks nothing."""

    async def read() -> int:
        body = {"inputs": PROMPT, "stream": True, "parameters": {"max_new_tokens": tokens, "details": True}}
        pieces: list[str] = []
        ended = False
        async with session.post(f"{url}/generate_stream", json=body) as response:
            rest = b""
            async for data in response.content.iter_any():
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line.startswith(b"data:"):
                        frame = orjson.loads(line[5:])
                        pieces.append(frame["token"]["text"])
                        ended = frame["generated_text"] is not None
        assert ended
        return len(pieces)

    return read


def ours(generator: TgiGenerator, tokens: int) -> Reader:
    """The port that the manager reads: errors, watchdogs, stop strings, token cap."""
    prompt, sampling = Prompt(PROMPT, None, 20), Sampling(tokens, stop=("</s>",))

    async def read() -> int:
        count = 0
        async with aclosing(generator.stream(prompt, sampling)) as chunks:
            async for chunk in chunks:
                count += chunk.tokens
        return count

    return read


def stock(url: str, tokens: int) -> Reader:
    """The package's own client."""
    client = AsyncClient(url, timeout=120)

    async def read() -> int:
        return len([response async for response in client.generate_stream(PROMPT, max_new_tokens=tokens)])

    return read
