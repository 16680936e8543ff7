"""Where in Slack an answer goes, and to whom."""

from __future__ import annotations

import re
from dataclasses import dataclass

from conversation.model import Job

# What clocks of two machines may differ by.
CLOCK_SECONDS = 60

_TS = re.compile(r"\d{6,12}\.\d{6}")
# What `InboundMessage.reply_to` holds of an answer that its person alone sees, and of one that takes the place of the
# message that was made for it.
PRIVATE, SHARED = "private", "shared"
# What a job's place is while nobody knows whether it was made.
_UNKNOWN = frozenset({"", "?"})


@dataclass(frozen=True, slots=True)
class Destination:
    """A thread. `person` is who asked, `person_team` their workspace: a stream in a channel names its reader."""

    team: str
    channel: str
    thread_ts: str
    person: str
    person_team: str


def needs_root(job: Job) -> bool:
    """Whether the answer needs a message to stand under: a slash command is none."""
    return "command" in job.messages[0].reply_to and job.place in _UNKNOWN


def is_private(job: Job) -> bool:
    """Whether its person alone sees the answer."""
    return PRIVATE in job.messages[0].reply_to


def is_shared(job: Job, key: str) -> bool:
    """Whether this segment is shown by the message that was made for the answer."""
    return SHARED in job.messages[0].reply_to and key == f"{job.id}:0"


def destination_of(job: Job) -> Destination:
    """The thread for the job's answer. `Job.place` is the ts of a message that was made for it, or `CHANNEL/ts` when
    that is in another channel."""
    message = job.messages[0]
    channel, thread_ts = message.address.channel, message.reply_to.get("thread_ts") or message.address.thread
    if job.place not in _UNKNOWN:
        where, _, thread_ts = job.place.rpartition("/")
        channel = where or channel
    return Destination(
        team=message.address.tenant,
        channel=channel,
        thread_ts=thread_ts,
        person=message.reply_to.get("user") or message.author_id,
        person_team=message.reply_to.get("team") or message.address.tenant,
    )


def question_ts(job: Job) -> str:
    """The ts at which the question was asked. What came of it has a later one."""
    message = job.messages[0]
    if found := _TS.match(message.message_id):
        return found[0]
    # A press or a command, perhaps by our own clock.
    return f"{int(message.sent_at) - CLOCK_SECONDS}.000000"
