"""Processor time per token of the TGI client, beside a bare reader: `python -m benchmarks.model_client`."""

from __future__ import annotations

import asyncio
import statistics
import time

import aiohttp

from benchmarks import model_server, readers
from benchmarks.report import Figure, Section, run
from inference.tgi import TgiClient, TgiGenerator

STREAMS = 50
TOKENS_PER_SECOND = 25.0
TOKENS = 125
ROUNDS = 3
BAR = 2.0


async def microseconds_per_token(read: readers.Reader) -> float:
    """Processor time of this process while STREAMS answers are read, connecting and asking included."""
    before = time.process_time()
    counts = await asyncio.gather(*(read() for _ in range(STREAMS)))
    assert set(counts) == {TOKENS}, counts
    return (time.process_time() - before) / sum(counts) * 1e6


async def measure() -> Section:
    """Ours and the bare one take turns; the package's client goes once."""
    bare, ours = [], []
    async with (
        model_server.running(TOKENS, TOKENS_PER_SECOND) as url,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):
        generator = TgiGenerator(TgiClient(url))
        for _ in range(ROUNDS):
            bare.append(await microseconds_per_token(readers.bare(session, url, TOKENS)))
            ours.append(await microseconds_per_token(readers.ours(generator, TOKENS)))
        stock = await microseconds_per_token(readers.stock(url, TOKENS))
        await generator.aclose()
    ratios = [our / their for our, their in zip(ours, bare, strict=True)]
    ratio = statistics.median(ratios)
    return Section(
        "Processor time per token of the TGI client",
        "python -m benchmarks.model_client",
        f"{STREAMS} streams of {TOKENS_PER_SECOND:g} tokens a second, {TOKENS} tokens each; the server is a process of "
        "its own that writes prepared frames, each stream at its own moments. Ours is `TgiGenerator.stream`: typed "
        "frames, watchdogs, stop strings, token cap. Bare is aiohttp's chunks, lines and orjson, and checks nothing. "
        f"Both under uvloop; median of {ROUNDS} rounds that take turns.",
        (
            Figure(
                "microseconds per token",
                f"{statistics.median(ours):.0f}, {ratio:.2f} times bare ({min(ratios):.2f} to {max(ratios):.2f})",
                f"bare reader: {statistics.median(bare):.0f}",
                f"at most {BAR:g} times",
                ratio <= BAR,
            ),
            Figure(
                "the package's own client, for comparison",
                f"{stock:.0f}, {stock / statistics.median(bare):.2f} times bare",
            ),
        ),
    )


if __name__ == "__main__":
    run(measure)
