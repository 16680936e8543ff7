"""How soon people see an answer in Discord, and its end: `python -m benchmarks.discord`."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import timed_model
from benchmarks.discord_stage import CALL_SECONDS, Discord, corral, minimal
from benchmarks.lags import (
    MODEL,
    QUESTIONS,
    Lags,
    Opened,
    answered,
    lag_figure,
    lags_of,
    one_by_one,
    panel,
    wait_figure,
)
from benchmarks.report import Figure, Plot, Section, run

THREADS = (5, 20)  # at once
FIRST_BAR, END_BAR, BAR_AT_ONCE = 60, 60, 100  # milliseconds beyond the call
CALLS_BAR = 7  # a reply


@dataclass(frozen=True, slots=True)
class Run:
    """What became of questions that were asked at once; `calls` are those of each reply."""

    lags: Lags
    refused: int
    calls: tuple[int, ...]

    @property
    def said_calls(self) -> str:
        """In words."""
        return f"mean {sum(self.calls) / len(self.calls):.1f}, most {max(self.calls)}"


async def at_once(model: str, opened: Opened[Discord], threads: int) -> Run:
    """Of a freshly started app."""
    async with opened(model) as stage:
        answers = await answered(stage, range(threads))
        calls = await stage.platform.calls([answer.question for answer in answers])
        return Run(lags_of(answers, CALL_SECONDS), await stage.platform.refused(), tuple(calls))


async def measure() -> Section:
    """One conversation, then several at once."""
    async with timed_model.running() as model:
        found = {1: await one_by_one(model, corral, minimal, CALL_SECONDS)}
        for threads in THREADS:
            ours, theirs = await at_once(model, corral, threads), await at_once(model, minimal, threads)
            found[threads] = ours.lags, theirs.lags
    most = THREADS[-1]
    return Section(
        "Discord: first text and end of an answer",
        "python -m benchmarks.discord",
        f"A local Discord whose REST calls take {1000 * CALL_SECONDS:.0f} ms and have their effect at the end, and "
        f"that holds Discord's rate limits; {MODEL}. Each question is a mention in a channel of its own, and is "
        "answered in a thread that the app opens from it. First text: from the moment when the model's server sends "
        "the question's first token to the moment when Discord shows the first text of the answer. End: from the last "
        "token (the end token) to the message's final state, with all of the text and no Stop button. Both by the "
        f"servers' own records, and less the {1000 * CALL_SECONDS:.0f} ms of the call that shows it. One conversation: "
        f"{QUESTIONS} questions one after the other in {QUESTIONS} channels, the first of them to a process that has "
        f"answered nothing yet; {' and '.join(map(str, THREADS))}: all asked at once in as many channels, of a fresh "
        "process. Calls of a reply: every REST call in the channel and the thread since the question, so the thread's "
        "opening and the typing indicator count. Corral is `python -m bot run` with a durable store. Beside it "
        "benchmarks/discord_minimal.py: discord.py's Client, which edits once a second and keeps nothing. Bars are for "
        "p50. Question to first text is all that a person waits.",
        (
            lag_figure("first text, 1 conversation", found[1], "first", FIRST_BAR),
            lag_figure("end, 1 conversation", found[1], "end", END_BAR),
            wait_figure("question to first text, 1 conversation", found[1]),
            lag_figure(f"first text, {most} conversations", found[most], "first", BAR_AT_ONCE),
            lag_figure(f"end, {most} conversations", found[most], "end", BAR_AT_ONCE),
            wait_figure(f"question to first text, {most} conversations", found[most]),
            Figure(
                f"{most} conversations: calls answered 429",
                str(ours.refused),
                f"minimal app: {theirs.refused}",
                "0",
                ours.refused == 0,
            ),
            Figure(
                f"{most} conversations: calls of a reply",
                ours.said_calls,
                f"minimal app: {theirs.said_calls}",
                f"at most {CALLS_BAR}",
                max(ours.calls) <= CALLS_BAR,
            ),
        ),
        plots=(Plot("discord-answers", (panel("First text in Discord", found, "first"), panel("End", found, "end"))),),
    )


if __name__ == "__main__":
    run(measure)
