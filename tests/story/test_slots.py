"""When the model has more to do than it can: who waits, who comes next, and what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Sized
from functools import partial

import pytest

from conversation import guide, notices
from conversation.model import Claim, Ending
from conversation.ports import EditOutcome
from conversation.worker import LOOK_FOR_ROOM_SECONDS
from storage.keys import GROUP
from tests.story.conftest import Town
from tests.waiting import until


@pytest.fixture
def busy(town: Town) -> asyncio.Event:
    """Two slots, and every answer waits after its first word until this is set."""
    town.model.slots = 2
    _, go_on = town.model.hold_after(1)
    return go_on


def place(number: int) -> str:
    return notices.in_line(number)


async def fill(town: Town, busy: asyncio.Event) -> None:
    """Two answers that hold both slots."""
    for name in ("one", "two"):
        await town.ask(f"{name} runs", thread=name, author=name)
    await until("both slots are taken", lambda: town.model.open_streams == 2)


async def test_one_persons_twenty_questions_do_not_delay_anothers_first(town: Town) -> None:
    """Ada asks in twenty threads, then Bob asks one thing. Two answers run at once; Bob's comes before Ada's third one
    that had not begun."""
    town.model.slots = 2
    gates: dict[str, asyncio.Event] = {}
    town.model.before_words = lambda question: gates.setdefault(question, asyncio.Event()).wait()
    async with town.worker():
        for n in range(20):
            await town.ask(f"ada {n}", thread=f"ada-{n}")
        await until("two of Ada's answers run", lambda: len(gates) == 2)
        bob = await town.ask("bob", thread="bob", author="bob")
        await until("Bob is told his place", lambda: place(3) in town.platform.said["bob"])
        for ended in range(3):
            list(gates.values())[ended].set()
            await until("the next one begins", partial(_more_than, ended + 2, gates))
        assert sorted(gates) == ["ada 0", "ada 1", "ada 2", "ada 3", "bob"]
        town.model.before_words = None
        for gate in gates.values():
            gate.set()
        await town.settled(bob.conversation_id)
        await until("everything is answered", lambda: len(town.platform.texts) == 21)
        await until("everything is settled", lambda: _empty(town))
    assert town.model.most_open == 2


async def test_two_workers_share_the_slots(town: Town, busy: asyncio.Event) -> None:
    """Eight people, two workers, two slots: never a third stream, and everybody is answered."""
    async with town.worker(), town.worker():
        asked = [await town.ask(f"q{n}", thread=str(n), author=f"p{n}") for n in range(8)]
        await until("both slots are taken", lambda: town.model.open_streams == 2)
        await until("six wait", lambda: place(6) in town.platform.statuses)
        busy.set()
        for one in asked:
            await town.settled(one.conversation_id)
    assert town.model.most_open == 2
    assert sorted(town.platform.texts) == [f"You asked: q{n}" for n in range(8)]


async def test_who_waits_is_told_the_place_as_it_changes(town: Town, busy: asyncio.Event) -> None:
    """Second, then first, then it is their turn; at the end the line is taken away."""
    async with town.worker():
        await fill(town, busy)
        first = await town.ask("first", thread="a", author="a")
        await until("the first is told", lambda: place(1) in town.platform.said["first"])
        second = await town.ask("second", thread="b", author="b")
        await until("the second is told", lambda: place(2) in town.platform.said["second"])
        await town.inbox.cancel(first.conversation_id)
        await until("the second moves up", lambda: place(1) in town.platform.said["second"])
        busy.set()
        await town.settled(second.conversation_id)
    said = [text for text in town.platform.said["second"] if text != notices.THINKING]
    assert said == [place(2), place(1), ""]
    assert town.platform.said["second"][-2] == notices.THINKING


async def test_a_worker_claims_eight_more_than_the_model_has_free(town: Town, busy: asyncio.Event) -> None:
    """Of thirty questions two run and eight wait at the worker; the others stay in the queue for other workers."""
    async with town.worker(concurrency=64) as worker:
        for n in range(30):
            await town.ask(f"q{n}", thread=str(n), author=f"p{n}")
        await until("both slots are taken", lambda: town.model.open_streams == 2)
        # The eighth hears its place before the two have their slots, too: eight are claimed at first.
        await until("it has claimed all that it may", lambda: worker.running == 10)
        await asyncio.sleep(2 * LOOK_FOR_ROOM_SECONDS)  # time to claim more, if it would
        claimed = await town.redis.xpending(town.keys.ready("memory"), GROUP)
        assert claimed["pending"] == worker.running == 10
        assert place(8) in town.platform.statuses
        busy.set()
        await until("everything is settled", lambda: _empty(town))
    assert len(town.platform.texts) == 30


async def test_a_worker_leaves_what_it_has_no_place_for(town: Town, busy: asyncio.Event) -> None:
    """It stays in the queue, where other workers find it."""
    async with town.worker(concurrency=10) as worker:
        for n in range(30):
            await town.ask(f"q{n}", thread=str(n), author=f"p{n}")
        await until("the eighth is told its place", lambda: place(8) in town.platform.statuses)
        claimed = await town.redis.xpending(town.keys.ready("memory"), GROUP)
        assert claimed["pending"] == worker.running == 10
        busy.set()
        await until("everything is settled", lambda: _empty(town))
    assert len(town.platform.texts) == 30


async def test_what_needs_no_model_does_not_wait_for_it(town: Town, busy: asyncio.Event) -> None:
    """However many questions wait: in a thread of its own, and in the person's own thread whose question waits too."""
    async with town.worker(concurrency=4):
        await fill(town, busy)
        for n in range(6):
            await town.ask(f"q{n}", thread=str(n), author="eve")
        await until("two wait at the worker", lambda: place(2) in town.platform.statuses)
        for thread in ("new", "5"):
            await town.hear("help", thread=thread, author="eve")

        def helped() -> bool:
            return [one.notice for one in town.platform.messages.values()].count(guide.HELP) == 2

        await until("both are helped", helped)
        forget = await town.hear("forget", thread="other", author="eve")
        await town.settled(forget.conversation_id)
        assert town.last.notice == notices.FORGOTTEN
        assert town.model.open_streams == 2
        busy.set()
        await until("everything is settled", lambda: _empty(town))


async def test_stop_while_waiting_ends_at_once_with_a_notice(town: Town, busy: asyncio.Event) -> None:
    """The model was never asked, the place is free for the next one, and the person reads that it was stopped."""
    async with town.worker():
        await fill(town, busy)
        waiting = await town.ask("waits", thread="w", author="w")
        await until("its place is told", lambda: place(1) in town.platform.statuses)
        await town.inbox.cancel(waiting.conversation_id)
        await town.settled(waiting.conversation_id)
        assert (town.last.ending, town.last.notice) == (Ending.STOPPED, notices.of_ending(Ending.STOPPED))
        assert await town.redis.zcard(town.keys.line("model")) == 0
        assert len(town.model.prompts) == 2
        busy.set()


async def test_a_question_deleted_while_it_waits_leaves_nothing(town: Town, busy: asyncio.Event) -> None:
    """No message, no turn, no place."""
    message = town.message("oops", thread="w", author="w")
    async with town.worker():
        await fill(town, busy)
        accepted = await town.inbox.accept(message)
        await until("its place is told", lambda: place(1) in town.platform.statuses)
        assert await town.inbox.remove(message.key) is EditOutcome.RUNNING
        await town.settled(accepted.conversation_id)
        assert await town.redis.zcard(town.keys.line("model")) == 0
        assert len(town.platform.messages) == 2
        busy.set()
    assert await town.turns(accepted.conversation_id) == []


async def test_a_question_edited_while_it_waits_or_runs_keeps_its_turn(town: Town, busy: asyncio.Event) -> None:
    """The new text is what the model gets, and nobody who came later passes."""
    async with town.worker():
        running = await town.ask("runs", thread="r", author="r")
        await until("a slot is taken", lambda: town.model.open_streams == 1)
        await fill_one(town)
        waiting = await town.ask("wiats", thread="w", author="w")
        await until("its place is told", lambda: place(1) in town.platform.said["wiats"])
        later = await town.ask("later", thread="l", author="l")
        await until("the later one's is told", lambda: place(2) in town.platform.said["later"])
        for old, new in ((running, "ran"), (waiting, "waits")):
            (job,) = await town.inbox.pending(old.conversation_id)
            edited = town.message(new, thread=job.messages[0].address.thread, key=job.messages[0].message_id)
            await town.inbox.replace(edited)
        await until("the running one is asked anew", lambda: "[INST] ran [/INST]" in town.model.prompts)
        await until("the waiting one is told its place again", lambda: town.platform.said["waits"][-1:] == [place(1)])
        assert place(3) not in town.platform.statuses
        busy.set()
        for one in (running, waiting, later):
            await town.settled(one.conversation_id)
    assert [prompt for prompt in town.model.prompts if "runs" not in prompt] == [
        "[INST] ran [/INST]",
        "[INST] waits [/INST]",
        "[INST] later [/INST]",
    ]


async def fill_one(town: Town) -> None:
    await town.ask("also runs", thread="also", author="also")
    await until("both slots are taken", lambda: town.model.open_streams == 2)


async def test_a_worker_that_ends_hands_over_who_waits_at_once(town: Town, busy: asyncio.Event) -> None:
    """However long its running answers may take to finish: another worker has the question, and no crash is
    counted."""
    async with town.worker(drain_seconds=15):
        await fill(town, busy)
        waiting = await town.ask("waits", thread="w", author="w")
        await until("its place is told", lambda: place(1) in town.platform.statuses)
        other = town.queue()
        town.end_workers()
        claims: list[Claim] = []
        while not claims:
            claims = await other.claim(1)
        assert (claims[0].job.id, claims[0].attempts) == (waiting.job_id, 1)
        assert town.model.open_streams == 2
        await other.release(claims[0])
        busy.set()
    assert sorted(town.platform.texts) == ["You asked: one runs", "You asked: two runs"]


async def test_a_store_that_goes_away_does_not_take_the_slot(town: Town, busy: asyncio.Event) -> None:
    """An answer that lost its slot's lease goes on to its end."""
    async with town.worker():
        accepted = await town.ask("goes on")
        await until("it runs", lambda: town.model.open_streams == 1)
        await town.redis.delete(town.keys.slots("model"))
        busy.set()
        await town.settled(accepted.conversation_id)
    assert (town.last.text, town.last.ending) == ("You asked: goes on", Ending.COMPLETE)
    assert town.model.prompts == ["[INST] goes on [/INST]"]


async def _empty(town: Town) -> bool:
    return await town.inbox.depth() == 0


def _more_than(count: int, things: Sized) -> bool:
    return len(things) > count
