"""Platforms whose messages fill up, whose answers need a place of their own, or where nothing can be written."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from conversation import notices
from conversation.errors import DeliveryError, Paced, Unwritable
from conversation.fencing import assure_in_time
from conversation.model import Action, Ending, Job, Segment, ThreadId
from conversation.ports import Attachment, Content, FillsUp, OpensPlaces, TakesFiles, TellsPrivately, Written
from conversation.splitting import long_blocks, split
from tests.fakes import RecordingPlatform
from tests.story.conftest import Town
from tests.waiting import until


@dataclass
class RoomyPlatform(RecordingPlatform):
    """Does all that a platform may do."""

    full: set[str] = field(default_factory=set)  # ids of messages that take no more
    places: list[str] = field(default_factory=list)
    looked: list[bool] = field(default_factory=list)
    after_open: Callable[[], None] = field(default=lambda: None)
    told: list[str] = field(default_factory=list)
    files: list[Attachment] = field(default_factory=list)
    posted_in: list[str] = field(default_factory=list)

    def is_full(self, segment: Segment) -> bool:
        """See FillsUp."""
        return segment.message_id in self.full

    def needs_place(self, job: Job) -> bool:
        """See OpensPlaces."""
        return job.messages[0].address.thread.startswith("command")

    async def open(self, job: Job, *, look: bool) -> tuple[str, ThreadId]:
        """See OpensPlaces."""
        self.looked.append(look)
        if not (look and self.places):
            self.places.append("root1")
            self.after_open()
        return "root1", ThreadId("memory", "team", "channel", "root1")

    async def post(self, job: Job, segment: Segment, content: Content) -> Written:
        """See ReplySink.post."""
        self.posted_in.append(job.place)
        return await super().post(job, segment, content)

    async def tell(self, job: Job, text: str) -> None:
        """See TellsPrivately."""
        self.told.append(text)

    async def attach(self, job: Job, segment: Segment, attachment: Attachment) -> Written:
        """See TakesFiles."""
        self.files.append(attachment)
        return Written(f"file{len(self.files)}")

    def takes_files(self, job: Job) -> bool:
        """See TakesFiles."""
        return True

    def is_file(self, message_id: str) -> bool:
        """See TakesFiles."""
        return message_id.startswith("file")


_abilities: tuple[type[FillsUp], type[OpensPlaces], type[TellsPrivately], type[TakesFiles]] = (
    RoomyPlatform,
    RoomyPlatform,
    RoomyPlatform,
    RoomyPlatform,
)


@pytest.fixture
def roomy(town: Town) -> RoomyPlatform:
    """The town's platform, which can all of that."""
    town.platform = RoomyPlatform()
    return town.platform


async def test_a_message_that_is_full_is_closed_and_the_answer_goes_on_in_the_next(
    town: Town, roomy: RoomyPlatform
) -> None:
    """Its code block is closed there and opened again with its language."""
    town.model.answer = lambda question: "Look:\n```python\na = 1\nb = 2\nc = 3\n```\nall done"
    reached, gate = town.model.hold_after(4)
    async with town.worker():
        accepted = await town.hear("code?")
        await reached.wait()
        await until("code is shown", lambda: bool(roomy.texts) and "a =" in roomy.texts[0])
        roomy.full.add("m1")
        gate.set()
        await town.settled(accepted.conversation_id)
    first, second = roomy.messages.values()
    assert first.final
    assert not first.offers
    assert first.text.endswith("\n```")
    assert second.text.startswith("```python\n")
    shown = first.text.removesuffix("```").rstrip("\n") + second.text.removeprefix("```python\n")
    assert shown == "Look:\n```python\na = 1\nb = 2\nc = 3\n```\nall done"


async def test_a_place_is_opened_once_and_its_follow_ups_belong_to_the_answer(town: Town, roomy: RoomyPlatform) -> None:
    """A slash command has no message of its own that a thread could stand under."""
    async with town.worker():
        accepted = await town.hear("why?", thread="command-1")
        await town.settled(accepted.conversation_id)
        follow_up = await town.hear("and?", thread="root1", mentioned=False)
        await town.settled(accepted.conversation_id)
    assert follow_up.conversation_id == accepted.conversation_id
    assert (roomy.places, roomy.looked) == (["root1"], [False])
    assert roomy.posted_in == ["root1", ""]


async def test_whoever_takes_over_looks_for_the_place_first(town: Town, roomy: RoomyPlatform) -> None:
    """The dead worker may have opened it without being able to say so."""
    opened = asyncio.Event()

    def die() -> None:
        opened.set()
        raise asyncio.CancelledError

    roomy.after_open = die
    async with town.crashing_worker():
        accepted = await town.hear("why?", thread="command-1")
        await opened.wait()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert (roomy.places, roomy.looked) == (["root1"], [False, True])
    assert roomy.texts == ["You asked: why?"]


async def test_where_nothing_can_be_written_the_model_is_stopped_and_the_person_told_once(
    town: Town, roomy: RoomyPlatform
) -> None:
    """An archived channel is no reason to go on trying."""
    roomy.failures.extend(Unwritable("is_archived", user_notice="the channel is archived.") for _ in range(5))
    town.model.answer = lambda question: "word " * 500
    async with town.worker():
        accepted = await town.hear("why?")
        await town.settled(accepted.conversation_id)
    assert roomy.told == [notices.could_not_show("the channel is archived.")]
    assert roomy.messages == {}
    assert town.model.open_streams == 0
    assert len(roomy.failures) <= 4


async def test_a_platform_without_room_gets_the_newest_text_later(town: Town, roomy: RoomyPlatform) -> None:
    """However often it has none, the answer's end is written."""
    roomy.failures.extend(Paced("full", retry_after_seconds=0.01) for _ in range(30))
    async with town.worker():
        accepted = await town.hear("why?")
        await town.settled(accepted.conversation_id)
    assert (roomy.texts, town.last.ending) == (["You asked: why?"], Ending.COMPLETE)
    assert len(roomy.writes) == 1


async def test_a_message_that_was_found_is_not_posted_again_when_its_edit_fails(
    town: Town, roomy: RoomyPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post got no answer, it is found, and then the platform stumbles once more."""
    monkeypatch.setattr("conversation.delivery.FIRST_RETRY_SECONDS", 0.001)
    roomy.failures.append(DeliveryError("no answer", certain=False))
    roomy.edit_failures.append(DeliveryError("503", certain=False))
    async with town.worker():
        accepted = await town.hear("why?")
        await town.settled(accepted.conversation_id)
    assert roomy.texts == ["You asked: why?"]
    assert town.last.ending == Ending.COMPLETE


async def test_who_slept_past_the_lease_sends_nothing(
    town: Town, roomy: RoomyPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made sure of the lease, slept until it was over, and woke right before the call: the lease is asked for first."""
    held: list[bool] = []
    post = roomy.post

    async def wake_up_late(job: Job, segment: Segment, content: Content) -> Written:
        if not held:
            with monkeypatch.context() as patch:
                patch.setattr("conversation.fencing.time", SimpleNamespace(monotonic=lambda: math.inf))
                try:
                    assure_in_time()
                except Paced:
                    held.append(True)
                    raise
        assure_in_time()
        return await post(job, segment, content)

    monkeypatch.setattr(roomy, "post", wake_up_late)
    async with town.worker():
        accepted = await town.hear("why?")
        await town.settled(accepted.conversation_id)
    assert held == [True]
    assert roomy.texts == ["You asked: why?"]


async def test_a_platform_that_keeps_refusing_is_given_up_but_the_answer_is_kept(
    town: Town, roomy: RoomyPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread has it; a log line says that it was not shown."""
    monkeypatch.setattr("conversation.delivery.FIRST_RETRY_SECONDS", 0.001)
    roomy.failures.extend(DeliveryError("internal_error", certain=True) for _ in range(100))
    async with town.worker():
        accepted = await town.hear("why?")
        await town.settled(accepted.conversation_id)
    assert roomy.messages == {}
    assert (await town.turns(accepted.conversation_id))[-1] == ("assistant", "You asked: why?")


async def test_code_that_needs_several_messages_is_a_file_too(town: Town, roomy: RoomyPlatform) -> None:
    """As a whole, under the language that its block names; a short block is not."""
    roomy.message_limit = 200
    code = "".join(f"line_{number} = {number}\n" for number in range(30))
    town.model.answer = lambda question: f"First\n```sh\nls\n```\nthen\n```python\n{code}```\nDone"
    async with town.worker():
        accepted = await town.hear("code?")
        await town.settled(accepted.conversation_id)
    assert roomy.files == [Attachment("code-1", "python", code)]
    assert len(roomy.messages) > 2
    shown = [offer.action for offer in list(roomy.messages.values())[-1].offers]
    assert shown == [Action.AGAIN, Action.GOOD, Action.BAD]


def test_a_limit_in_bytes_counts_what_the_platform_counts() -> None:
    """No part is longer in UTF-8, and nothing is lost."""
    text = "größe ≥ 3 🙂 " * 100
    parts = split(text, 300, in_bytes=True)
    assert all(len(part.text.encode()) <= 300 for part in parts)
    assert "".join(part.text for part in parts).replace(" ", "") == text.replace(" ", "")


def test_breaks_hold_while_the_text_grows() -> None:
    """A message that was closed at a place begins the next one there, however much comes."""
    text = "one two\n```js\nlet a\nlet b\n```\nend"
    for end in range(20, len(text) + 1):
        parts = split(text[:end], 200, breaks=(16,))
        assert [part.start for part in parts] == [0, 16]
        assert parts[0].text == "one two\n```js\nle\n```"
        assert parts[1].text.startswith("```js\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("```py\nabcdef\n```", (("py", "abcdef\n"),)),
        ("```py\nabc\n```", ()),
        ("~~~\nabcdef", (("", "abcdef"),)),
        ("no code at all, however long", ()),
        ("````md\n```\ninner\n```\n````", (("md", "```\ninner\n```\n"),)),
    ],
)
def test_long_blocks_are_found_by_their_fences(text: str, found: tuple[tuple[str, str], ...]) -> None:
    """With their language, also when the last one was never closed."""
    assert long_blocks(text, 5) == found
