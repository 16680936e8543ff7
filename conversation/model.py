"""What everything else speaks of: threads, turns, messages, jobs and how far an answer has come."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, unquote

_SAFE = ".-_@"
_PLAIN = re.compile(rf"[A-Za-z0-9{re.escape(_SAFE)}]*")  # nearly every id there is; quoting takes ten times as long


@dataclass(frozen=True, slots=True)
class ThreadId:
    """Where a thread stands on its platform. Its one text form, `slack:T1:C1:171.2`, reads back to the same value."""

    platform: str
    tenant: str
    channel: str
    thread: str

    def __str__(self) -> str:
        parts = (self.platform, self.tenant, self.channel, self.thread)
        return ":".join(part if _PLAIN.fullmatch(part) else quote(part, safe=_SAFE) for part in parts)

    @classmethod
    def parse(cls, text: str) -> ThreadId:
        """Read the text form; ValueError when it has not four parts."""
        parts = [unquote(part) if "%" in part else part for part in text.split(":")]
        if len(parts) != 4:
            raise ValueError(f"a thread id has four parts between colons, this has {len(parts)}: {text!r}")
        return cls(*parts)


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Ending(StrEnum):
    """How an answer ended, as the person sees it and as its turn is marked."""

    COMPLETE = "complete"
    LENGTH = "length"  # the reply's token allowance was used up: Continue goes on
    STOPPED = "stopped"  # the person stopped it
    CUT = "cut"  # the model's stream broke, again and again
    FAILED = "failed"  # nothing could be answered; a notice says why
    REMOVED = "removed"  # the person deleted the question


class Command(StrEnum):
    """What a message asks for."""

    ASK = "ask"
    CONTINUE = "continue"  # go on with the thread's last answer
    AGAIN = "again"  # answer the exchange `target` anew, in the messages of its old answer
    EDITED = "edited"  # the settled message `target` says `text` now: offer to answer it again
    REMOVE = "remove"  # the settled message `target` was deleted: so is what came of it
    FORGET = "forget"  # remove the thread from memory
    TELL = "tell"  # show `text`, a sentence of ours, as the answer

    @property
    def is_errand(self) -> bool:
        """Whether it needs no model."""
        return self not in {Command.ASK, Command.CONTINUE, Command.AGAIN}


class Action(StrEnum):
    """What a person can press below an answer."""

    STOP = "stop"
    CONTINUE = "continue"
    AGAIN = "again"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Offer:
    """A button. `target` is the id of the exchange that it is about."""

    action: Action
    label: str
    target: str


@dataclass(frozen=True, slots=True)
class Message:
    """One role's text as a prompt takes it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an answer was made with, so that a person's opinion of it means something later."""

    model_id: str
    prompt_sha256: str  # of the prompt's text, in hexadecimal
    temperature: float
    top_p: float
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a thread as it is stored. A question of several messages is several user turns."""

    id: str
    exchange: str  # the id of the job that the turn came with; a question and its answer share it
    role: Role
    text: str
    at: float  # seconds since 1970
    author_id: str = ""
    author_name: str = ""
    message_ids: tuple[str, ...] = ()  # the platform's ids of the messages that show it
    last_start: int = 0  # of an assistant's turn: the last message shows the visible text from this character on
    ending: Ending | None = None  # of an assistant's turn
    provenance: Provenance | None = None  # of an assistant's turn
    edited_at: float = 0.0  # seconds since 1970; 0: it is as it was sent
    seq: int = 0  # its place in the thread, starts at 1; given by the store


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as the store knows it, oldest turn first."""

    conversation_id: str
    turns: tuple[Turn, ...] = ()
    system_prompt: str = ""  # pinned when the thread started, so that its prompts keep their prefix
    cut: int = 0  # turns with a smaller `seq` are no longer seen by the model; only moves forward
    forgotten_at: float = 0.0  # seconds since 1970; what people wrote before is not to be read again


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What a person sent, translated from the platform's payload."""

    address: ThreadId
    message_id: str
    author_id: str
    author_name: str
    text: str
    sent_at: float  # seconds since 1970
    edited_at: float = 0.0  # seconds since 1970; 0: it is as it was sent
    command: Command = Command.ASK
    target: str = ""  # what a command is about: an exchange, or the id of a message
    shown_in: tuple[str, ...] = ()  # our messages whose place the answer may take
    remarks: str = ""  # what the person is told of it below the answer: which files were not read, say
    above: tuple[str, ...] = ()  # where people's earlier messages stand that belong to it, in the platform's terms
    dedupe_keys: tuple[str, ...] = ()  # other names that the platform may deliver the same message under
    reply_to: Mapping[str, str] = field(default_factory=dict)  # what the platform's ReplySink needs to answer

    @property
    def key(self) -> str:
        """The message's name among all platforms; the same for every redelivery."""
        at = self.address
        return str(ThreadId(at.platform, at.tenant, at.channel, self.message_id))


@dataclass(frozen=True, slots=True)
class Job:
    """A question that was accepted and must come to exactly one ending."""

    id: str
    conversation_id: str
    messages: tuple[InboundMessage, ...]  # at least one; several when they came within a second
    accepted_at: float  # seconds since 1970
    revision: int = 0  # grows when a message joins, changes or goes; an answer to an older one is void
    place: str = ""  # what was opened for its answer, in the platform's terms; of the checkpoint

    @property
    def lane(self) -> str:
        """The platform whose workers can answer it."""
        return self.messages[0].address.platform

    @property
    def is_errand(self) -> bool:
        """Whether it needs no model."""
        return self.messages[0].command.is_errand


class SegmentState(StrEnum):
    PLANNED = "planned"  # about to be sent, or sent without our knowing
    SENT = "sent"
    CLOSED = "closed"  # its final text is there


@dataclass(frozen=True, slots=True)
class Segment:
    """One platform message of an answer, which shows the answer's text from `start` on."""

    key: str
    start: int  # characters of the answer's text, starts at 0
    state: SegmentState
    message_id: str | None = None
    mode: str = ""  # how the platform shows it, in the platform's terms


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far an answer has come: all that another worker needs to go on in the same message."""

    revision: int = 0
    text: str = ""  # raw: exactly the model's pieces, not stripped
    token_ids: tuple[int, ...] = ()  # of `text`, when the server gives them; else empty
    tokens_used: int = 0
    segments: tuple[Segment, ...] = ()
    origin: int = 0  # an answer that goes on with an older one shows the characters from here on
    breaks: tuple[int, ...] = ()  # characters of the text where a new message had to begin
    place: str = ""  # `Job.place`
    ending: Ending | None = None  # the last text is being shown: nothing joins this question, nothing is generated
    notice: str = ""  # what the person is told with the ending


class StopReason(StrEnum):
    """Why a running job is called back."""

    STOPPED = "stopped"  # the person stopped it: keep what there is
    REMOVED = "removed"  # the question was deleted: nothing may stay
    RESTART = "restart"  # the question changed: answer the new one in the same messages
    LOST = "lost"  # another worker owns it now: touch nothing
    DRAIN = "drain"  # this process ends: hand it over
    BARRED = "barred"  # nothing can be written where the answer belongs


@dataclass(slots=True)
class Claim:
    """A job in a worker's hands. Every write with it names `fence`; an older fence writes nothing."""

    job: Job
    checkpoint: Checkpoint
    fence: int
    attempts: int  # 1 at first; one more for each crash since the last progress
    deadline: float  # the lease's end on this machine's monotonic clock, seconds; renewals move it
    entry: str  # the queue's own handle
    stop: StopReason | None = None  # was asked for before the job was claimed


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a finished job leaves behind."""

    ending: Ending
    turns: tuple[Turn, ...] = ()  # added, or put in place of turns with the same id
    cut: int = 0
