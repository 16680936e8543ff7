"""How soon people see an answer in Slack, and its end: `python -m benchmarks.slack`."""

from __future__ import annotations

from benchmarks import timed_model
from benchmarks.lags import MODEL, QUESTIONS, Pair, answered, lag_figure, lags_of, one_by_one, panel, wait_figure
from benchmarks.report import Plot, Section, run
from benchmarks.slack_stage import CALL_SECONDS, corral, minimal

THREADS = (5, 20)  # at once
FIRST_BAR, FIRST_BAR_AT_ONCE, END_BAR = 60, 150, 150  # milliseconds beyond the call


async def at_once(model: str, threads: int) -> Pair:
    """The apps one after the other, each freshly started."""
    async with corral(model) as stage:
        ours = await answered(stage, range(threads))
    async with minimal(model) as stage:
        theirs = await answered(stage, range(threads))
    return lags_of(ours, CALL_SECONDS), lags_of(theirs, CALL_SECONDS)


async def measure() -> Section:
    """One thread, then several at once."""
    async with timed_model.running() as model:
        found = {1: await one_by_one(model, corral, minimal, CALL_SECONDS)}
        for threads in THREADS:
            found[threads] = await at_once(model, threads)
    most = THREADS[-1]
    return Section(
        "Slack: first text and end of an answer",
        "python -m benchmarks.slack",
        f"A local Slack whose calls take {1000 * CALL_SECONDS:.0f} ms and have their effect at the end; {MODEL}. First "
        "text: from the moment when the model's server sends the question's first token to the moment when Slack shows "
        "the first text of the answer. End: from the last token (the end token) to the message's final state, with all "
        "of the text. Both by the servers' own records, and "
        f"less the {1000 * CALL_SECONDS:.0f} ms of the call that shows it. Slack enforces no limits here; Corral keeps "
        f"to them all the same. One thread: {QUESTIONS} questions one after the other in {QUESTIONS} channels, the "
        f"first of them to a process that has answered nothing yet; {' and '.join(map(str, THREADS))} threads: all "
        "asked at once in as many channels, of a fresh process. Corral is `python -m bot run` with a durable store. "
        "Beside it benchmarks/bolt_minimal.py: async Bolt with Socket Mode and slack_sdk's chat_stream, which keeps "
        "nothing. Its chat_stream gathers 32 characters for each call, about six tokens. Bars are for p50. Question to "
        "first text is all that a person waits: what comes before the model, its first token, and the call.",
        (
            lag_figure("first text, 1 thread", found[1], "first", FIRST_BAR),
            lag_figure("end, 1 thread", found[1], "end", END_BAR),
            wait_figure("question to first text, 1 thread", found[1]),
            lag_figure(f"first text, {most} threads", found[most], "first", FIRST_BAR_AT_ONCE),
            lag_figure(f"end, {most} threads", found[most], "end", END_BAR),
            wait_figure(f"question to first text, {most} threads", found[most]),
        ),
        plots=(Plot("slack-answers", (panel("First text in Slack", found, "first"), panel("End", found, "end"))),),
    )


if __name__ == "__main__":
    run(measure)
