"""The one door for listeners: what a platform delivers becomes a job, a sign to a running one, or nothing.

When a method here returns, everything is stored and the platform may be acknowledged; when it raises, nothing is: who
could not wait with the acknowledgement tells the person so.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from conversation import notices
from conversation.access import Access, Person
from conversation.errors import MessageTooLong, NotAllowed
from conversation.guide import DIRECT, example
from conversation.intake import STOP_WORDS, Intake, storable
from conversation.model import Action, Command, Ending, InboundMessage, Job, Role, ThreadId, Turn
from conversation.observing import UNOBSERVED, Event, EventResult, Observer
from conversation.ports import Accepted, EditOutcome, Inbox, Standing
from conversation.publishing import of_elsewhere

Result = TypeVar("Result")

# Said to us and nothing else, these are no questions.
_QUIET = frozenset({"quiet", "mute", "be quiet"})
_BACK = frozenset({"back", "unmute", "come back"})
_HELP = frozenset({"help", "help!", "?"})
_FORGET = frozenset({"forget", "forget this", "forget everything"})
_STATUS = frozenset({"status"})
_SIGNS = STOP_WORDS | _QUIET | _BACK | _HELP | _STATUS | _FORGET
_SHOWING = frozenset({Action.REVEAL, Action.SHARE, Action.THREAD})
_ASKING = frozenset({Action.TRY, Action.CONTINUE, Action.AGAIN})
_OPINIONS = {Action.GOOD: "good", Action.BAD: "bad"}


def is_sign(said: str, *, mentioned: bool) -> bool:
    """Whether this is said to the service and is no part of a conversation; `said` is without the mention of us, and
    nothing but that mention is a sign too."""
    word = said.strip().lower()
    return word in STOP_WORDS or (mentioned and (word in _SIGNS or not word))


class Feedback(Protocol):
    """What people think of answers."""

    async def rate(self, conversation_id: str, exchange: str, person_id: str, opinion: str) -> bool:
        """Keep one person's opinion ("good", "bad") of an answer beside what it was made with; a later one replaces
        it. False when there is no such answer any more. Raises StoreUnavailable."""


class Transcript(Protocol):
    """What was said in a thread."""

    async def turns(self, conversation_id: str) -> Sequence[Turn]:
        """The thread's turns, the oldest first. Raises StoreUnavailable."""

    async def citing(self, source: ThreadId) -> Sequence[ThreadId]:
        """Where this message of elsewhere, named as `InboundMessage.key`, was read into a thread. Raises
        StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that people can see, and how it concerns us."""

    message: InboundMessage  # its text without the mention of us
    mentioned: bool = False  # it mentions us
    direct: bool = False  # nobody else is there
    elsewhere: bool = False  # it begins by mentioning somebody else

    @property
    def author(self) -> Person:
        return Person.who_wrote(self.message)

    @property
    def is_ours(self) -> bool:
        """Whether it is said to us, whatever was said before."""
        return self.mentioned or self.direct


@dataclass(frozen=True, slots=True)
class Press:
    """A person pressed a button below one of our messages."""

    action: Action
    target: str  # of the Offer
    person: Person
    person_name: str
    id: str  # of this press; the same when it is delivered again
    at: float  # seconds since 1970
    message_id: str  # of the message with the button
    reply_to: dict[str, str] = field(default_factory=dict)
    private: bool = False  # the person alone sees that message, and what comes of the press
    # Where it is shown to everybody, when nothing else of what was said privately may be known there.
    shown_at: ThreadId | None = None


class Reception:
    """Decides what concerns us and has it stored. Every method raises StoreUnavailable: acknowledge nothing then; and
    QueueFull and NotAllowed: acknowledge, and tell the person `user_notice`, alone where the platform can."""

    def __init__(
        self,
        inbox: Inbox,
        intake: Intake,
        transcript: Transcript,
        feedback: Feedback,
        access: Access,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._observer = observer
        self._inbox, self._intake, self._transcript = inbox, intake, transcript
        self._feedback, self._access = feedback, access

    async def hear(self, heard: Heard) -> Accepted | None:
        """A message was written. None when it is not for us, or was a sign that needs no answer; of what is not said to
        us and comes from somebody who may not ask, too: people talk there."""
        with self._event(heard.message.address) as event:
            accepted = await self._hear(heard, event)
            event.stored(accepted)
        return accepted

    async def _hear(self, heard: Heard, event: Event) -> Accepted | None:
        message = heard.message
        word = message.text.strip().lower()
        # Only a question's author is asked for again before anything comes of it.
        is_question = word not in (_SIGNS if heard.is_ours else STOP_WORDS)
        refusal = self._access.refusal(heard.author, asked_again=is_question)
        if not heard.is_ours:
            if refusal:
                return None
            standing = await self._inbox.standing(message.address)
            if not _is_followed(heard, standing) or standing.conversation_id is None:
                return None
            if word not in STOP_WORDS:
                return await self._receive(message, event)
            event.result = EventResult.SIGN
            await self._once(message, lambda: self._stop(message))
            return None
        if refusal:
            raise NotAllowed("no member, or denied", user_notice=refusal)
        if word in _SIGNS:
            event.result = EventResult.SIGN
            return await self._once(message, lambda: self._sign(message, word, direct=heard.direct))
        return await self._receive(message, event)

    async def concerns_us(self, heard: Heard) -> bool:
        """Whether `hear` would do something with it; for what is dear to find out about a message."""
        if self._access.refusal(heard.author, asked_again=True):
            return False
        return heard.is_ours or _is_followed(heard, await self._inbox.standing(heard.message.address))

    def refusal(self, person: Person, *, asked_again: bool = False) -> str:
        """Why this person is not answered: see Access.refusal."""
        return self._access.refusal(person, asked_again=asked_again)

    def turns_away(self, person: Person) -> str:
        """The same for what must not even begin then, such as a command: when it is refused, that is all of it."""
        if refusal := self._access.refusal(person, asked_again=True):
            self._observer.heard(person.address.platform, EventResult.REFUSED)
        return refusal

    def is_undecided(self, person: Person) -> bool:
        """Whether it is worth asking the platform how this person belongs: see Access.is_undecided."""
        return self._access.is_undecided(person)

    def check(self, message: InboundMessage) -> None:
        """For a platform that can refuse a question where it is asked. Raises MessageTooLong."""
        self._intake.check(message)

    def check_length(self, characters: int) -> None:
        """The same for what was not taken apart yet. Raises MessageTooLong."""
        self._intake.check_length(characters)

    async def is_known(self, address: ThreadId) -> bool:
        """Whether something was asked there that is remembered."""
        return await self._inbox.conversation(address) is not None

    async def edited(self, heard: Heard, edit_id: str) -> Accepted | None:
        """A message was edited; `edit_id` is the same when that is delivered again."""
        with self._event(heard.message.address, EventResult.EDITED) as event:
            return await self._edited(heard, edit_id, event)

    async def _edited(self, heard: Heard, edit_id: str, event: Event) -> Accepted | None:
        await self._change_where_it_was_read(heard.message, edit_id)
        if self._access.refusal(heard.author, asked_again=True) or heard.message.text.strip().lower() in _SIGNS:
            return None
        try:
            message = self._intake.check(heard.message)
        except MessageTooLong:
            return None  # the question stands as it was
        if await self._inbox.replace(message) is not EditOutcome.UNKNOWN:
            return None
        if await self._turn_of(message) is not None:
            edit = replace(
                message, command=Command.EDITED, target=message.message_id, message_id=edit_id, above=(), dedupe_keys=()
            )
            return await self._receive(edit, event)
        # Whoever forgets the mention adds it.
        return await self._hear(heard, event) if heard.mentioned else None

    async def deleted(self, message: InboundMessage) -> None:
        """A message was deleted; of `message` only the address, the id and `reply_to` are known."""
        with self._event(message.address, EventResult.DELETED):
            await self._deleted(message)

    async def _deleted(self, message: InboundMessage) -> None:
        await self._change_where_it_was_read(message, f"{message.message_id}/deleted", is_gone=True)
        if await self._inbox.remove(message.key) is not EditOutcome.UNKNOWN:
            return
        if (turn := await self._turn_of(message)) is None:
            return
        conversation_id = await self._inbox.conversation(message.address) or ""
        for job in await self._inbox.pending(conversation_id):
            # Its answer is just being made anew, or goes on.
            if job.messages[0].target == turn.exchange:
                await self._inbox.cancel(conversation_id, job.id)
        removal = replace(
            message, command=Command.REMOVE, target=message.message_id, message_id=f"{message.message_id}/deleted"
        )
        await self._inbox.accept(removal)

    async def _change_where_it_was_read(self, message: InboundMessage, change: str, *, is_gone: bool = False) -> None:
        """Threads elsewhere that know the message know it as it is now, or no more."""
        command = Command.REMOVE if is_gone or len(message.text) > self._intake.max_input_chars else Command.EDITED
        for address in await self._transcript.citing(ThreadId.parse(message.key)):
            if address == message.address or await self._inbox.conversation(address) is None:
                continue
            await self._inbox.accept(
                replace(
                    message,
                    address=address,
                    # Two threads of one channel may have read it.
                    message_id=f"{change}/{address.thread}",
                    text=storable(message.text),
                    command=command,
                    target=message.message_id,
                    above=(),
                    dedupe_keys=(),
                    reply_to={},
                )
            )

    async def gone(self, place: ThreadId) -> None:
        """A thread was deleted; without `thread` a channel with all threads in it, without `channel` too we were sent
        away from a whole workspace. What was said there is forgotten. Safe to repeat."""
        addresses = [place] if place.thread else await self._inbox.addresses(place)
        for address in addresses:
            if await self._inbox.conversation(address) is None:
                continue
            # In line behind what is being answered: that would be remembered otherwise.
            at = time.time()
            await self._inbox.accept(
                InboundMessage(
                    address, f"{address.thread}/gone/{at:.0f}", "unknown", "", "", at, command=Command.FORGET
                )
            )

    async def _turn_of(self, message: InboundMessage) -> Turn | None:
        """What is remembered of a message."""
        conversation_id = await self._inbox.conversation(message.address)
        turns = await self._transcript.turns(conversation_id) if conversation_id is not None else ()
        return next((turn for turn in turns if message.message_id in turn.message_ids), None)

    async def pressed(self, press: Press) -> str:
        """A button was pressed; gives what the person is told about it, "" for nothing."""
        with self._event(press.person.address, EventResult.PRESSED) as event:
            return await self._pressed(press, event)

    async def _pressed(self, press: Press, event: Event) -> str:
        asked_again = press.action in _SHOWING | _ASKING
        shown_to = (press.person.address, press.shown_at or press.person.address)
        for address in dict.fromkeys(shown_to):
            if refusal := self._access.refusal(replace(press.person, address=address), asked_again=asked_again):
                event.result = EventResult.REFUSED
                return refusal
        if press.action is Action.TRY:
            return await self._try(press)
        conversation_id = await self._inbox.conversation(press.person.address)
        if conversation_id is None:
            return notices.NO_SUCH_ANSWER
        if press.action is Action.STOP:
            return "" if await self._inbox.cancel(conversation_id, press.target) else notices.NOTHING_RUNS
        if press.action in _OPINIONS:
            opinion = _OPINIONS[press.action]
            kept = await self._feedback.rate(conversation_id, press.target, press.person.id, opinion)
            return notices.THANKS if kept else notices.NO_SUCH_ANSWER
        act = self._show_again if press.action in _SHOWING else self._ask_again
        return await act(press, conversation_id)

    async def _show_again(self, press: Press, conversation_id: str) -> str:
        """Show a private answer to everybody, or once more; the platform's `reply_to` says where and how."""
        turns = [turn for turn in await self._transcript.turns(conversation_id) if turn.exchange == press.target]
        asked = next((turn for turn in turns if turn.role is Role.USER), None)
        if asked is None or not any(turn.role is Role.ASSISTANT for turn in turns):
            return notices.NO_SUCH_ANSWER
        message = InboundMessage(
            address=press.shown_at or press.person.address,
            # To everybody once, however often it is pressed.
            message_id=press.id if press.action is Action.REVEAL else f"{press.target}/{press.action}",
            author_id=press.person.id,
            author_name=press.person_name,
            text=asked.text,
            sent_at=press.at,
            command=Command.SHOW,
            skill=asked.skill,
            target=press.target if press.shown_at is None else of_elsewhere(press.target, conversation_id),
            reply_to=press.reply_to,
            private=press.action is Action.REVEAL,
        )
        return "" if (await self._inbox.accept(press.person.sign(message))).is_new else notices.ALREADY_SHOWN

    async def _try(self, press: Press) -> str:
        """Ask an example, as if its person had written it."""
        if (question := example(press.target)) is None:
            return notices.NO_SUCH_EXAMPLE
        name = f"{press.action}:{press.person.address}:{press.target}:{press.message_id}:{press.person.id}"
        if not await self._inbox.begin(name):
            return notices.ALREADY_ASKED
        message = InboundMessage(
            address=press.person.address,
            message_id=press.id,
            author_id=press.person.id,
            author_name=press.person_name,
            text="",
            sent_at=press.at,
            reply_to=press.reply_to,
            private=press.private,
        )
        return (
            ""
            if (await self._inbox.accept(press.person.sign(question.into(message)))).is_new
            else notices.ALREADY_ASKED
        )

    async def _ask_again(self, press: Press, conversation_id: str) -> str:
        command = Command.CONTINUE if press.action is Action.CONTINUE else Command.AGAIN
        pending = await self._inbox.pending(conversation_id)
        turns = [turn for turn in await self._transcript.turns(conversation_id) if turn.exchange == press.target]
        if not turns and press.target not in {job.id for job in pending}:
            return notices.NO_SUCH_ANSWER  # a sentence in its place would take away what people still read
        if press.private and _is_shared(press.target, turns, pending):
            return notices.SHARED
        if command is Command.CONTINUE and any(turn.ending is Ending.COMPLETE for turn in turns):
            return notices.NOTHING_TO_CONTINUE
        waiting = (job.messages[0] for job in pending)
        is_asked = any((message.command, message.target) == (command, press.target) for message in waiting)
        # Whoever presses twice wants it once, and two presses may be under way at once.
        name = f"{command}:{conversation_id}:{press.target}:{press.message_id}"
        if is_asked or not await self._inbox.begin(name):
            return notices.ALREADY_ASKED
        message = InboundMessage(
            address=press.person.address,
            message_id=press.id,
            author_id=press.person.id,
            author_name=press.person_name,
            text="",
            sent_at=press.at,
            command=command,
            target=press.target,
            shown_in=(press.message_id,) if command is Command.AGAIN else (),
            reply_to=press.reply_to,
            private=press.private,
        )
        accepted = await self._inbox.accept(press.person.sign(message))
        return "" if accepted.is_new else notices.ALREADY_ASKED

    async def stop(self, person: Person) -> bool:
        """The platform's own stop button. False when nothing was running."""
        with self._event(person.address, EventResult.PRESSED) as event:
            if self._access.refusal(person):
                event.result = EventResult.REFUSED
                return False
            conversation_id = await self._inbox.conversation(person.address)
            return conversation_id is not None and await self._inbox.cancel(conversation_id)

    def _event(self, address: ThreadId, result: EventResult = EventResult.IGNORED) -> Event:
        return Event(self._observer, address.platform, result)

    async def _once(self, message: InboundMessage, act: Callable[[], Awaitable[Result]]) -> Result | None:
        """Do what a sign says once: its second delivery must not stop the next answer, nor undo what came after it."""
        if not await self._inbox.begin(message.key):
            return None
        result = await act()
        await self._inbox.done(message.key)
        return result

    async def _sign(self, message: InboundMessage, word: str, *, direct: bool) -> Accepted | None:
        if word in _QUIET | _BACK:
            await self._inbox.mute(message.address, word in _QUIET)
            return await self._tell(message, notices.QUIET if word in _QUIET else notices.BACK)
        if word in _HELP:
            target = DIRECT if direct else ""
            return await self._inbox.accept(replace(message, command=Command.HELP, target=target, above=()))
        if word in _STATUS:
            return await self._inbox.accept(replace(message, command=Command.STATUS, above=()))
        stopped = await self._stop(message)
        if word in STOP_WORDS:
            return None if stopped else await self._tell(message, notices.NOTHING_RUNS)
        return await self._inbox.accept(replace(message, command=Command.FORGET, above=()))

    async def _stop(self, message: InboundMessage) -> bool:
        conversation_id = await self._inbox.conversation(message.address)
        return conversation_id is not None and await self._inbox.cancel(conversation_id)

    async def _receive(self, message: InboundMessage, event: Event) -> Accepted | None:
        try:
            received = await self._intake.receive(message)
        except MessageTooLong as error:
            event.result = EventResult.REFUSED
            return await self._tell(message, error.user_notice)
        return received if isinstance(received, Accepted) else None

    async def _tell(self, message: InboundMessage, sentence: str) -> Accepted:
        """Answer with a sentence of ours, in the answer's own place."""
        return await self._inbox.accept(replace(message, command=Command.TELL, text=sentence, above=()))


def _is_followed(heard: Heard, standing: Standing) -> bool:
    """Whether what is not said to us is a follow-up in a thread that we take part in."""
    return not (heard.elsewhere or standing.muted or standing.conversation_id is None)


def _is_shared(exchange: str, turns: Sequence[Turn], pending: Sequence[Job]) -> bool:
    """Whether everybody reads an answer that was private, or will in a moment."""
    asked = (job.messages[0] for job in pending)
    return any(turn.shared for turn in turns) or any(
        (message.command, message.target, message.private) == (Command.SHOW, exchange, False) for message in asked
    )
