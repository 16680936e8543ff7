"""What operators want to know of the service: how many, how long, how it ended. Never who, where or what was said.

The conversation and the adapters tell an `Observer` what happened, at once and in passing: no method may wait, fail or
be called for each token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from conversation.errors import ModelError, QueueFull, Refused, StreamCut
from conversation.ports import Accepted, Chunk


class EventResult(StrEnum):
    """What became of something that a platform delivered."""

    ACCEPTED = "accepted"  # a question, or a word that is answered from the queue
    JOINED = "joined"  # it became part of the question before it
    DUPLICATE = "duplicate"  # it was delivered before
    IGNORED = "ignored"  # it is not for us
    SIGN = "sign"  # stop, quiet, help and the like
    REFUSED = "refused"  # its person may not ask, or it is too long
    EDITED = "edited"
    DELETED = "deleted"
    PRESSED = "pressed"
    FULL = "full"  # too many questions wait
    UNAVAILABLE = "unavailable"  # nothing was stored


class Outcome(StrEnum):
    """How an accepted message ended: as its answer's Ending, or otherwise."""

    COMPLETE = "complete"
    LENGTH = "length"
    STOPPED = "stopped"
    CUT = "cut"
    FAILED = "failed"
    REMOVED = "removed"
    REFUSED = "refused"  # by a gate: access, or a quota that is used up
    ASKED_BACK = "asked_back"  # it is so old that its person was asked whether it still matters
    DEAD = "dead"  # a dead letter: its workers crashed over it
    ERRAND = "errand"  # it needed no model


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One request to the model's server; an answer that was cut off and continued took several."""

    prompt_tokens: int
    answer_tokens: int
    seconds: float
    first_chunk_seconds: float | None  # from the request to its first piece; None when none came
    cached_tokens: int | None = None  # of the prompt, which the server did not compute anew; None: it does not say
    error: str = ""  # the kind of ModelError that ended it; "" also for one that we ended ourselves

    @property
    def is_cut(self) -> bool:
        """Whether the server broke it off."""
        return self.error == StreamCut.__name__


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer that was settled. Durations are from the acceptance of its question, in seconds; None for what did not
    happen. The acceptance is timed by the store's clock and the rest by the worker's."""

    outcome: Outcome
    queue_wait_seconds: float | None = None  # until one of the model's slots was free for it
    first_text_seconds: float | None = None  # until the platform had taken its first text
    seconds: float = 0.0  # until it was settled


class Observer(Protocol):
    """Who is told."""

    def heard(self, platform: str, result: EventResult) -> None:
        """A platform's event was seen to."""

    def called(self, method: str, code: str) -> None:
        """A platform's API was called, and answered with this code. Both may be anything."""

    def asked(self, provider: str, model_id: str, request: ModelRequest) -> None:
        """A request to the model ended."""

    def settled(self, reply: Reply) -> None:
        """An accepted message came to its one end."""

    def lease_lost(self) -> None:
        """A worker was too slow, and another one has its job."""


class Unobserved:
    """Nobody is told."""

    def heard(self, platform: str, result: EventResult) -> None: ...

    def called(self, method: str, code: str) -> None: ...

    def asked(self, provider: str, model_id: str, request: ModelRequest) -> None: ...

    def settled(self, reply: Reply) -> None: ...

    def lease_lost(self) -> None: ...


UNOBSERVED: Observer = Unobserved()


class Event:
    """One event of a platform's on its way in: a context around what is done with it, told to the observer at its end.
    `result` is what becomes of it if nothing goes wrong."""

    __slots__ = ("_observer", "_platform", "result")

    def __init__(self, observer: Observer, platform: str, result: EventResult) -> None:
        self._observer, self._platform, self.result = observer, platform, result

    def stored(self, accepted: Accepted | None) -> None:
        """What came of a message that nothing else was found out about."""
        if accepted is not None and self.result is EventResult.IGNORED:
            new = EventResult.JOINED if accepted.joined else EventResult.ACCEPTED
            self.result = new if accepted.is_new else EventResult.DUPLICATE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, QueueFull):
            self.result = EventResult.FULL
        elif isinstance(error, Refused):
            self.result = EventResult.REFUSED
        elif error is not None:  # a store that takes too long is given up by whoever waits: that is a cancellation
            self.result = EventResult.UNAVAILABLE
        self._observer.heard(self._platform, self.result)


OnRequest = Callable[[ModelRequest], None]


class Requesting:
    """Times one request to the model: a context around its stream, whose end is told to `on_request`."""

    __slots__ = ("_answer_tokens", "_begun", "_cached_tokens", "_first", "_on_request", "_prompt_tokens")

    def __init__(self, prompt_tokens: int, on_request: OnRequest) -> None:
        self._prompt_tokens, self._on_request = prompt_tokens, on_request
        self._begun, self._first = 0.0, 0.0
        self._answer_tokens = 0
        self._cached_tokens: int | None = None

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        return self

    def add(self, chunk: Chunk) -> None:
        """A piece came. Called for every token."""
        if not self._first:
            self._first = time.monotonic()
        self._answer_tokens += chunk.tokens
        if chunk.finish is not None:
            self._cached_tokens = chunk.cached_tokens

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._on_request(
            ModelRequest(
                self._prompt_tokens,
                self._answer_tokens,
                time.monotonic() - self._begun,
                self._first - self._begun if self._first else None,
                self._cached_tokens,
                type(error).__name__ if isinstance(error, ModelError) else "",
            )
        )
