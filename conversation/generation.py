"""One answer out of a model that may be starting, busy, or cut off in the middle.

A stream that breaks is continued: prompt + what there is, and the model goes on. It is the same step that a worker
takes after another one died, and that Continue takes after a length stop.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TypeVar

from conversation.asking import Asking
from conversation.errors import ModelError, ModelOverloaded, ModelRefused, ModelUnavailable, StreamCut
from conversation.model import Checkpoint, Ending
from conversation.observing import OnRequest, Requesting
from conversation.ports import Chunk, FinishReason, Sampling, TextGenerator
from conversation.shape import Shape

log = logging.getLogger(__name__)

T = TypeVar("T")
OnWait = Callable[[ModelUnavailable | ModelOverloaded], None]

# A server that breaks the stream this often without a single new token will do it again.
MAX_BARREN_CUTS = 3
MAX_CUTS = 12
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(slots=True)
class Draft:
    """An answer while it grows."""

    text: str = ""  # raw: exactly the model's pieces
    shape: Shape = field(default_factory=Shape)
    ended: bool = False
    token_ids: list[int] = field(default_factory=list)
    tokens_used: int = 0  # of this reply's allowance
    ids_known: bool = True  # every piece of `text` came with its ids

    @classmethod
    def resume(cls, checkpoint: Checkpoint) -> Draft:
        """The draft that another worker left, or an empty one."""
        return cls(
            text=checkpoint.text,
            token_ids=list(checkpoint.token_ids),
            tokens_used=checkpoint.tokens_used,
            ids_known=bool(checkpoint.token_ids) or not checkpoint.text,
        )

    def add(self, chunk: Chunk) -> None:
        self.text += chunk.text
        self.tokens_used += chunk.tokens
        self.token_ids.extend(chunk.token_ids)
        if chunk.tokens and not chunk.token_ids:
            self.ids_known = False

    def end_if_over(self) -> bool:
        """Whether the answer is whole though the model goes on; what it said beyond is gone then."""
        end = self.shape.end(self.text)
        if end is not None:
            self.text, self.ids_known = self.text[:end], False
        return end is not None

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of `text`, or none when some are missing."""
        return tuple(self.token_ids) if self.ids_known else ()

    @property
    def visible(self) -> str:
        """What people see."""
        return self.shape.shown(self.text, ended=self.ended)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a question waits for a model that is not there."""

    seconds: float = 600.0


async def generate(
    generator: TextGenerator,
    asking: Asking,
    draft: Draft,
    sampling: Sampling,
    *,
    patience: Patience,
    on_piece: Callable[[], None],
    on_wait: OnWait,
    on_request: OnRequest = lambda _: None,
) -> Ending:
    """Let `draft` grow until the model ends it: COMPLETE, LENGTH, or CUT after repeated breaks.

    Calls `on_piece` after each piece, `on_wait` each time it has to wait before the model is there, and `on_request`
    after each request to the model. Raises
    ModelUnavailable or ModelOverloaded when patience ends before the first piece, ModelError when the model breaks off
    before it again and again, ModelRefused and PromptError at once. What was shown is never failed: it ends as CUT.
    """
    sampling = replace(sampling, stop=(*sampling.stop, *asking.stop))
    pauses = Pauses(patience.seconds)
    cuts = barren_cuts = 0
    while (left := sampling.max_new_tokens - draft.tokens_used) > 0:
        used_before = draft.tokens_used
        try:
            # Inside: where the server counts the tokens, building waits for it as streaming does.
            prompt = await asking.prompt(draft.text, draft.ids)
            with Requesting(prompt.tokens, on_request) as request:
                async with aclosing(generator.stream(prompt, replace(sampling, max_new_tokens=left))) as chunks:
                    async for chunk in chunks:
                        draft.add(chunk)
                        request.add(chunk)
                        if draft.end_if_over():
                            return Ending.COMPLETE
                        on_piece()
                        if chunk.finish is not None:
                            return Ending.LENGTH if chunk.finish is FinishReason.LENGTH else Ending.COMPLETE
                raise StreamCut("the stream ended without a finish")
        except (ModelUnavailable, ModelOverloaded, ModelRefused) as error:
            # A server may also take the question, but not question and partial answer, which is longer.
            if isinstance(error, ModelRefused) or pauses.exhausted:
                if not draft.visible:
                    raise
                log.warning("the model does not go on with its answer: %s", error)
                return Ending.CUT
            on_wait(error)
            await pauses.wait(error.retry_after_seconds)
            continue
        except StreamCut as error:
            cut = error
        log.warning("stream cut after %d tokens: %s", draft.tokens_used - used_before, cut)
        cuts += 1
        if draft.tokens_used > used_before:
            # What was said so far stays valid, so the time to wait for the server begins anew.
            barren_cuts, pauses = 0, Pauses(patience.seconds)
        else:
            barren_cuts += 1
        if cuts >= MAX_CUTS or barren_cuts >= MAX_BARREN_CUTS:
            if draft.visible:
                return Ending.CUT
            raise ModelError(f"broken off {cuts} times, last: {cut.detail}", quoted=cut.quoted) from cut
        await pauses.wait(cut.retry_after_seconds)
    return Ending.LENGTH


async def patiently(ask: Callable[[], Awaitable[T]], patience: Patience, on_wait: OnWait) -> T:
    """What `ask` gives, asked again while the model is away or busy. Raises its last error when patience ends."""
    pauses = Pauses(patience.seconds)
    while True:
        try:
            return await ask()
        except (ModelUnavailable, ModelOverloaded) as error:
            if pauses.exhausted:
                raise
            on_wait(error)
            await pauses.wait(error.retry_after_seconds)


class Pauses:
    """Waiting times that grow and are spread, so that many waiters do not come back at once."""

    def __init__(self, total_seconds: float) -> None:
        self._end = time.monotonic() + total_seconds
        self._next_seconds = FIRST_PAUSE_SECONDS

    @property
    def exhausted(self) -> bool:
        """True when the whole time has been waited."""
        return time.monotonic() >= self._end

    async def wait(self, hint_seconds: float | None) -> None:
        """Wait for what the other side asked for and a growing time of our own; never past the whole time."""
        # Never the hint alone: all that were sent away together would come back together, and a hint of 0 at once.
        seconds = (hint_seconds or 0.0) + self._next_seconds * random.uniform(0.5, 1.0)
        self._next_seconds = min(self._next_seconds * 2, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(max(0.0, min(seconds, self._end - time.monotonic())))
