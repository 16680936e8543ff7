"""Answers under the limits that Slack documents: `python -m benchmarks.slack_limits [SECONDS]`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks import timed_model
from benchmarks.report import Figure, Section, percentile, run
from benchmarks.slack_stage import CALL_SECONDS, Slack, corral, minimal
from benchmarks.stage import OTHERS, Answer, Question, Stage
from tests.servers.slack.limits import PER_MINUTE

THREADS = 40
END_BAR_SECONDS = 5.0
SUSTAINED_SECONDS = 120
# What a minute allows: so many native streams, and each other answer at least one chat.update for its end. The rate
# leaves about half of those updates for text that grows.
STREAMS, UPDATES = PER_MINUTE["chat.startStream"], PER_MINUTE["chat.update"]
RATE = 45  # questions a minute
# The SDK's own default. With 32 a few answers use up a minute's appends and none ends.
BUFFER_SIZE = 256
LATE_SECONDS = 1.0  # no reader of a stream would call this at once
WAIT_SECONDS = 75.0  # longer than any limit's window
GIVEN_UP_SECONDS = 9.0  # nothing of the minimal app's moves any more


async def at_once(stage: Stage[Slack], seconds: float) -> tuple[list[Answer], int]:
    """Every channel is asked at the same moment. The answers, and the calls that were refused."""
    questions = await stage.ask_all(range(THREADS))
    return await stage.until_whole(questions, seconds), await stage.platform.refused()


async def sustained(stages: Sequence[Stage[Slack]], seconds: float) -> list[tuple[list[Answer], int]]:
    """Questions at a steady rate, each asked of every stage's app; then time for the last ones to end."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    asked: list[list[Question]] = [[] for _ in stages]
    for number in range(int(seconds * RATE / 60)):
        await asyncio.sleep(started + number * 60 / RATE - loop.time())
        for questions, question in zip(asked, await _ask(stages, number), strict=True):
            questions.append(question)
    first = await stages[0].until(asked[0], lambda answer: answer.is_whole, WAIT_SECONDS)
    answers = [first, *[await stage.answers(of) for stage, of in zip(stages[1:], asked[1:], strict=True)]]
    return [(of, await stage.platform.refused()) for of, stage in zip(answers, stages, strict=True)]


async def _ask(stages: Sequence[Stage[Slack]], number: int) -> list[Question]:
    asking = (stage.platform.ask(OTHERS * index + number) for index, stage in enumerate(stages))
    return list(await asyncio.gather(*asking))


async def measure(seconds: int = SUSTAINED_SECONDS) -> Section:
    """A burst, then a steady rate."""
    async with timed_model.running() as model:
        async with corral(model, limits=True) as stage:
            burst = await at_once(stage, WAIT_SECONDS)
        async with minimal(model, limits=True, buffer_size=BUFFER_SIZE) as stage:
            their_burst = await at_once(stage, GIVEN_UP_SECONDS)
        async with (
            corral(model, limits=True) as ours,
            minimal(model, limits=True, buffer_size=BUFFER_SIZE) as theirs,
        ):
            steady, their_steady = await sustained((ours, theirs), seconds)
    return Section(
        "Slack: under the documented limits",
        f"python -m benchmarks.slack_limits {seconds}",
        "The local Slack refuses with 429 what exceeds the documented limits: for a workspace and a minute "
        f"{STREAMS} chat.startStream, {PER_MINUTE['chat.stopStream']} chat.stopStream, "
        f"{PER_MINUTE['chat.appendStream']} chat.appendStream, {UPDATES} chat.update; for a channel one "
        "chat.postMessage a second. Apps and Slack are fresh, which is as good as an idle minute. Answered: the thread "
        "has one message, it has ended, and its text is all that the model said. Lag of an end: from the model's last "
        "token of that answer to the message's final state, the call included. The minimal app "
        f"(benchmarks/bolt_minimal.py) uses chat_stream's default buffer of {BUFFER_SIZE} characters here, which needs "
        f"the fewest calls. Burst: {THREADS} questions at once in {THREADS} channels. Sustained: {seconds} s at {RATE} "
        f"questions a minute over {THREADS} channels, both apps at the same time in a Slack each. A minute has room "
        f"for {STREAMS} native streams and the ends of {UPDATES} other answers; {RATE} leaves about half of these "
        "updates for text that grows. (`make bench ARGS=--long` runs this for 5 minutes.)",
        (
            _answered(f"{THREADS} at once: answered", burst, their_burst),
            _refused(f"{THREADS} at once: calls answered 429", burst, their_burst),
            _last_end(f"{THREADS} at once: lag of the last end, seconds", burst[0], END_BAR_SECONDS),
            _first(f"{THREADS} at once: first text beyond the call, seconds", burst[0]),
            _answered(f"sustained {seconds} s: answered", steady, their_steady),
            _refused(f"sustained {seconds} s: calls answered 429", steady, their_steady),
            _last_end(f"sustained {seconds} s: worst lag of an end, seconds", steady[0], None),
            _first(f"sustained {seconds} s: first text beyond the call, seconds", steady[0]),
            Figure(f"sustained {seconds} s: states of a message, mean", f"{_writes(steady[0]):.1f}"),
        ),
    )


def _answered(what: str, ours: tuple[list[Answer], int], theirs: tuple[list[Answer], int]) -> Figure:
    (count, asked), (their_count, their_asked) = _counts(ours[0]), _counts(theirs[0])
    return Figure(what, f"{count} of {asked}", f"minimal app: {their_count} of {their_asked}", "all", count == asked)


def _counts(answers: Sequence[Answer]) -> tuple[int, int]:
    return sum(answer.is_whole for answer in answers), len(answers)


def _refused(what: str, ours: tuple[list[Answer], int], theirs: tuple[list[Answer], int]) -> Figure:
    return Figure(what, str(ours[1]), f"minimal app: {theirs[1]}", "0", ours[1] == 0)


def _last_end(what: str, answers: Sequence[Answer], bar: float | None) -> Figure:
    lags = [lag for answer in answers if (lag := answer.end_lag) is not None]
    if not lags:
        return Figure(what, "no answer ended", met=False)
    value = f"{max(lags):.2f} (p50 {percentile(lags, 0.5):.2f})"
    if bar is None:
        return Figure(what, value)
    return Figure(what, value, bar=f"at most {bar:g}", met=len(lags) == len(answers) and max(lags) <= bar)


def _first(what: str, answers: Sequence[Answer]) -> Figure:
    lags = [lag - CALL_SECONDS for answer in answers if (lag := answer.first_lag) is not None]
    if not lags:
        return Figure(what, "none")
    late = sum(lag > LATE_SECONDS for lag in lags)
    return Figure(what, f"p50 {percentile(lags, 0.5):.2f}, max {max(lags):.2f}; more than {LATE_SECONDS:g}: {late}")


def _writes(answers: Sequence[Answer]) -> float:
    return sum(len(answer.states) for answer in answers) / len(answers)


if __name__ == "__main__":
    run(measure)
