"""kill -9 in running Slack replies, and a restart at once: `python -m benchmarks.slack_kill`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import slack_model
from benchmarks.report import Figure, Section, run
from benchmarks.slack_stage import CALL_SECONDS, Answer, Stage, corral, minimal
from benchmarks.takeover import LEASE_SECONDS

REPLIES = 20
BEGUN_SECONDS = 15.0  # until all of them show text
FINISHED_SECONDS = 40.0
GIVEN_UP_SECONDS = 7.0  # time for a whole answer after a start


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the replies that the kill fell into."""

    running: int  # showed text when the process was killed, and had not ended
    finished: int  # whole, in the message that was there before
    doubled: int  # threads with more than one message
    moved_after: tuple[float, ...]  # seconds from the kill to the next new text, of those that moved again


async def killed_and_restarted(stage: Stage, seconds: float) -> Outcome:
    """Kill when every reply shows some text; restart without a pause; wait until all have ended, or so long."""
    questions = await stage.ask_all(range(REPLIES))
    before = await stage.until(questions, lambda answer: answer.first_lag is not None, BEGUN_SECONDS)
    killed_at = time.time()
    await stage.kill()
    await stage.start()
    # In the time of a lease nothing can have gone on: neither look nor take processor time.
    await asyncio.sleep(LEASE_SECONDS / 2)
    after = await stage.until(questions, lambda answer: answer.is_whole, seconds)
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.messages and not old.is_whole]
    moved = [_moved_at(new, killed_at) for _, new in pairs]
    return Outcome(
        running=len(pairs),
        finished=sum(new.is_whole and _ids(new) == _ids(old) for old, new in pairs),
        doubled=sum(len(answer.messages) > 1 for answer in after),
        moved_after=tuple(sorted(at - killed_at for at in moved if at is not None)),
    )


def _ids(answer: Answer) -> list[str]:
    return [message["ts"] for message in answer.messages]


def _moved_at(answer: Answer, killed_at: float) -> float | None:
    """When the text grew again; what the dead process had already sent does not count."""
    states = [state for message in answer.messages for state in message["history"]]
    last_sent = killed_at + CALL_SECONDS + 0.05
    shown = max((len(state["text"]) for state in states if state["at"] <= last_sent), default=0)
    return min(
        (state["at"] for state in states if state["at"] > last_sent and len(state["text"]) > shown), default=None
    )


async def measure() -> Section:
    """The apps one after the other."""
    async with slack_model.running() as model:
        async with corral(model) as stage:
            ours = await killed_and_restarted(stage, FINISHED_SECONDS)
        async with minimal(model) as stage:
            theirs = await killed_and_restarted(stage, GIVEN_UP_SECONDS)
    return Section(
        f"Slack: kill -9 in {REPLIES} running replies",
        "python -m benchmarks.slack_kill",
        f"{REPLIES} questions at once in {REPLIES} channels; when every answer shows text in Slack, the only process "
        f"is killed and started again at once, with the default lease of {LEASE_SECONDS:g} s. Finished: the message "
        "that was there before the kill (the same ts) has ended and shows exactly what the model says to that "
        "question, and the thread has no other message of the app's. Moves again: from the kill to the first text in "
        "Slack that is new. The minimal app, treated alike, is waited for until nothing of it can come any more. "
        "Slack enforces no limits here.",
        (
            Figure(
                "finished in the same messages",
                _of(ours.finished, ours.running),
                f"minimal app: {_of(theirs.finished, theirs.running)}",
                f"all {REPLIES}",
                ours.finished == ours.running == REPLIES,
            ),
            Figure("doubled", str(ours.doubled), f"minimal app: {theirs.doubled}", "0", ours.doubled == 0),
            Figure("seconds until one moves again", _seconds(ours.moved_after), f"lease: {LEASE_SECONDS:g}"),
        ),
    )


def _of(finished: int, running: int) -> str:
    return f"{finished} of {running}"


def _seconds(moved: Sequence[float]) -> str:
    return f"first {moved[0]:.2f}, last {moved[-1]:.2f}" if moved else "none moved"


if __name__ == "__main__":
    run(measure)
