"""The far sides of our ports: a model that says what a test wants, and a platform that remembers what it was told."""

from __future__ import annotations

import asyncio
import re
import time
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from dataclasses import dataclass, field

from conversation.errors import CorralError, DeliveryError
from conversation.language_model import LanguageModel
from conversation.model import Job, Role, Segment, Turn
from conversation.ports import (
    Chunk,
    Content,
    Earlier,
    FinishReason,
    History,
    ModelCard,
    Prompt,
    ReplySink,
    Sampling,
    TextGenerator,
    Written,
)
from conversation.prompts import Llama2Template, PromptFormat


@dataclass
class ScriptedModel:
    """Says `answer`, a word at a time and going on from a partial answer in the prompt, until told otherwise."""

    answer: Callable[[str], str] = lambda question: f"You asked: {question}"
    context_tokens: int = 4096
    slots: int = 16
    prompts: list[str] = field(default_factory=list)
    open_streams: int = 0
    most_open: int = 0  # streams that were open at once
    before_words: Callable[[str], Awaitable[object]] | None = None  # waited for after a question is taken
    failures: deque[CorralError] = field(default_factory=deque)  # raised in place of the next streams
    cuts: deque[tuple[int, CorralError]] = field(default_factory=deque)  # (after so many pieces, what is raised)
    gates: dict[int, asyncio.Event] = field(default_factory=dict)  # words said before waiting for this event
    reached: dict[int, asyncio.Event] = field(default_factory=dict)

    def hold_after(self, words: int) -> tuple[asyncio.Event, asyncio.Event]:
        """(is reached once so many words of an answer are said, lets it go on when set)"""
        self.gates[words], self.reached[words] = asyncio.Event(), asyncio.Event()
        return self.reached[words], self.gates[words]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator.stream."""
        self.prompts.append(prompt.text)
        if self.failures:
            raise self.failures.popleft()
        cut = self.cuts.popleft() if self.cuts else None
        question, _, partial = prompt.text.rpartition("[INST] ")[2].partition(" [/INST]")
        question = question.rpartition("<</SYS>>\n\n")[2]
        pieces = [f" {word}" for word in self.answer(question).split(" ")]
        said = len(partial.split(" ")) - 1 if partial else 0
        if (lead := re.match(r" ```(?:\w*\n|(?= |\Z))", partial)) and lead[0] != pieces[0]:
            said -= 1  # no word of ours: the answer was begun for us
        self.open_streams += 1
        self.most_open = max(self.most_open, self.open_streams)
        try:
            if self.before_words is not None:
                await self.before_words(question)
            for count, piece in enumerate(pieces[said:], start=1):
                if cut is not None and count > cut[0]:
                    raise cut[1]
                if count > sampling.max_new_tokens:
                    yield Chunk("", tokens=0, finish=FinishReason.LENGTH)
                    return
                yield Chunk(piece)
                if (gate := self.gates.get(said + count)) is not None:
                    self.reached[said + count].set()
                    await gate.wait()
            yield Chunk("", tokens=0, finish=FinishReason.STOP)
        finally:
            self.open_streams -= 1

    async def ready(self) -> LanguageModel:
        """See ModelSource.ready."""
        card = ModelCard("codellama/CodeLlama-34b-Instruct-hf", self.context_tokens, slots=self.slots)
        return LanguageModel(card, self, PromptFormat(Llama2Template(), None, form="text", server_adds_bos=True))


@dataclass
class RecordingPlatform:
    """A platform in memory: `messages` is what people see, `writes` all that was ever done."""

    message_limit: int = 100_000
    limit_in_bytes: bool = False
    has_buttons: bool = True
    edit_interval_seconds: float = 0.0
    messages: dict[str, Content] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)  # message id -> the segment's key it carries
    writes: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    said: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # the same, by question
    failures: deque[DeliveryError] = field(default_factory=deque)  # of the next posts; an uncertain one is stored
    edit_failures: deque[Exception] = field(default_factory=deque)
    delete_failures: deque[Exception] = field(default_factory=deque)

    async def find(self, job: Job, segment: Segment) -> Written | None:
        """See ReplySink.find."""
        self.writes.append("find")
        return next((Written(message_id) for message_id, key in self.keys.items() if key == segment.key), None)

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post."""
        failure = self.failures.popleft() if self.failures else None
        if failure is not None and failure.certain:
            raise failure
        message_id = f"m{len(self.keys) + 1}"
        self.messages[message_id], self.keys[message_id] = content, segment.key
        self.writes.append(f"post {message_id}")
        if failure is not None:
            raise failure
        return Written(message_id)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """See ReplySink.edit."""
        message_id = segment.message_id
        assert message_id is not None
        if self.edit_failures:
            raise self.edit_failures.popleft()
        assert message_id in self.messages, "an edit of a message that is not there"
        self.messages[message_id] = content
        self.writes.append(f"edit {message_id}")

    async def delete(self, job: Job, message_id: str) -> None:
        """See ReplySink.delete."""
        if self.delete_failures:
            raise self.delete_failures.popleft()
        self.messages.pop(message_id, None)
        self.writes.append(f"delete {message_id}")

    async def status(self, job: Job, text: str) -> None:
        """See ReplySink.status."""
        self.statuses.append(text)
        self.said[job.messages[-1].text].append(text)

    @property
    def texts(self) -> list[str]:
        """What the messages say, in the order of their posting."""
        return [content.text for content in self.messages.values()]


@dataclass
class FakeHistory:
    """What people wrote before, as a platform would tell it."""

    messages: list[tuple[str, str, str]] = field(default_factory=list)  # (message id, name, text)
    failure: DeliveryError | None = None
    at: float = field(default_factory=time.time)  # when they wrote it

    async def earlier(self, job: Job, known: Collection[str]) -> Earlier:
        """See History.earlier."""
        if self.failure is not None:
            raise self.failure
        return Earlier(
            tuple(
                Turn(message_id, "", Role.USER, text, self.at, name.lower(), name, (message_id,))
                for message_id, name, text in self.messages
                if message_id not in known
            )
        )


_model: type[TextGenerator] = ScriptedModel
_platform: type[ReplySink] = RecordingPlatform
_history: type[History] = FakeHistory
