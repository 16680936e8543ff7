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
        return _text_of(self.platform, self.tenant, self.channel, self.thread)

    @classmethod
    def parse(cls, text: str) -> ThreadId:
        """Read the text form; ValueError when it has not four parts."""
        parts = [unquote(part) if "%" in part else part for part in text.split(":")]
        if len(parts) != 4:
            raise ValueError(f"a thread id has four parts between colons, this has {len(parts)}: {text!r}")
        return cls(*parts)


def _text_of(*parts: str) -> str:
    return ":".join(part if _PLAIN.fullmatch(part) else quote(part, safe=_SAFE) for part in parts)


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
    HELP = "help"  # say what can be done
    STATUS = "status"  # say which model answers, how busy it is, and what is set
    SHOW = "show"  # show the answer of the exchange `target` once more, in a place of its own

    @property
    def is_errand(self) -> bool:
        """Whether it needs no model."""
        return self not in {Command.ASK, Command.CONTINUE, Command.AGAIN}

    @property
    def is_aside(self) -> bool:
        """Whether only a sentence of ours comes of it, which is no part of the thread where it is said."""
        return self in {Command.TELL, Command.HELP, Command.STATUS}


class Skill(StrEnum):
    """What a person wants done; `conversation/skills` tells of each how it is asked and shown."""

    ASK = "ask"
    CODE = "code"  # a snippet
    COMPLETE = "complete"  # code that ends too early goes on
    FILL = "fill"  # a hole in code is filled
    EXPLAIN = "explain"
    REVIEW = "review"
    FIX = "fix"
    TEST = "test"


class Action(StrEnum):
    """What a person can press below an answer."""

    STOP = "stop"
    CONTINUE = "continue"
    AGAIN = "again"
    GOOD = "good"
    BAD = "bad"
    TRY = "try"  # ask an example
    REVEAL = "reveal"  # show a private answer once more, privately
    SHARE = "share"  # show a private answer to everybody
    THREAD = "thread"  # go on with a private conversation where everybody reads


@dataclass(frozen=True, slots=True)
class Offer:
    """A button. `target` is the id of the exchange that it is about; of an example, the skill."""

    action: Action
    label: str
    target: str


@dataclass(frozen=True, slots=True)
class Language:
    """A programming language: as people write it, and as a code block's tag."""

    name: str
    tag: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a channel or a person has set; None and "": as the service is set."""

    language: Language | None = None  # of code, unless another is asked for
    additions: str = ""  # to the system prompt
    temperature: float | None = None  # of answers in words
    max_new_tokens: int | None = None  # of one reply


class OwnerKind(StrEnum):
    CHANNEL = "channel"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose preferences: a channel's, or a person's in one workspace or server. They do not follow the person into
    another: what somebody wrote for one company's code is nothing for the next."""

    platform: str
    tenant: str
    kind: OwnerKind
    id: str

    def __str__(self) -> str:
        return _text_of(self.platform, self.tenant, self.kind, self.id)

    @classmethod
    def channel_of(cls, address: ThreadId) -> Owner:
        """The channel where a thread stands."""
        return cls(address.platform, address.tenant, OwnerKind.CHANNEL, address.channel)

    @classmethod
    def person_of(cls, address: ThreadId, person_id: str) -> Owner:
        """A person who writes there."""
        return cls(address.platform, address.tenant, OwnerKind.PERSON, person_id)


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
    shared: bool = False  # of an assistant's turn: it was private, and everybody reads it now
    edited_at: float = 0.0  # seconds since 1970; 0: it is as it was sent
    skill: Skill = Skill.ASK  # of a person's turn
    language: str = ""  # the tag of its code block; "" when nobody said it
    code: str = ""  # what a skill works on as it is, and of its answer what the model said; `text` is for people
    file_name: str = ""  # of a person's turn: the one file that its code came in
    seq: int = 0  # its place in the thread, starts at 1; given by the store

    @property
    def said(self) -> str:
        """Of an answer: exactly what the model said."""
        return self.code or self.text


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as the store knows it, oldest turn first."""

    conversation_id: str
    turns: tuple[Turn, ...] = ()
    system_prompt: str = ""  # pinned when the thread started, so that its prompts keep their prefix
    preferences: Preferences = field(default_factory=Preferences)  # pinned with it, and part of it
    cut: int = 0  # turns with a smaller `seq` are no longer seen by the model; only moves forward
    forgotten_at: float = 0.0  # seconds since 1970; what people wrote before is not to be read again


class Belonging(StrEnum):
    """How somebody belongs to the workspace or server where they ask."""

    MEMBER = "member"
    GUEST = "guest"  # invited to some channels of it only
    EXTERNAL = "external"  # of another organisation, in a channel that both share
    UNKNOWN = "unknown"  # the platform has not told, and neither the roles


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
    skill: Skill = Skill.ASK
    language: str = ""  # `Turn.language`
    code: str = ""  # `Turn.code`
    file_name: str = ""  # `Turn.file_name`
    target: str = ""  # what a command is about: an exchange, or the id of a message
    shown_in: tuple[str, ...] = ()  # our messages whose place the answer may take
    remarks: str = ""  # what the person is told of it below the answer: which files were not read, say
    above: tuple[str, ...] = ()  # where people's earlier messages stand that belong to it, in the platform's terms
    dedupe_keys: tuple[str, ...] = ()  # other names that the platform may deliver the same message under
    reply_to: Mapping[str, str] = field(default_factory=dict)  # what the platform's ReplySink needs to answer
    private: bool = False  # its author alone sees the answer
    belonging: Belonging = Belonging.MEMBER  # of its author, when it was asked
    home: str = ""  # the author's own workspace, where that is not the address's
    roles: tuple[str, ...] = ()  # ids of those that the author had there

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
class Milestones:
    """What an answer has behind it, whoever worked on it. Times are seconds since 1970; 0: not yet."""

    began_at: float = 0.0  # one of the model's slots was free for it
    shown_at: float = 0.0  # the platform had taken its first text
    cuts: int = 0  # so often the model's server broke off


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
    milestones: Milestones = Milestones()


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
class Measures:
    """What an answer cost, for operators. Tokens but the answer's, and requests, are those of the worker that ended
    it."""

    milestones: Milestones = Milestones()
    requests: int = 0  # to the model
    prompt_tokens: int = 0  # of all requests that the model began to answer
    answer_tokens: int = 0
    cached_tokens: int | None = None  # of the prompts, not computed anew; None: the server does not tell
    reason: str = ""  # the kind of error that there is no answer for
    refused: bool = False  # by a gate
    asked_back: bool = False  # the person was asked whether it still matters
    buried: bool = False  # the job is a dead letter


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a finished job leaves behind."""

    ending: Ending
    turns: tuple[Turn, ...] = ()  # added, or put in place of turns with the same id
    cut: int = 0
    measures: Measures = Measures()  # not stored
