"""Where a thread is cut when it no longer fits the model's window.

A server reuses the longest common beginning of two prompts. Dropping the oldest exchange with every question leaves
nothing to reuse but the system prompt; so the first exchange stays, and when the window is full many exchanges go at
once, after which the prompts only grow for a while.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PINNED_SHARE = 0.25  # a first exchange larger than this would take the place of too much that is newer
LARGE_WINDOW_TOKENS = 8192
LOW_WATER_LARGE, LOW_WATER_SMALL = 0.7, 0.6


@dataclass(frozen=True, slots=True)
class Window:
    """What does not change from question to question, so that neither do the rules: the model's whole window, and what
    of it a prompt may have when no older answer is continued. In tokens."""

    tokens: int
    prompt_tokens: int

    @classmethod
    def around(cls, prompt_tokens: int) -> Window:
        """A window that leaves a quarter of itself to the reply."""
        return cls(prompt_tokens + prompt_tokens // 3, prompt_tokens)


@dataclass(frozen=True, slots=True)
class Cost:
    """A part of a thread that is kept or dropped as a whole, and the tokens that it takes at most."""

    seq: int
    last_seq: int
    tokens: int
    pinnable: bool = True  # False: it can not stay as the thread's first exchange


@dataclass(frozen=True, slots=True)
class Cut:
    """Seen are the parts from `cut_seq` on, and the thread's first one where it is `pinned`."""

    cut_seq: int
    pinned: bool
    moved: bool

    def keeps(self, index: int, cost: Cost) -> bool:
        """Whether the part, the thread's `index`th from 0, is seen."""
        return cost.seq >= self.cut_seq or (index == 0 and self.pinned)


def low_water(budget_tokens: int, window: Window) -> int:
    """What a prompt is brought down to when it is over the budget, in tokens."""
    return int(budget_tokens * (LOW_WATER_LARGE if window.tokens >= LARGE_WINDOW_TOKENS else LOW_WATER_SMALL))


def plan_cut(
    costs: Sequence[Cost],
    open_tokens: int,
    system_tokens: int,
    budget: int,
    stored_cut: int,
    window: Window | None = None,
) -> Cut:
    """Where the thread is cut for this question; a pure function of its arguments, and never before `stored_cut`.

    `costs` are the thread's parts, oldest first. Nothing moves while all that `stored_cut` leaves fits; then the oldest
    parts go until `low_water`. The first part stays when it takes at most a quarter of what a prompt may have, and goes
    last; the newest, which the question is most likely about, goes only for the budget itself.
    """
    window = window or Window.around(budget)
    pinned = bool(costs) and costs[0].pinnable and costs[0].tokens <= PINNED_SHARE * window.prompt_tokens
    cut = Cut(stored_cut, pinned, moved=False)
    kept = [cost for index, cost in enumerate(costs) if cut.keeps(index, cost)]
    total = system_tokens + open_tokens + sum(cost.tokens for cost in kept)
    if total <= budget:
        return cut
    cut_seq = stored_cut
    for cost in kept[1:] if pinned else kept:
        if total <= low_water(budget, window) or (cost is kept[-1] and total <= budget):
            break
        cut_seq = max(cut_seq, cost.last_seq + 1)
        total -= cost.tokens
    if pinned and total > budget:
        pinned = False
        cut_seq = max(cut_seq, costs[0].last_seq + 1)
    return Cut(cut_seq, pinned, moved=cut_seq > stored_cut)
