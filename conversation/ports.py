"""What the conversation needs from the outside, each as small as its user allows.

Every method may be called again after a failure unless its docstring says otherwise. All of them run on the event
loop and none may block it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

from conversation.access import Person
from conversation.model import (
    Checkpoint,
    Claim,
    InboundMessage,
    Job,
    Message,
    Offer,
    Owner,
    Preferences,
    Segment,
    Settlement,
    StopReason,
    Thread,
    ThreadId,
    Turn,
)

# --- prompts and models -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a prompt. A `control` piece is the template's own and may hold special tokens; any other is plain
    text, whatever it looks like."""

    text: str
    control: bool = False


Clean = Callable[[str], str]
"""Makes one person's or the model's text harmless for a prompt that is sent as text."""


class ChatTemplate(Protocol):
    """How one family of models writes a dialog. Pure."""

    name: str
    bos: str  # what a prompt begins with and a server may add by itself; "" where the model has no such token
    control_words: Sequence[str]  # what must never come out of somebody's text, for `neutralise`

    @property
    def stop(self) -> Sequence[str]:
        """Strings that end an answer, beside the model's own end token."""

    def render(self, messages: Sequence[Message], clean: Clean = str) -> tuple[Piece, ...]:
        """The whole prompt, up to where the assistant begins to speak. Raises InvalidDialog."""

    def turn(self, message: Message, clean: Clean = str) -> tuple[Piece, ...]:
        """What one message adds to a prompt, alone: for counting, never for sending."""


class Tokenizer(Protocol):
    """Text to token ids."""

    @property
    def fingerprint(self) -> str:
        """Names the vocabulary: equal for two tokenizers only when their counts are equal."""

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """The pieces' ids, one piece after the other. Plain pieces yield no special token. Raises ModelError when
        a server does the work and cannot."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked, in the two forms that servers take."""

    text: str  # neutralised; without the first BOS where the server adds it
    token_ids: tuple[int, ...] | None  # people's text byte-exact, BOS included; None when no tokenizer is at hand
    tokens: int  # the prompt's length in the form that is sent


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model chooses. Temperature 0 is greedy."""

    max_new_tokens: int
    temperature: float = 0.2
    top_p: float = 0.95
    stop: tuple[str, ...] = ()
    seed: int | None = None


class FinishReason(StrEnum):
    STOP = "stop"  # the model's end token or a stop string
    LENGTH = "length"  # max_new_tokens were made


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer. The last one of a whole stream has `finish`."""

    text: str
    token_ids: tuple[int, ...] = ()
    tokens: int = 1
    finish: FinishReason | None = None
    cached_tokens: int | None = None  # on the last: of the prompt, not computed anew; None: the server does not say


# For servers that do not say how many answers they make at once: most bear so many, none stands idle with them.
DEFAULT_SLOTS = 16


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known about the model that answers."""

    model_id: str
    context_tokens: int  # prompt and answer together
    is_demo: bool = False
    slots: int = DEFAULT_SLOTS  # answers that its server may be asked for at once, at least 1
    prompt_tokens: int | None = None  # the longest prompt that is taken, where the server bounds that on its own
    provider: str = "other"  # what kind of server it is: "tgi", "vllm", "sglang", "llamacpp"


class TextGenerator(Protocol):
    """A model that goes on with a prompt."""

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """Ask once and yield pieces as they come; closing the generator stops the model. The last chunk has `finish`.
        Raises ModelUnavailable, ModelOverloaded and ModelRefused before the first piece only; StreamCut for a stream
        that was begun and broke, be it before its first piece; never ends quietly without `finish`."""


# --- the store ----------------------------------------------------------------------------------------------------


AS_THE_SERVICE = Preferences()


class ThreadStore(Protocol):
    """Threads and what was counted of them."""

    async def open(self, conversation_id: str, system_prompt: str, preferences: Preferences = AS_THE_SERVICE) -> Thread:
        """The thread, new or old. A new one keeps `system_prompt` and `preferences` for its life."""

    async def turns(self, conversation_id: str) -> Sequence[Turn]:
        """The thread's turns, the oldest first. Begins no thread."""

    async def counts(self, conversation_id: str, fingerprint: str) -> Mapping[str, int]:
        """Stored token counts of the thread's turns by the digest of what was counted."""

    async def save_counts(self, conversation_id: str, fingerprint: str, counts: Mapping[str, int]) -> None:
        """Add to `counts`."""

    async def bind(self, address: ThreadId, conversation_id: str) -> None:
        """Later messages at `address` belong to this thread."""

    async def add(self, conversation_id: str, turns: Sequence[Turn]) -> None:
        """Store turns at the end of the thread, those whose ids it does not have yet."""

    async def cite(self, sources: Sequence[ThreadId], at: ThreadId) -> None:
        """These messages of elsewhere (each named as `InboundMessage.key`) are read into the thread at `at`."""

    async def edit_turn(self, conversation_id: str, edit: InboundMessage) -> bool:
        """A person's message, whose id is the edit's `target`, asks since `edited_at` what the edit asks, with its
        skill and its code. False when no turn came from it."""

    async def purge_message(self, conversation_id: str, message_id: str) -> bool:
        """Remove the message's turn, and the answer when it was the last of its question. False when there is none."""

    async def forget(self, conversation_id: str) -> None:
        """Remove the thread and all that was derived of it. Questions that wait stay."""


class PreferenceStore(Protocol):
    """What channels and people have set. Every method raises StoreUnavailable."""

    async def get(self, *owners: Owner) -> tuple[Preferences, ...]:
        """What each of them has set, in their order."""

    async def change(self, owner: Owner, change: Callable[[Preferences], Preferences]) -> Preferences:
        """Keep what `change` makes of what is set, and give it. Nothing that others set meanwhile is lost: `change` is
        called once more then. What it raises is raised, and nothing is kept."""

    async def clear(self, owner: Owner) -> None:
        """Nothing is set any more."""

    async def meets(self, person: Owner, job_id: str) -> bool:
        """Whether this job brings the person's first answer. Asked again with the same job it is answered the same."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How this service stands in a place where people talk."""

    conversation_id: str | None  # None: it takes no part
    muted: bool = False  # it was asked to speak only when it is mentioned


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to `accept`."""

    job_id: str
    conversation_id: str
    is_new: bool  # False: the same message was accepted before
    joined: bool = False  # it became part of the question before it
    ahead: int = 0  # questions of this thread that come first


class EditOutcome(StrEnum):
    UNKNOWN = "unknown"  # no such message, or its job is settled: the thread's turns are to be changed instead
    QUEUED = "queued"  # done before the answer began
    RUNNING = "running"  # the running answer was told


class Inbox(Protocol):
    """The listeners' side of the queue."""

    async def accept(self, message: InboundMessage) -> Accepted:
        """Store a question durably, once: the same key or dedupe key again gives the same job. Fails fast: raises
        StoreUnavailable within a second, and then nothing may be acknowledged; QueueFull when a bound is reached."""

    async def conversation(self, address: ThreadId) -> str | None:
        """The conversation that `address` belongs to."""

    async def addresses(self, within: ThreadId) -> Sequence[ThreadId]:
        """All addresses of conversations in a channel, which is a ThreadId without `thread`, or in a whole workspace,
        which is one without `channel` too. For what is seldom: it looks through all that is stored."""

    async def standing(self, address: ThreadId) -> Standing:
        """The same, and whether it was muted there."""

    async def mute(self, address: ThreadId, muted: bool) -> None:
        """Speak at this address only when mentioned; or again without."""

    async def pending(self, conversation_id: str) -> list[Job]:
        """The thread's questions that have not come to an end, in order; a running one is the first."""

    async def begin(self, name: str) -> bool:
        """Whether nobody else does this now, or has done it: for what must not be done once for each delivery. Holds
        for ten seconds, in case that who began dies."""

    async def done(self, name: str) -> None:
        """It is done: `begin` is False from now on, for as long as a platform repeats itself."""

    async def cancel(self, conversation_id: str, job_id: str = "") -> bool:
        """Stop the answer that is being made; False when there is none. With `job_id` no other than this one: what
        was pressed for an answer must not stop the next. The worker hears within 100 ms."""

    async def replace(self, message: InboundMessage) -> EditOutcome:
        """The person edited this message; an edit that is older than what is stored changes nothing. UNKNOWN also for
        one that is no question."""

    async def remove(self, message_key: str) -> EditOutcome:
        """The person deleted this message."""


class JobQueue(Protocol):
    """The workers' side of the queue. Jobs of one conversation run one after the other, in the order of acceptance."""

    @property
    def lease_seconds(self) -> float:
        """A claim that is not renewed for so long may be taken by another worker."""

    async def claim(self, limit: int) -> list[Claim]:
        """Up to `limit` jobs that nobody holds, waiting about half a second when there are none."""

    async def renew(self, claims: Sequence[Claim]) -> list[StopReason | None]:
        """Keep the claims (moves their `deadline`) and hear what was asked for meanwhile, in the same order."""

    async def reload(self, claim: Claim) -> Claim:
        """The same claim after RESTART, with the job as it is now. Raises LeaseLost."""

    async def checkpoint(self, claim: Claim, checkpoint: Checkpoint) -> StopReason | None:
        """Store how far the answer is, BEFORE showing it. Raises LeaseLost."""

    async def finish(self, claim: Claim, settlement: Settlement) -> StopReason | None:
        """Add the turns and end the job, at once or not at all. RESTART or REMOVED (unless that is the settlement's
        own ending): it was not ended, because the question had changed or was deleted. Raises LeaseLost."""

    async def release(self, claim: Claim) -> None:
        """Hand the job over to whoever claims next, at its old place; not counted as a crash."""

    async def bury(self, claim: Claim, why: str) -> None:
        """End the job among the dead letters. Raises LeaseLost."""

    def signals(self) -> AsyncIterator[tuple[str, StopReason]]:
        """(conversation id, what is asked), as soon as it is asked, while the iterator is read."""


class ModelSlots(Protocol):
    """How many answers a model's server makes at once, over all processes that ask it. Who finds no slot free waits in
    one line."""

    def hold(
        self, claim: Claim, server: str, slots: int, *, on_place: Callable[[int], None], keep: Callable[[], bool]
    ) -> AbstractAsyncContextManager[None]:
        """Inside, the claim has one of the server's `slots`, as long as it is renewed. Entering waits for it, in the
        order of the queue but begun answers before others, and calls `on_place` with the place in the line (starts at
        1) when that has changed, about once a second at most. At the end slot or place are given back, unless
        `keep()`: then the same claim finds them again. Raises LeaseLost on entering. While the store is away nobody
        enters, and who is inside stays."""

    async def free(self, server: str, slots: int) -> int:
        """How many of the slots nobody has. Raises StoreUnavailable."""

    async def waiting(self) -> int:
        """How many threads have a question for a model and no slot yet. Raises StoreUnavailable."""


# --- who may ask, and how much -------------------------------------------------------------------------------------


class Gate(Protocol):
    """Whether a question that was accepted may be answered, and what it costs. Every method raises StoreUnavailable."""

    async def admit(self, job: Job) -> None:
        """Called before the model is asked, and again by whoever takes the job over. Raises Refused, whose
        `user_notice` then stands where the answer would."""

    async def spent(self, job: Job, tokens: int) -> None:
        """The job has used so many tokens until now, prompts and answer together. Called again with more, and with the
        same by whoever takes the job over."""


@runtime_checkable
class TellsLeft(Protocol):
    """A gate that knows how much a person may still ask for."""

    async def left(self, address: ThreadId, person_id: str) -> str:
        """That in a sentence, for a person who writes at this address; "" when nothing is bounded. Raises
        StoreUnavailable."""


@runtime_checkable
class DeliveryGate(Protocol):
    """A gate that also asks again before one person is shown an answer alone, or shows it to others."""

    async def admit_delivery(self, job: Job) -> None:
        """Called when the answer is whole, and before an old one is shown once more. Raises Refused."""


# --- the platforms ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """What one platform message is to show."""

    text: str  # Markdown
    notice: str = ""  # a sentence of ours below it, set apart from the model's words
    final: bool = False  # nothing follows in this message
    ending: str = ""  # with `final` on the answer's last message: the Ending
    closer: str = ""  # the end of `text` that only closes a code block, and moves when the text grows
    offers: tuple[Offer, ...] = ()  # what can be pressed below it
    plain: bool = False  # in the simplest form that the platform has: it refused every other


@dataclass(frozen=True, slots=True)
class Written:
    """A message that a platform has."""

    message_id: str
    mode: str = ""  # for the sink that wrote it, and for whoever takes over; goes into the Segment


class ReplySink(Protocol):
    """Writes one platform's messages, from any process that has its credentials."""

    message_limit: int  # characters that a message can show, or bytes
    limit_in_bytes: bool  # which of both; bytes of UTF-8
    has_buttons: bool  # whether a `Content.offers` can be pressed

    @property
    def edit_interval_seconds(self) -> float:
        """The least time between two writes of one answer, as busy as the platform is now."""

    async def find(self, job: Job, segment: Segment) -> Written | None:
        """The message that was planned with this key and may or may not have been sent."""

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """Send a message that carries `segment.key` where `find` can see it. Raises DeliveryError; Paced when the
        platform's limits have no room yet: nothing was sent."""

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """Put `content` in the place of the message `segment.message_id`. Safe to repeat. Raises as `post`."""

    async def delete(self, job: Job, message_id: str) -> None:
        """Take the message away. Safe to repeat."""

    async def status(self, job: Job, text: str) -> None:
        """Show that something goes on before there is text: best effort, never raises. "" ends it: raises DeliveryError
        when it may stand there still."""


# What only some platforms can or need; a sink that can has these methods beside those of ReplySink.


@runtime_checkable
class FillsUp(Protocol):
    """A sink whose messages take text for some time only."""

    def is_full(self, segment: Segment) -> bool:
        """Whether what comes now must begin a new message."""


@runtime_checkable
class ShowsWhole(Protocol):
    """A sink some of whose messages cannot be changed once they are sent."""

    def is_shown_whole(self, job: Job) -> bool:
        """Whether nothing of this job's answer is to be written before its end."""


@runtime_checkable
class OpensPlaces(Protocol):
    """A sink that has to make the place where an answer goes: a thread under a message, say."""

    def needs_place(self, job: Job) -> bool:
        """Whether there is none yet for this job's answer."""

    async def open(self, job: Job, *, look: bool) -> tuple[str, ThreadId]:
        """Make the place; gives what `Job.place` is from now on, and the place's address. With `look` somebody may have
        made it before: it is looked for first. Raises as `post`."""


@runtime_checkable
class ClosesPlaces(Protocol):
    """A sink whose places tell what was asked."""

    async def close_place(self, job: Job) -> None:
        """The job's question was deleted and its answer taken away: do the same with the place that was made for it,
        unless somebody else has made it or written in it. Safe to repeat. Raises as `post`."""


@runtime_checkable
class TellsPrivately(Protocol):
    """A sink that can reach the person where nobody else reads."""

    async def tell(self, job: Job, text: str) -> None:
        """One sentence to the person who asked. Best effort: never raises."""


@runtime_checkable
class KnowsPeople(Protocol):
    """A sink that can find out how somebody stands now."""

    async def standing(self, person: Person) -> Person | None:
        """The person as they belong to the address now; None when they are no longer there. Raises DeliveryError when
        the platform does not tell, or gives the person as they came."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of ours."""

    name: str
    language: str  # as its code block says it; "" when it does not
    text: str


@runtime_checkable
class TakesFiles(Protocol):
    """A sink that can show a file."""

    def takes_files(self, job: Job) -> bool:
        """Whether this job's answer can have one."""

    async def attach(self, job: Job, segment: Segment, attachment: Attachment) -> Written:
        """Send the file below the answer; `find` sees it as it sees a message. Raises as `post`."""

    def is_file(self, message_id: str) -> bool:
        """Whether this is the id of a file that was sent, and no message that can show a text."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """People's messages that a question points to, and a sentence about what of it could not be read."""

    turns: tuple[Turn, ...] = ()
    notice: str = ""
    elsewhere: Mapping[str, str] = field(default_factory=dict)  # turn id -> its channel, when that is not the job's


class History(Protocol):
    """People's earlier messages on one platform."""

    async def earlier(self, job: Job, known: Collection[str]) -> Earlier:
        """The messages that the job's `above` points to, oldest first, as user turns whose `message_ids` and names are
        set, without those whose message ids are `known`; a bounded number. Raises DeliveryError when the platform does
        not answer; `user_notice` says why."""
