"""What a real server's prefix cache finds of a thread's prompts: `python -m benchmarks.cached_tokens`."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass

from benchmarks.report import Figure, Panel, Plot, Section, Series, run
from benchmarks.threads import thread
from benchmarks.windows import CorralWindow, SlidingWindow, Window
from conversation.ports import Sampling
from conversation.prompts import PromptFormat
from inference.completions import CompletionsGenerator, Usage
from inference.embedded import EmbeddedModel

TURNS = 12
CONTEXT_TOKENS = 768
REPLY_TOKENS = 48
MARGIN_TOKENS = 16
THREAD = 3  # its questions are drawn from this number
QUESTION_WORDS = 110
SYSTEM = "You are a coding assistant in a team's chat. Answer briefly and precisely."


@dataclass(frozen=True, slots=True)
class Turn:
    """What one question cost."""

    prompt: int  # tokens
    cached: int  # of them, found in the server's cache, as the server says
    first_token_seconds: float
    cut_moved: bool


async def converse(policy: type[CorralWindow] | type[SlidingWindow]) -> list[Turn]:
    """Twelve questions of one thread, each answered by the model, on a server that has just started."""
    model = await EmbeddedModel.open(context_tokens=CONTEXT_TOKENS, slots=1)
    try:
        usages: list[Usage] = []
        server = (await model.generator()).server
        generator = CompletionsGenerator(server, on_usage=usages.append)
        prompts = PromptFormat(model.template, model, form="ids", server_adds_bos=False)
        window: Window = policy(prompts, SYSTEM, CONTEXT_TOKENS - REPLY_TOKENS - MARGIN_TOKENS)
        # Greedy and with a seed: both policies hear the same answers as long as they ask the same.
        sampling = Sampling(REPLY_TOKENS, temperature=0.0, seed=1, stop=tuple(model.template.stop))
        turns = []
        for pair in thread(THREAD, TURNS):
            asked = await window.ask(" ".join(pair.question.split()[:QUESTION_WORDS]))
            answer, started, first = "", time.perf_counter(), 0.0
            async with aclosing(generator.stream(asked.prompt, sampling)) as chunks:
                async for chunk in chunks:
                    first = first or time.perf_counter() - started
                    answer += chunk.text
            await window.answered(answer or "yes")
            usage = usages[-1]
            turns.append(Turn(usage.prompt, usage.cached, first, asked.cut_moved))
        assert len(usages) == TURNS, usages
        return turns
    finally:
        await model.close()


def _cached(turns: list[Turn]) -> float:
    return sum(turn.cached for turn in turns) / sum(turn.prompt for turn in turns)


def _computed(turns: list[Turn]) -> int:
    return sum(turn.prompt - turn.cached for turn in turns)


def _waited(turns: list[Turn]) -> float:
    return sum(turn.first_token_seconds for turn in turns)


def _series(name: str, turns: list[Turn], value: str) -> Series:
    shown = {
        "cached": [100 * turn.cached / turn.prompt for turn in turns],
        "first token": [turn.first_token_seconds for turn in turns],
    }[value]
    return Series(name, tuple((number, one) for number, one in enumerate(shown, start=1)))


async def measure() -> Section:
    """One policy after the other, each on a fresh server with an empty cache."""
    sliding = await converse(SlidingWindow)
    ours = await converse(CorralWindow)
    full = next((number for number, turn in enumerate(sliding, start=1) if turn.cut_moved), TURNS)
    late_ours, late_sliding = ours[full - 1 :], sliding[full - 1 :]
    return Section(
        "What llama.cpp's prefix cache really finds",
        "python -m benchmarks.cached_tokens",
        f"A thread of {TURNS} questions to the embedded demo model in a window of {CONTEXT_TOKENS:,} tokens, replies "
        f"of {REPLY_TOKENS}, asked with Corral's budget and prompt format, and with a window that slides by one pair, "
        "each on a server that has just started. `cached_tokens` is what the server itself reports. From question "
        f"{full} on the thread no longer fits.",
        (
            Figure("prompt tokens found in the cache", f"{_cached(ours):.0%}", f"slide by one: {_cached(sliding):.0%}"),
            Figure(
                f"the same from question {full} on",
                f"{_cached(late_ours):.0%}",
                f"slide by one: {_cached(late_sliding):.0%}",
            ),
            Figure(
                "prompt tokens computed",
                f"{_computed(ours):,}, {_computed(ours) / _computed(sliding):.2f} of sliding",
                f"slide by one: {_computed(sliding):,}",
            ),
            Figure(
                "seconds to the first token, all questions together",
                f"{_waited(ours):.1f}, {_waited(ours) / _waited(sliding):.2f} of sliding",
                f"slide by one: {_waited(sliding):.1f}",
            ),
            Figure(
                "prompt tokens sent, all questions together",
                f"{sum(turn.prompt for turn in ours):,}",
                f"slide by one: {sum(turn.prompt for turn in sliding):,}",
            ),
        ),
        plots=(
            Plot(
                "cached-tokens",
                tuple(
                    Panel(
                        title,
                        "question",
                        unit,
                        (_series("Corral", ours, value), _series("slide by one", sliding, value)),
                    )
                    for title, unit, value in (
                        ("Prompt tokens found in llama.cpp's cache", "% of the prompt", "cached"),
                        ("Wait for the first token", "seconds", "first token"),
                    )
                ),
            ),
        ),
    )


if __name__ == "__main__":
    run(measure)
