"""kill -9 in running Slack replies, and a restart at once: `python -m benchmarks.slack_kill`."""

from __future__ import annotations

from benchmarks import timed_model
from benchmarks.kills import FINISHED_SECONDS, GIVEN_UP_SECONDS, REPLIES, kill_figures, killed_and_restarted
from benchmarks.report import Section, run
from benchmarks.slack_stage import CALL_SECONDS, corral, minimal
from benchmarks.takeover import LEASE_SECONDS


async def measure() -> Section:
    """The apps one after the other."""
    async with timed_model.running() as model:
        async with corral(model) as stage:
            ours = await killed_and_restarted(stage, FINISHED_SECONDS, CALL_SECONDS)
        async with minimal(model) as stage:
            theirs = await killed_and_restarted(stage, GIVEN_UP_SECONDS, CALL_SECONDS)
    return Section(
        f"Slack: kill -9 in {REPLIES} running replies",
        "python -m benchmarks.slack_kill",
        f"{REPLIES} questions at once in {REPLIES} channels; when every answer shows text in Slack, the only process "
        f"is killed and started again at once, with the default lease of {LEASE_SECONDS:g} s. Finished: the message "
        "that was there before the kill (the same ts) has ended and shows exactly what the model says to that "
        "question, and the thread has no other message of the app's. Half-written: the thread's last message is not "
        "so. Moves again: from the kill to the first text in Slack that is new. The minimal app, treated alike, is "
        "waited for until nothing of it can come any more. Slack enforces no limits here.",
        kill_figures(ours, theirs),
    )


if __name__ == "__main__":
    run(measure)
