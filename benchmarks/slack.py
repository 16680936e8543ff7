"""How soon people see an answer in Slack, and its end: `python -m benchmarks.slack`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import slack_model
from benchmarks.report import Figure, Panel, Plot, Section, Series, percentile, run
from benchmarks.slack_stage import CALL_SECONDS, Answer, Stage, corral, minimal

QUESTIONS = 5  # one after the other
THREADS = (5, 20)  # at once
FIRST_BAR, FIRST_BAR_AT_ONCE, END_BAR = 60, 150, 150  # milliseconds beyond the call
WAIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Lags:
    """Of every answer that became whole: milliseconds beyond the call, and in `wait` all of them since the question."""

    asked: int
    wait: tuple[float, ...]
    first: tuple[float, ...]
    end: tuple[float, ...]

    @property
    def are_all(self) -> bool:
        """Every question has its whole answer."""
        return len(self.end) == self.asked


def lags_of(answers: Sequence[Answer]) -> Lags:
    """What the answers' records say."""
    whole = [answer for answer in answers if answer.is_whole]
    return Lags(
        len(answers),
        tuple(1000 * wait for answer in whole if (wait := answer.wait) is not None),
        tuple(1000 * (lag - CALL_SECONDS) for answer in whole if (lag := answer.first_lag) is not None),
        tuple(1000 * (lag - CALL_SECONDS) for answer in whole if (lag := answer.end_lag) is not None),
    )


def said(values: Sequence[float], asked: int) -> str:
    """p50 and the largest, in words."""
    if not values:
        return f"none of {asked} answered"
    missing = f"; {asked - len(values)} of {asked} not answered" if len(values) < asked else ""
    return f"p50 {percentile(values, 0.5):.0f}, max {max(values):.0f} ms{missing}"


async def _answered(stage: Stage, numbers: Sequence[int]) -> list[Answer]:
    questions = await stage.ask_all(numbers)
    return await stage.until_whole(questions, WAIT_SECONDS)


async def one_by_one(model: str) -> tuple[Lags, Lags]:
    """Each question is asked of both apps; neither is asked anything else meanwhile."""
    ours, theirs = [], []
    async with corral(model) as our_stage, minimal(model) as their_stage:
        for number in range(QUESTIONS):

            async def later(number: int = number) -> list[Answer]:
                # So that the two never begin nor end at the same moment.
                await asyncio.sleep(random.uniform(0.4, 0.8))
                return await _answered(their_stage, [number])

            pair = await asyncio.gather(_answered(our_stage, [number]), later())
            ours += pair[0]
            theirs += pair[1]
    return lags_of(ours), lags_of(theirs)


async def at_once(model: str, threads: int) -> tuple[Lags, Lags]:
    """The apps one after the other, each freshly started."""
    async with corral(model) as stage:
        ours = await _answered(stage, range(threads))
    async with minimal(model) as stage:
        theirs = await _answered(stage, range(threads))
    return lags_of(ours), lags_of(theirs)


async def measure() -> Section:
    """One thread, then several at once."""
    async with slack_model.running() as model:
        found = {1: await one_by_one(model)}
        for threads in THREADS:
            found[threads] = await at_once(model, threads)
    most = THREADS[-1]
    return Section(
        "Slack: first text and end of an answer",
        "python -m benchmarks.slack",
        f"A local Slack whose calls take {1000 * CALL_SECONDS:.0f} ms and have their effect at the end; a model that "
        f"sends its first of {slack_model.TOKENS} tokens after {1000 * slack_model.FIRST_TOKEN_SECONDS:.0f} ms and "
        f"{slack_model.TOKENS_PER_SECOND:g} a second. First text: from the moment when the model's server sends the "
        "question's first token to the moment when Slack shows the first text of the answer. End: from the last token "
        "(the end token) to the message's final state, with all of the text. Both by the servers' own records, and "
        f"less the {1000 * CALL_SECONDS:.0f} ms of the call that shows it. Slack enforces no limits here; Corral keeps "
        f"to them all the same. One thread: {QUESTIONS} questions one after the other in {QUESTIONS} channels, the "
        f"first of them to a process that has answered nothing yet; {' and '.join(map(str, THREADS))} threads: all "
        "asked at once in as many channels, of a fresh process. Corral is `python -m bot run` with a durable store. "
        "Beside it benchmarks/bolt_minimal.py: async Bolt with Socket Mode and slack_sdk's chat_stream, which keeps "
        "nothing. Its chat_stream gathers 32 characters for each call, about six tokens. Bars are for p50. Question to "
        "first text is all that a person waits: what comes before the model, its first token, and the call.",
        (
            _figure("first text, 1 thread", found[1], "first", FIRST_BAR),
            _figure("end, 1 thread", found[1], "end", END_BAR),
            _wait("question to first text, 1 thread", found[1]),
            _figure(f"first text, {most} threads", found[most], "first", FIRST_BAR_AT_ONCE),
            _figure(f"end, {most} threads", found[most], "end", END_BAR),
            _wait(f"question to first text, {most} threads", found[most]),
        ),
        plots=(Plot("slack-answers", (_panel("First text in Slack", found, "first"), _panel("End", found, "end"))),),
    )


def _figure(what: str, pair: tuple[Lags, Lags], which: str, bar: int) -> Figure:
    ours, theirs = pair
    values: Sequence[float] = getattr(ours, which)
    return Figure(
        f"{what}, beyond the call",
        said(values, ours.asked),
        f"minimal app: {said(getattr(theirs, which), theirs.asked)}",
        f"at most {bar} ms",
        ours.are_all and percentile(values, 0.5) <= bar,
    )


def _wait(what: str, pair: tuple[Lags, Lags]) -> Figure:
    ours, theirs = pair
    return Figure(what, said(ours.wait, ours.asked), f"minimal app: {said(theirs.wait, theirs.asked)}")


def _panel(title: str, found: dict[int, tuple[Lags, Lags]], which: str) -> Panel:
    def series(name: str, index: int) -> Series:
        points = [(threads, getattr(pair[index], which)) for threads, pair in found.items()]
        return Series(name, tuple((threads, percentile(values, 0.5)) for threads, values in points if values))

    names = enumerate(("Corral", "minimal app"))
    return Panel(title, "threads at once", "ms beyond the call, p50", tuple(series(name, at) for at, name in names))


if __name__ == "__main__":
    run(measure)
