"""One answer out of a model that may be starting, busy, or cut off in the middle.

A stream that breaks is continued: prompt + what there is, and the model goes on. It is the same step that a worker
takes after another one died, and that Continue takes after a length stop.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from conversation.errors import ModelOverloaded, ModelUnavailable, StreamCut
from conversation.language_model import LanguageModel
from conversation.model import Checkpoint, Ending, Message
from conversation.ports import Chunk, FinishReason, Sampling

log = logging.getLogger(__name__)

# A server that breaks the stream this often without a single new token will do it again.
MAX_BARREN_CUTS = 3
MAX_CUTS = 12
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(slots=True)
class Draft:
    """An answer while it grows."""

    text: str = ""  # raw: exactly the model's pieces
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

    @property
    def ids(self) -> tuple[int, ...]:
        """The ids of `text`, or none when some are missing."""
        return tuple(self.token_ids) if self.ids_known else ()

    @property
    def visible(self) -> str:
        """What people see: models begin with a space that belongs to the template."""
        return self.text.lstrip()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a question waits for a model that is not there."""

    seconds: float = 600.0


async def generate(
    model: LanguageModel,
    messages: Sequence[Message],
    draft: Draft,
    sampling: Sampling,
    *,
    patience: Patience,
    on_piece: Callable[[], None],
    on_wait: Callable[[ModelUnavailable | ModelOverloaded], None],
) -> Ending:
    """Let `draft` grow until the model ends it: COMPLETE, LENGTH, or CUT after repeated breaks.

    Calls `on_piece` after each piece and `on_wait` each time it has to wait before the model is there. Raises
    ModelUnavailable or ModelOverloaded when patience ends before the first piece, ModelRefused and PromptError at once.
    """
    sampling = replace(sampling, stop=(*sampling.stop, *model.format.template.stop))
    pauses = Pauses(patience.seconds)
    cuts = barren_cuts = 0
    while (left := sampling.max_new_tokens - draft.tokens_used) > 0:
        prompt = await model.format.build(messages, draft.text, draft.ids)
        used_before = draft.tokens_used
        try:
            async with aclosing(model.generator.stream(prompt, replace(sampling, max_new_tokens=left))) as chunks:
                async for chunk in chunks:
                    draft.add(chunk)
                    on_piece()
                    if chunk.finish is not None:
                        return Ending.LENGTH if chunk.finish is FinishReason.LENGTH else Ending.COMPLETE
        except (ModelUnavailable, ModelOverloaded) as error:
            if pauses.exhausted:
                if draft.visible:
                    return Ending.CUT
                raise
            on_wait(error)
            await pauses.wait(error.retry_after_seconds)
            continue
        except StreamCut:
            log.warning("stream cut after %d tokens", draft.tokens_used - used_before)
        cuts += 1
        barren_cuts = 0 if draft.tokens_used > used_before else barren_cuts + 1
        if cuts >= MAX_CUTS or barren_cuts >= MAX_BARREN_CUTS:
            return Ending.CUT
        # What was said so far stays valid, so the time to wait for the server begins anew.
        pauses = Pauses(patience.seconds)
        await pauses.wait(None)
    return Ending.LENGTH


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
        """Wait for what the other side asked for, else a growing time; never past the whole time."""
        seconds = hint_seconds if hint_seconds is not None else self._next_seconds * random.uniform(0.5, 1.0)
        self._next_seconds = min(self._next_seconds * 2, LONGEST_PAUSE_SECONDS)
        await asyncio.sleep(max(0.0, min(seconds, self._end - time.monotonic())))
