"""Where in Discord an answer goes, from what the listener wrote into `reply_to`.

Its keys: "channel" (where it was asked), "thread" (the thread, forum post, DM or voice channel to answer in), else
"from" (the message to open a thread from) and "title" (its name), "user" (who asked), "dm" ("1" for a DM); for an
answer that one person sees alone "interaction" (its token), "application" and "expires" (seconds since 1970), and
"pressed" when a button below another one asked for it; for such an answer that is shown to everybody "root": "thread"
when it goes into a thread of its own, else "place".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.discord.channels import PLATFORM
from adapters.discord.payloads import SNOWFLAKE, milliseconds_of, snowflake_at
from conversation.model import Command, Job, ThreadId

# What a job's place is while nobody knows whether it was made.
_UNKNOWN = frozenset({"", "?"})
# What the last part of the address of such a conversation begins with.
PRIVATE_THREAD = "private-"
MAX_TITLE, UNTITLED = 100, "Question"


@dataclass(frozen=True, slots=True)
class Interaction:
    """The key to what only the person sees who called us up (docs: interactions/receiving-and-responding)."""

    application: str
    token: str = field(repr=False)
    expires: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Destination:
    """`channel` is a thread's, a DM's or a channel's id. With `private` nothing may be written there: the answer goes
    by the interaction, or to the person's DM."""

    channel: str
    person: str
    private: Interaction | None = None


def needs_thread(job: Job) -> bool:
    """Whether the answer needs a thread that nobody has opened yet, as far as the job knows."""
    where = job.messages[0].reply_to
    return job.place in _UNKNOWN and "from" in where and "thread" not in where and "interaction" not in where


def needs_root(job: Job) -> bool:
    """Whether a message is to be posted above the answer, to say who asks, and as far as the job knows nobody did."""
    return job.place in _UNKNOWN and "root" in job.messages[0].reply_to


def thread_address(job: Job) -> ThreadId:
    """Where the thread of this job's question is: it has the id of the message that it is opened from."""
    message = job.messages[0]
    return ThreadId(PLATFORM, message.address.tenant, message.reply_to["channel"], message.reply_to["from"])


def asked_in_root(job: Job) -> str | None:
    """The id of the message that the job's thread is or was opened from, when that is the question itself (for a
    removal: the question that was deleted), and not what it is about."""
    message = job.messages[0]
    if message.command is Command.REMOVE:
        return message.target if message.target == message.address.thread else None
    return message.message_id if message.reply_to.get("from") == message.message_id else None


def asked_privately_in(job: Job) -> ThreadId | None:
    """The address of a conversation that one person sees alone, wherever its answers are shown."""
    address = job.messages[0].address
    return address if address.thread.startswith(PRIVATE_THREAD) else None


def thread_title(job: Job) -> str:
    """What that thread is called; a name has 1 to 100 characters."""
    return " ".join(job.messages[0].reply_to.get("title", "").split())[:MAX_TITLE] or UNTITLED


def asked_in(job: Job) -> str:
    """The channel or thread where the person reads by now."""
    where = job.messages[0].reply_to
    return where.get("thread") or where.get("channel") or job.messages[0].address.channel


def destination_of(job: Job) -> Destination:
    """Where the job's answer goes. A thread that is not open yet has its id already."""
    message = job.messages[0]
    where = message.reply_to
    place = "" if job.place in _UNKNOWN else job.place
    private = None
    if token := where.get("interaction"):
        private = Interaction(where.get("application", ""), token, float(where.get("expires") or 0.0))
    channel = place or where.get("thread") or where.get("from") or message.address.thread
    return Destination(channel, where.get("user") or message.author_id, private)


def question_id(job: Job) -> int:
    """An id as old as the question. What came of it has a greater one."""
    message = job.messages[0]
    # An id with more behind it names what was done with a message, and not when.
    if SNOWFLAKE.fullmatch(message.message_id):
        return int(message.message_id)
    return snowflake_at(int((message.sent_at - 1) * 1000))


def age_seconds(message_id: str, now: float) -> float:
    """How old a message is at `now` (seconds since 1970)."""
    return now - milliseconds_of(message_id) / 1000
