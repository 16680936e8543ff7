"""How soon people see an answer on a platform, and its end: what is common to the platforms' benchmarks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from benchmarks import timed_model
from benchmarks.report import Figure, Panel, Series, percentile
from benchmarks.stage import OTHERS, Answer, P, Stage

QUESTIONS = 5  # one after the other
WAIT_SECONDS = 20.0
MODEL = (
    f"a model that sends its first of {timed_model.TOKENS} tokens after "
    f"{1000 * timed_model.FIRST_TOKEN_SECONDS:.0f} ms and {timed_model.TOKENS_PER_SECOND:g} a second"
)

Opened = Callable[[str], AbstractAsyncContextManager[Stage[P]]]  # an app's, for a model's address


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


Pair = tuple[Lags, Lags]  # Corral's and the minimal app's


def lags_of(answers: Sequence[Answer], call_seconds: float) -> Lags:
    """What the answers' records say."""
    whole = [answer for answer in answers if answer.is_whole]
    return Lags(
        len(answers),
        tuple(1000 * wait for answer in whole if (wait := answer.wait) is not None),
        tuple(1000 * (lag - call_seconds) for answer in whole if (lag := answer.first_lag) is not None),
        tuple(1000 * (lag - call_seconds) for answer in whole if (lag := answer.end_lag) is not None),
    )


async def answered(stage: Stage[P], numbers: Sequence[int]) -> list[Answer]:
    """Ask all at once, and wait for the answers."""
    questions = await stage.ask_all(numbers)
    return await stage.until_whole(questions, WAIT_SECONDS)


async def one_by_one(model: str, corral: Opened[P], minimal: Opened[P], call_seconds: float) -> Pair:
    """Each question is asked of both apps; neither is asked anything else meanwhile."""
    ours, theirs = [], []
    async with corral(model) as our_stage, minimal(model) as their_stage:
        for number in range(QUESTIONS):

            async def later(number: int = number) -> list[Answer]:
                # So that the two never begin nor end at the same moment.
                await asyncio.sleep(random.uniform(0.4, 0.8))
                return await answered(their_stage, [OTHERS + number])

            pair = await asyncio.gather(answered(our_stage, [number]), later())
            ours += pair[0]
            theirs += pair[1]
    return lags_of(ours, call_seconds), lags_of(theirs, call_seconds)


def lag_figure(what: str, pair: Pair, which: str, bar: int) -> Figure:
    """One kind of lag; the bar, in milliseconds, is for p50."""
    ours, theirs = pair
    values: Sequence[float] = getattr(ours, which)
    return Figure(
        f"{what}, beyond the call",
        said(values, ours.asked),
        f"minimal app: {said(getattr(theirs, which), theirs.asked)}",
        f"at most {bar} ms",
        ours.are_all and percentile(values, 0.5) <= bar,
    )


def wait_figure(what: str, pair: Pair) -> Figure:
    """All that people wait."""
    ours, theirs = pair
    return Figure(what, said(ours.wait, ours.asked), f"minimal app: {said(theirs.wait, theirs.asked)}")


def panel(title: str, found: Mapping[int, Pair], which: str) -> Panel:
    """One kind of lag, by how many threads were answered at once."""

    def series(name: str, index: int) -> Series:
        points = [(threads, getattr(pair[index], which)) for threads, pair in found.items()]
        return Series(name, tuple((threads, percentile(values, 0.5)) for threads, values in points if values))

    names = enumerate(("Corral", "minimal app"))
    return Panel(title, "threads at once", "ms beyond the call, p50", tuple(series(name, at) for at, name in names))


def said(values: Sequence[float], asked: int) -> str:
    """p50 and the largest, in words."""
    if not values:
        return f"none of {asked} answered"
    missing = f"; {asked - len(values)} of {asked} not answered" if len(values) < asked else ""
    return f"p50 {percentile(values, 0.5):.0f}, max {max(values):.0f} ms{missing}"
