"""What people are told in our own words. Plain sentences; the platforms set them apart from the model's text."""

from __future__ import annotations

from conversation.clipping import LeftOut
from conversation.model import Action, Ending, Skill

EARLIER_DROPPED = "This thread has grown long: its earlier part is no longer seen by the model."
NOTHING_TO_CONTINUE = "There is no answer here to go on with."
MODEL_STARTING = "The model is starting; your question is queued."
MODEL_BUSY = "The model is busy; your question is queued."
NOTHING_SAID = "The model had nothing to say here."
THINKING = "Thinking…"
SHOWN_PLAINLY = "This could be shown as plain text only."

HOW_TO_ASK = "Mention me with a question. In the thread of my answer, just write."
HOW_TO_ASK_DIRECTLY = "Write your question here: nobody needs to mention me."
ABOUT_FILES = (
    'You can attach files of text or code. "Ask Corral about this", in a message\'s menu, asks about that message.'
)
WORDS_OF_THREADS = (
    "In a thread, mention me with one word: `stop` ends the answer, `quiet` makes me wait for mentions, `back` undoes "
    "that, `forget` removes the thread from my memory, `status` shows how busy I am."
)
WORDS_DIRECTLY = (
    "One word does more: `stop` ends the answer, `forget` removes this conversation from my memory, `status` shows how "
    "busy I am."
)
WHAT_I_AM = "I am an AI on your team's own machines: check what I say. English works best."
# Below the first answer that a person gets, under what is said of that answer and above the remarks about its files,
# which may be many: platforms bound a notice's length.
INTRODUCTION = (
    f"{WHAT_I_AM} Mention me with `help` to see what I can do, or with `forget` to have this thread forgotten. "
    "If you rate an answer, the people who run me see your rating, and the question and the answer while I keep them."
)
QUIET = "I speak here only when I am mentioned now. `back` undoes that."
BACK = "I answer here without being mentioned again."
FORGOTTEN = "This thread is no longer in my memory."
NOTHING_RUNS = "There is no answer being written here."
ALREADY_ASKED = "That was asked already."
SHARED = "You have shared this answer. Use the buttons below it there."
ALREADY_SHOWN = "That was done already."
NO_SUCH_ANSWER = "I do not remember this answer any more."
NO_SUCH_EXAMPLE = "I do not know this example any more."
THANKS = "Thank you, I keep that with the answer."
MODEL_LOADING = "The model is starting."
# Where an adapter does not know better who may.
ADMINS_ONLY = "You may not change what is set for this channel. You can change what is set for you."
FOR_NEW_THREADS = "It holds for new threads; those that have begun stay as they are."
ADDITIONS_DO_NOT_FIT = (
    "Your question is too long for this model, together with the standing instructions that are set. "
    "Send less, or have the instructions shortened and begin a new thread."
)
TOKENS_IN_WORDS = "1,000 tokens are about 700 words"
ASK_ME = "Ask me something, and I answer here."
YOU_EDITED = "You edited your question after I had answered it."
OUTSIDER = "I answer members of this workspace only."
GUEST = "I answer full members of this workspace only, and no guests."
NOT_ALLOWED = "I may not answer you here. The people who run me choose who may ask, and where."
NOT_KNOWN = "I could not find out whether you may ask here. Please ask again in a minute."
LEFT = "This was not answered: who asked it is no longer a member here."
# What a message that only mentions us asks.
SEE_ABOVE = "Please answer what was asked above."

LABELS = {
    Action.STOP: "Stop",
    Action.CONTINUE: "Continue",
    Action.AGAIN: "Regenerate",
    Action.REVEAL: "Show it",
    Action.SHARE: "Share in channel",
    Action.THREAD: "Continue in thread",
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


def clipped(left_out: LeftOut, skill: Skill = Skill.ASK) -> str:
    """A question was too long for the model's window."""
    was = "was" if (left_out.lines or left_out.characters) == 1 else "were"
    if skill is Skill.COMPLETE:
        return f"Your code was too long for the model: its first {left_out} {was} left out."
    if skill is Skill.FILL:
        return f"Your code was too long for the model: {left_out} far from the gap {was} left out."
    return f"Your message was too long for the model: {left_out} in its middle {was} left out."


def poisoned(job_id: str) -> str:
    """A question that ended the process again and again."""
    return f"I could not answer this question. The people who run me find out more with this number: {job_id[:8]}."


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


def give_code(skill: Skill) -> str:
    """A skill that works on code was given none."""
    return f"Give me the code to {skill}: paste it, attach it as a file, or use the command on a message that has it."


def say_what(skill: Skill) -> str:
    """A skill was not told what to do."""
    return f"Tell me what the {skill} is to do, like this: `python read a CSV file`."


def one_piece_of_code(skill: Skill) -> str:
    """A skill was given several files."""
    return f"I can {skill} one piece of code at a time. Please send just that."


def mark_the_hole(mark: str) -> str:
    """Code to be filled has no hole, or several."""
    return f"Mark the one place that I am to fill with `{mark}`."


def no_such_language(typed: str) -> str:
    """A language that nobody here knows was entered."""
    return f"I do not know the language {typed[:40]}. Use a name like TypeScript, C++ or py."


def additions_too_long(characters: int, limit: int) -> str:
    """The standing instructions are more than every question can carry."""
    return f"The standing instructions have {characters:,} characters; I take up to {limit:,}."


def no_temperature(most: float) -> str:
    """The variety that was entered is no temperature of a model."""
    return f"Variety is a number from 0 to {most:g}. With 0 answers are always the same; 0.2 is good for code."


def no_reply_length(least: int, most: int) -> str:
    """The length of a reply that was entered is none, or more than the service gives."""
    return f"The longest answer is a whole number of tokens from {least} to {most}; {TOKENS_IN_WORDS}."


def model_is(model_id: str, *, is_demo: bool) -> str:
    """What answers here."""
    return f"The model is {model_id}{', a small one for trying this out' if is_demo else ''}."


def window(tokens: int, most_tokens: int) -> str:
    """How much the model sees at once."""
    return f"It takes {tokens:,} tokens at once, an answer up to {most_tokens:,} of them; {TOKENS_IN_WORDS}."


def questions_wait(count: int) -> str:
    """How many questions no model works on yet."""
    return f"{_questions(count)}."


def busy(waiting: int, free: int) -> str:
    """The same, and how many answers could begin now."""
    answers = "no answer" if not free else "1 answer" if free == 1 else f"{free} answers"
    return f"{_questions(waiting)}, and {answers} can begin now."


def set_here(what: str) -> str:
    """What a channel's admins have chosen."""
    return f"Set for this channel: {what}."


def set_for_you(what: str) -> str:
    """What a person has chosen."""
    return f"Set for you: {what}."


def _questions(count: int) -> str:
    return "No question waits" if not count else f"{count} questions wait" if count > 1 else "1 question waits"
