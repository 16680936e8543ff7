"""A hundred answers at once in one process, from the question to the messages: `python -m benchmarks.streams`."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from pathlib import Path

import aiohttp

from benchmarks import model_server, readers
from benchmarks.lag import Load, watching
from benchmarks.report import Figure, Panel, Plot, Section, distribution, run
from benchmarks.store import LANE, fresh_store, question
from benchmarks.tokenizer import tokenizer_file
from bot.settings import load_settings
from bot.wiring import build_worker, open_house, working
from conversation.model import Job, Segment
from conversation.ports import Content, ReplySink, Written

STREAMS = 100
TOKENS_PER_SECOND = 20.0
TOKENS = 200
IDLE_SECONDS = 5.0
LIMIT_SECONDS = 90.0


class CountingPlatform:
    """A ReplySink that takes everything at once and counts. One edit a second is what chat platforms allow."""

    message_limit = 4000
    limit_in_bytes = False
    has_buttons = False
    edit_interval_seconds = 1.0

    def __init__(self) -> None:
        self.writes = 0
        self.ended = 0
        self.all_ended = asyncio.Event()
        self.characters = 0

    async def find(self, job: Job, segment: Segment) -> Written | None:
        """See ReplySink."""
        return None

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink."""
        await self.edit(job, segment, content)
        return Written(segment.key)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """See ReplySink."""
        self.writes += 1
        if content.ending:
            self.ended += 1
            self.characters += len(content.text)
            if self.ended == STREAMS:
                self.all_ended.set()

    async def delete(self, job: Job, message_id: str) -> None:
        """See ReplySink."""

    async def status(self, job: Job, text: str) -> None:
        """See ReplySink."""


_: type[ReplySink] = CountingPlatform


async def idle() -> Load:
    """What this machine's own noise makes of a loop that does nothing."""
    async with watching() as load:
        await asyncio.sleep(IDLE_SECONDS)
    return load


async def bare(url: str) -> Load:
    """The same streams, read by the bare reader and thrown away."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session, watching() as load:
        counts = await asyncio.gather(*(readers.bare(session, url, TOKENS)() for _ in range(STREAMS)))
    assert set(counts) == {TOKENS}
    return load


async def whole(url: str, store: str, directory: Path) -> tuple[Load, CountingPlatform]:
    """A hundred questions in a hundred threads, through listener's intake, queue, worker, manager, model and delivery,
    wired as `python -m bot run` is."""
    logging.getLogger("bot.models").setLevel(logging.ERROR)  # the stand-in server has no model's vocabulary
    platform = CountingPlatform()
    file = tokenizer_file()
    settings = load_settings(
        redis_url=store,
        data_dir=directory,
        model_api="tgi",
        model_url=url,
        model_tokenizer=str(file) if file else None,
        max_new_tokens=TOKENS,
        concurrency=STREAMS,
    )
    async with open_house(settings) as house:
        await house.model.ready()
        async with working(build_worker(house, {LANE: platform}, 5.0), platform.all_ended.set), watching() as load:
            for number in range(STREAMS):
                await house.intake.receive(question(number, thread=str(number)))
            async with asyncio.timeout(LIMIT_SECONDS):
                await platform.all_ended.wait()
    assert platform.ended == STREAMS, f"{platform.ended} of {STREAMS} answers were shown"
    return load, platform


async def measure() -> Section:
    """Nothing, bare, and the whole path, in one process one after the other."""
    async with model_server.running(TOKENS, TOKENS_PER_SECOND) as url, fresh_store() as store:
        nothing = await idle()
        least = await bare(url)
        with tempfile.TemporaryDirectory() as directory:
            all_of_it, platform = await whole(url, store, Path(directory))
    tokens = STREAMS * TOKENS
    per_token = 1e6 * all_of_it.processor_seconds / tokens
    least_per_token = 1e6 * least.processor_seconds / tokens
    return Section(
        f"{STREAMS} streams of {TOKENS_PER_SECOND:g} tokens a second in one process",
        "python -m benchmarks.streams",
        f"{STREAMS} questions are accepted one after the other and answered at the same time with {TOKENS} tokens "
        "each: intake, durable queue, worker, manager, prompt, `TgiGenerator`, checkpoints in the durable store, "
        "delivery to a platform that takes an edit a second and counts it. The process is wired as `python -m bot "
        "run` is and runs under uvloop; model server and Valkey are processes of their own. Lag: how much later than "
        "asked a timer of 5 ms comes. Beside it the bare reader of the same streams, and a loop that does nothing.",
        (
            Figure("event loop's lag", all_of_it.lag(), f"bare reader: {least.lag()}; nothing: {nothing.lag()}"),
            Figure("share of one core", f"{all_of_it.share:.0%}", f"bare reader: {least.share:.0%}"),
            Figure(
                "microseconds of processor time per token",
                f"{per_token:.0f}, {per_token / least_per_token:.1f} times bare",
                f"bare reader: {least_per_token:.0f}",
            ),
            Figure(
                "messages written", f"{platform.writes:,}, {platform.characters / STREAMS:,.0f} characters an answer"
            ),
        ),
        plots=(
            Plot(
                "loop-lag",
                (
                    Panel(
                        f"Event loop's lag at {STREAMS} streams of {TOKENS_PER_SECOND:g} tokens a second",
                        "milliseconds, logarithmic",
                        "% of timers",
                        (
                            distribution("whole path", all_of_it.lags),
                            distribution("bare reader", least.lags),
                            distribution("nothing", nothing.lags),
                        ),
                        log_x=True,
                    ),
                ),
            ),
        ),
    )


if __name__ == "__main__":
    run(measure)
