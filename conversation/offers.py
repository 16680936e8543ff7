"""What a person can press below an answer."""

from __future__ import annotations

from conversation.model import Action, Ending, Offer
from conversation.notices import ANSWER_AGAIN, ANSWER_NOW, LABELS, TRY_AGAIN

_PUBLISHING = (Action.SHARE, Action.THREAD)
_GOES_ON = frozenset({Ending.LENGTH, Ending.STOPPED, Ending.CUT})


def while_running(job_id: str) -> tuple[Offer, ...]:
    """Below an answer that is being written."""
    return (Offer(Action.STOP, LABELS[Action.STOP], job_id),)


def after(ending: Ending, exchange: str, *, has_text: bool, private: bool = False) -> tuple[Offer, ...]:
    """Below an answer that has ended; opinions only of one that says something. A `private` one can be made public."""
    if not has_text:
        return (Offer(Action.AGAIN, TRY_AGAIN, exchange),)
    offered = [Action.AGAIN, *(_PUBLISHING if private else ()), Action.GOOD, Action.BAD]
    if ending in _GOES_ON:
        offered.insert(0, Action.CONTINUE)
    return tuple(Offer(action, LABELS[action], exchange) for action in offered)


def answer_again(exchange: str) -> tuple[Offer, ...]:
    """Below the remark that a question was edited."""
    return (Offer(Action.AGAIN, ANSWER_AGAIN, exchange),)


def answer_now(exchange: str) -> tuple[Offer, ...]:
    """Below the question whether an old question is still to be answered."""
    return (Offer(Action.AGAIN, ANSWER_NOW, exchange),)
