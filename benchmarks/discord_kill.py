"""kill -9 in running Discord replies, and questions while nobody listens: `python -m benchmarks.discord_kill`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks import timed_model
from benchmarks.discord_stage import CALL_SECONDS, Discord, corral, minimal
from benchmarks.kills import FINISHED_SECONDS, GIVEN_UP_SECONDS, REPLIES, Outcome, kill_figures, killed_and_restarted
from benchmarks.report import Figure, Section, run
from benchmarks.stage import Answer, Stage
from benchmarks.takeover import LEASE_SECONDS

MISSED = 5  # questions that are asked while the process is dead
DEAD_SECONDS = 2.0


async def asked_while_dead(stage: Stage[Discord], seconds: float) -> list[Answer]:
    """Kill, ask, wait a little, start, and wait until all are whole, or so long."""
    await stage.program.kill()
    questions = await stage.ask_all(range(REPLIES, REPLIES + MISSED))
    await asyncio.sleep(DEAD_SECONDS)
    await stage.program.start()
    return await stage.until_whole(questions, seconds)


async def both(stage: Stage[Discord], seconds: float) -> tuple[Outcome, list[Answer], int]:
    """One kill after the other; and how many calls were answered 429 in all that time."""
    outcome = await killed_and_restarted(stage, seconds, CALL_SECONDS)
    missed = await asked_while_dead(stage, seconds)
    return outcome, missed, await stage.platform.refused()


async def measure() -> Section:
    """The apps one after the other."""
    async with timed_model.running() as model:
        async with corral(model) as stage:
            ours, missed, refused = await both(stage, FINISHED_SECONDS)
        async with minimal(model) as stage:
            theirs, their_missed, their_refused = await both(stage, GIVEN_UP_SECONDS)
    once = _once(missed)
    return Section(
        f"Discord: kill -9 in {REPLIES} running replies, and questions while it is down",
        "python -m benchmarks.discord_kill",
        f"{REPLIES} questions at once in {REPLIES} channels; when every answer shows text in Discord, the only process "
        f"is killed and started again at once, with the default lease of {LEASE_SECONDS:g} s. Finished: the message "
        "that was there before the kill (the same id) has ended and shows exactly what the model says to that "
        "question, and the thread has no other message of the app's. Half-written: the thread's last message is not "
        "so. Moves again: from the kill to the first text in Discord that is new. Then it is killed once more, "
        f"{MISSED} questions are asked in {MISSED} other channels, and {DEAD_SECONDS:g} s later it is started. Once "
        "each: one whole message in the question's thread, and no other. The minimal app, treated alike, is waited for "
        f"{GIVEN_UP_SECONDS:g} s each time, in which all that it can still write comes. Discord holds its rate limits.",
        (
            *kill_figures(ours, theirs),
            Figure(
                "asked while it was down: answered, once each",
                f"{once} of {MISSED}",
                f"minimal app: {_once(their_missed)} of {MISSED}",
                f"all {MISSED}",
                once == MISSED,
            ),
            Figure("calls answered 429", str(refused), f"minimal app: {their_refused}", "0", refused == 0),
        ),
    )


def _once(answers: Sequence[Answer]) -> int:
    return sum(answer.is_whole for answer in answers)


if __name__ == "__main__":
    run(measure)
