"""What is said of an answer when it is settled: to the observer, and in one line of the log.

Figures and kinds only. The ids of jobs and conversations are random numbers of ours, so they may stand there.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from conversation.model import Claim, Ending, Settlement
from conversation.observing import Observer, Outcome, Reply

log = logging.getLogger(__name__)

# The line's fields, beside those of every line. One that is not known is left out.
LOGGED = (
    "job", "conversation", "platform", "skill", "command", "outcome", "reason", "queue_wait_seconds",
    "first_text_seconds", "seconds", "prompt_tokens", "answer_tokens", "cached_tokens", "cached_share", "requests",
    "cuts", "crashes", "taken_over",
)  # fmt: skip


def settled(observer: Observer, claim: Claim, settlement: Settlement, *, taken_over: bool) -> None:
    """A claim came to this end. `taken_over` when another worker had begun with it."""
    outcome = _outcome(claim, settlement)
    accepted_at, measures = claim.job.accepted_at, settlement.measures
    began_at, shown_at = measures.milestones.began_at, measures.milestones.shown_at
    reply = Reply(
        outcome,
        queue_wait_seconds=max(0.0, began_at - accepted_at) if began_at else None,
        first_text_seconds=max(0.0, shown_at - accepted_at) if shown_at else None,
        seconds=max(0.0, time.time() - accepted_at),
    )
    observer.settled(reply)
    if outcome is Outcome.ERRAND:
        return
    message = claim.job.messages[0]
    cached = measures.cached_tokens
    known: dict[str, Any] = {
        "job": claim.job.id,
        "conversation": claim.job.conversation_id,
        "platform": claim.job.lane,
        "skill": message.skill.value,
        "command": message.command.value,
        "outcome": outcome.value,
        "reason": measures.reason or None,
        "queue_wait_seconds": _rounded(reply.queue_wait_seconds),
        "first_text_seconds": _rounded(reply.first_text_seconds),
        "seconds": _rounded(reply.seconds),
        "prompt_tokens": measures.prompt_tokens,
        "answer_tokens": measures.answer_tokens,
        "cached_tokens": cached,
        "cached_share": _rounded(cached / measures.prompt_tokens) if cached is not None else None,
        "requests": measures.requests,
        "cuts": measures.milestones.cuts,
        "crashes": claim.attempts - 1,
        "taken_over": taken_over,
    }
    log.info("answer settled", extra={name: value for name, value in known.items() if value is not None})


def _outcome(claim: Claim, settlement: Settlement) -> Outcome:
    measures = settlement.measures
    if measures.buried:
        return Outcome.DEAD
    if claim.job.is_errand:
        return Outcome.ERRAND
    if measures.asked_back:
        return Outcome.ASKED_BACK
    if measures.refused and settlement.ending is Ending.FAILED:
        return Outcome.REFUSED
    return Outcome(settlement.ending.value)


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None else None
