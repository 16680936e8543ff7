"""What people are told in our own words. Plain sentences; the platforms set them apart from the model's text."""

from __future__ import annotations

from conversation.model import Ending

EARLIER_DROPPED = "This thread has grown long: its earlier part is no longer seen by the model."
NOTHING_TO_CONTINUE = "There is no answer here to go on with."
MODEL_STARTING = "The model is starting; your question is queued."
MODEL_BUSY = "The model is busy; your question is queued."
NOTHING_SAID = "The model had nothing to say here."
THINKING = "Thinking…"

_ENDINGS = {
    Ending.LENGTH: "This is as long as one reply may be. Continue goes on from here.",
    Ending.STOPPED: "Stopped.",
    Ending.CUT: "The answer was cut off because the model stopped responding. Continue tries to go on from here.",
}


def of_ending(ending: Ending) -> str:
    """What an ending is called below its answer; "" for a complete one."""
    return _ENDINGS.get(ending, "")


def in_line(place: int) -> str:
    """All slots of the model are taken; `place` starts at 1."""
    return f"You are number {place} in the queue."


def clipped(lines: int) -> str:
    """A question was too long for the model's window."""
    return f"Your message was too long for the model: {lines} lines in its middle were left out."


def poisoned(job_id: str) -> str:
    """A question that ended the process again and again."""
    return f"I could not process this question (ref {job_id[:8]}). It was set aside for my operators."


def too_long(characters: int, limit: int) -> str:
    """A message above MAX_INPUT_CHARS."""
    return f"Your message has {characters:,} characters; I take up to {limit:,}. Please send a shorter part of it."
