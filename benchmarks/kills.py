"""kill -9 in running replies, and a restart at once: what is common to the platforms' benchmarks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report import Figure
from benchmarks.stage import Answer, P, Stage
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
    half_written: int  # threads whose last message is not whole
    moved_after: tuple[float, ...]  # seconds from the kill to the next new text, of those that moved again


async def killed_and_restarted(stage: Stage[P], seconds: float, call_seconds: float) -> Outcome:
    """Kill when every reply shows some text; restart without a pause; wait until all have ended, or so long."""
    questions = await stage.ask_all(range(REPLIES))
    before = await stage.until(questions, lambda answer: answer.first_lag is not None, BEGUN_SECONDS)
    killed_at = time.time()
    await stage.program.kill()
    await stage.program.start()
    # In the time of a lease nothing can have gone on: neither look nor take processor time.
    await asyncio.sleep(LEASE_SECONDS / 2)
    after = await stage.until(questions, lambda answer: answer.is_whole, seconds)
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.messages and not old.is_whole]
    moved = [_moved_at(new, killed_at + call_seconds) for _, new in pairs]
    return Outcome(
        running=len(pairs),
        finished=sum(new.is_whole and _ids(new) == _ids(old) for old, new in pairs),
        doubled=sum(len(answer.messages) > 1 for answer in after),
        half_written=sum(not new.ends_whole for _, new in pairs),
        moved_after=tuple(sorted(at - killed_at for at in moved if at is not None)),
    )


def kill_figures(ours: Outcome, theirs: Outcome) -> tuple[Figure, ...]:
    """What `killed_and_restarted` found, beside the minimal app."""
    return (
        Figure(
            "finished in the same messages",
            f"{ours.finished} of {ours.running}",
            f"minimal app: {theirs.finished} of {theirs.running}",
            f"all {REPLIES}",
            ours.finished == ours.running == REPLIES,
        ),
        Figure("doubled", str(ours.doubled), f"minimal app: {theirs.doubled}", "0", ours.doubled == 0),
        Figure(
            "half-written", str(ours.half_written), f"minimal app: {theirs.half_written}", "0", ours.half_written == 0
        ),
        Figure("seconds until one moves again", _seconds(ours.moved_after), f"lease: {LEASE_SECONDS:g}"),
    )


def _ids(answer: Answer) -> list[str]:
    return [message.id for message in answer.messages]


def _moved_at(answer: Answer, sent_until: float) -> float | None:
    """When the text grew again; what the dead process had already sent does not count."""
    last_sent = sent_until + 0.05
    shown = max((len(state.text) for state in answer.states if state.at <= last_sent), default=0)
    grown = (state.at for state in answer.states if state.at > last_sent and len(state.text) > shown)
    return min(grown, default=None)


def _seconds(moved: Sequence[float]) -> str:
    return f"first {moved[0]:.2f}, last {moved[-1]:.2f}" if moved else "none moved"
