"""What people are told in our own words. Plain sentences; the platforms set them apart from the model's text."""

from __future__ import annotations

from conversation.model import Action, Ending

EARLIER_DROPPED = "This thread has grown long: its earlier part is no longer seen by the model."
NOTHING_TO_CONTINUE = "There is no answer here to go on with."
MODEL_STARTING = "The model is starting; your question is queued."
MODEL_BUSY = "The model is busy; your question is queued."
NOTHING_SAID = "The model had nothing to say here."
THINKING = "Thinking…"
SHOWN_PLAINLY = "This could be shown as plain text only."

HELP = (
    "Mention me with a question and I answer in a thread; in that thread I also answer without a mention. "
    "There: `stop` ends an answer, `quiet` makes me speak only when mentioned (`back` undoes it), `forget` removes "
    "the thread from my memory. I am a model that runs here; I can be wrong, and I know English best."
)
QUIET = "I speak here only when I am mentioned now. `back` undoes that."
BACK = "I answer here without being mentioned again."
FORGOTTEN = "This thread is no longer in my memory."
NOTHING_RUNS = "There is no answer being written here."
ALREADY_ASKED = "That was asked already."
NO_SUCH_ANSWER = "I do not remember this answer any more."
THANKS = "Thank you, I keep that with the answer."
ASK_ME = "Ask me something, and I answer here."
YOU_EDITED = "You edited your question after I had answered it."
OUTSIDER = "I answer members of this workspace only."
# What a message that only mentions us asks.
SEE_ABOVE = "Please answer what was asked above."

LABELS = {
    Action.STOP: "Stop",
    Action.CONTINUE: "Continue",
    Action.AGAIN: "Regenerate",
    Action.GOOD: "Good answer",
    Action.BAD: "Bad answer",
}
ANSWER_AGAIN, ANSWER_NOW, TRY_AGAIN = "Answer again", "Answer it now", "Try again"

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


def read_above(messages: int) -> str:
    """People's earlier messages were read, and the model sees them."""
    return f"I read the {messages} earlier messages here." if messages > 1 else "I read the message above."


def asked_long_ago(seconds: float) -> str:
    """The question waited while this service was away."""
    hours = round(seconds / 3600)
    when = f"{hours} hours" if hours < 48 else f"{round(hours / 24)} days"
    return f"You asked this {when} ago, while I was away. Shall I still answer?"


def could_not_show(reason: str) -> str:
    """Told privately when the answer has no place any more."""
    return f"I could not answer your question where you asked it: {reason}"
