"""Many questions at once in one Discord help channel: `python -m benchmarks.discord_help`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from benchmarks import timed_model
from benchmarks.discord_stage import CALL_SECONDS, Discord, corral, minimal
from benchmarks.lags import MODEL, lags_of, wait_figure
from benchmarks.report import Figure, Panel, Plot, Section, distribution, run
from benchmarks.stage import OTHERS, Answer, Stage
from tests.servers.discord.limits import PER_WINDOW

QUESTIONS = 20
OPENED_BAR_SECONDS = 20.0
WAIT_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Rush:
    """What became of the questions: `opened` are the seconds until each had its thread."""

    answers: list[Answer]
    opened: tuple[float, ...]
    refused: int

    @property
    def whole(self) -> int:
        """How many have their answer."""
        return sum(answer.is_whole for answer in self.answers)


async def rush(stage: Stage[Discord], first: int, *, mention: bool) -> Rush:
    """All ask at the same moment; `first` is the first question's number."""
    asking = (stage.platform.ask_for_help(first + number, mention=mention) for number in range(QUESTIONS))
    questions = list(await asyncio.gather(*asking))
    answers = await stage.until_whole(questions, WAIT_SECONDS)
    return Rush(answers, tuple(await stage.platform.opened(questions)), await stage.platform.refused())


async def measure() -> Section:
    """Both apps at the same time: they mostly wait."""
    async with (
        timed_model.running() as model,
        corral(model, help_channel=True) as our_stage,
        minimal(model) as their_stage,
    ):
        ours, theirs = await asyncio.gather(rush(our_stage, 0, mention=False), rush(their_stage, OTHERS, mention=True))
    limit, seconds = PER_WINDOW["threads"]
    our_lags, their_lags = lags_of(ours.answers, CALL_SECONDS), lags_of(theirs.answers, CALL_SECONDS)
    return Section(
        f"Discord: {QUESTIONS} questions at once in one help channel",
        "python -m benchmarks.discord_help",
        f"{QUESTIONS} people ask in the same moment in one channel of a local Discord that holds the rate limits: "
        f"{limit} new threads of a channel in {seconds:g} s, so the last cannot be opened before "
        f"{(QUESTIONS - 1) // limit * seconds:g} s. Its calls take {1000 * CALL_SECONDS:.0f} ms; {MODEL}. For Corral "
        "the channel is one of DISCORD_HELP_CHANNELS and nobody mentions it; the minimal app "
        "(benchmarks/discord_minimal.py) is mentioned. Answered: the thread has one message, it has ended, and its "
        "text is all that the model said. Both at the same time in a Discord each.",
        (
            Figure(
                "in threads",
                f"{len(ours.opened)} of {QUESTIONS}",
                f"minimal app: {len(theirs.opened)} of {QUESTIONS}",
                "all",
                len(ours.opened) == QUESTIONS,
            ),
            Figure(
                "last thread opened after, seconds",
                _last(ours),
                f"minimal app: {_last(theirs)}",
                f"at most {OPENED_BAR_SECONDS:g}",
                len(ours.opened) == QUESTIONS and ours.opened[-1] <= OPENED_BAR_SECONDS,
            ),
            Figure(
                "answered", f"{ours.whole} of {QUESTIONS}", f"minimal app: {theirs.whole} of {QUESTIONS}", "all",
                ours.whole == QUESTIONS,
            ),
            Figure("calls answered 429", str(ours.refused), f"minimal app: {theirs.refused}", "0", ours.refused == 0),
            wait_figure("question to first text", (our_lags, their_lags)),
        ),
        plots=(
            Plot(
                "discord-threads",
                (
                    Panel(
                        f"{QUESTIONS} questions at once in one channel",
                        "seconds since they were asked",
                        "% of questions with a thread",
                        tuple(
                            distribution(name, one.opened)
                            for name, one in (("Corral", ours), ("minimal app", theirs))
                            if one.opened
                        ),
                    ),
                ),
            ),
        ),
    )  # fmt: skip


def _last(one: Rush) -> str:
    return f"{one.opened[-1]:.1f}" if one.opened else "none opened"


if __name__ == "__main__":
    run(measure)
