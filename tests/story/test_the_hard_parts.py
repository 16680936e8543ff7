"""What happens when two things happen at once, or one of them fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from conversation import delivery as delivery_module
from conversation import manager as manager_module
from conversation import notices
from conversation import worker as worker_module
from conversation.errors import DeliveryError, ModelRefused, ModelUnavailable, StoreUnavailable
from conversation.generation import Patience
from conversation.language_model import LanguageModel
from conversation.manager import Manners
from conversation.model import Claim, Command, Ending, StopReason
from conversation.ports import Sampling
from storage.jobs import RedisJobs
from tests.fakes import ScriptedModel
from tests.story.conftest import Town
from tests.waiting import until


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "FIRST_RETRY_SECONDS", 0.01)


async def test_a_deleted_question_leaves_nothing_though_the_first_try_to_delete_fails(town: Town) -> None:
    """Neither a store that is away nor a platform that refuses once makes the answer stay."""
    reached, _ = town.model.hold_after(2)
    town.platform.delete_failures.extend([StoreUnavailable("away"), DeliveryError("429", certain=True)])
    async with town.worker():
        message = town.message("forget this", key="m1")
        accepted = await town.inbox.accept(message)
        await reached.wait()
        await until("the beginning is shown", lambda: bool(town.platform.messages))
        await town.inbox.remove(message.key)
        await town.settled(accepted.conversation_id)
    assert town.platform.messages == {}
    assert await town.redis.xlen(town.keys.dead()) == 0


async def test_a_question_whose_answer_can_never_be_deleted_is_settled_all_the_same(town: Town) -> None:
    """It is no poison: nobody apologises below a question that is gone."""
    reached, _ = town.model.hold_after(2)
    town.platform.delete_failures.extend([DeliveryError("archived", certain=True)] * 50)
    async with town.worker():
        message = town.message("forget this", key="m1")
        accepted = await town.inbox.accept(message)
        await reached.wait()
        await until("the beginning is shown", lambda: bool(town.platform.messages))
        await town.inbox.remove(message.key)
        await town.settled(accepted.conversation_id)
    assert town.last.notice == ""
    assert await town.redis.xlen(town.keys.dead()) == 0


async def test_the_end_of_an_answer_to_an_edited_question_is_never_shown(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit comes while the last text is on its way: people see the new answer's end only."""
    finals: list[str] = []

    async def unheard() -> AsyncIterator[tuple[str, StopReason]]:
        """Signals that do not arrive: only the checkpoint before the last write can tell."""
        await asyncio.Event().wait()
        yield "", StopReason.LOST

    monkeypatch.setattr(RedisJobs, "signals", lambda self: unheard())
    async with town.worker():
        message = town.message("old words", key="m1")
        reached, go_on = town.model.hold_after(4)
        accepted = await town.inbox.accept(message)
        await reached.wait()
        await town.inbox.replace(town.message("new words", key="m1"))
        town.model.gates.clear()
        go_on.set()
        await town.settled(accepted.conversation_id)
        finals.extend(content.text for content in town.platform.messages.values() if content.ending)
    assert finals == ["You asked: new words"]


async def test_an_answer_that_was_about_to_end_ends_and_is_not_gone_on_with(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the last edit and the settlement: the next worker shows just that end and asks no model."""
    finish_reached = asyncio.Event()

    async def hang(self: object, claim: object, settlement: object) -> None:
        finish_reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(RedisJobs, "finish", hang)
        async with town.crashing_worker():
            accepted = await town.ask("one two")
            await asyncio.wait_for(finish_reached.wait(), 10)
    asked = len(town.model.prompts)
    town.model.answer = lambda question: "You asked: one two and another thing"
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert len(town.model.prompts) == asked
    assert town.platform.texts == ["You asked: one two"]
    assert (await town.turns(accepted.conversation_id))[-1] == ("assistant", "You asked: one two")


async def test_nothing_comes_back_of_a_thread_that_was_forgotten_during_continue(town: Town) -> None:
    """The old answer is neither stored nor shown again."""
    town.manners = Manners("", Sampling(max_new_tokens=3))
    async with town.worker():
        accepted = await town.ask("a b c d e")
        await town.settled(accepted.conversation_id)
        reached, go_on = town.model.hold_after(4)
        await town.ask("", command=Command.CONTINUE)
        await reached.wait()
        await town.threads.forget(accepted.conversation_id)
        go_on.set()
        await town.settled(accepted.conversation_id)
    assert await town.turns(accepted.conversation_id) == []
    assert town.platform.texts[1:] == [" b c d"]


async def test_continue_asks_a_question_again_that_got_no_answer(town: Town) -> None:
    """The question stands in the thread already; its answer comes behind it."""
    town.model.failures.append(ModelRefused("no"))
    async with town.worker():
        accepted = await town.ask("first")
        await town.settled(accepted.conversation_id)
        await town.ask("", command=Command.CONTINUE)
        await town.settled(accepted.conversation_id)
    assert await town.turns(accepted.conversation_id) == [("user", "first"), ("assistant", "You asked: first")]


async def test_a_model_that_says_nothing_is_said_to(town: Town) -> None:
    """A blank message would leave the person waiting."""

    class Silent(ScriptedModel):
        async def ready(self) -> LanguageModel:
            self.answer = lambda question: ""
            return await super().ready()

    town.model = Silent()
    async with town.worker():
        accepted = await town.ask("hello?")
        await town.settled(accepted.conversation_id)
    assert town.last.notice == notices.NOTHING_SAID


async def test_who_is_frank_tells_the_reason(town: Town) -> None:
    """At a terminal the person is the operator; in a team's chat the reason is for the log alone."""
    for frank in (True, False):
        town.manners = replace(town.manners, frank=frank)
        town.model.failures.append(ModelRefused("set MODEL_TOKEN", user_notice="I may not use the model."))
        async with town.worker():
            accepted = await town.ask("hi", thread=f"frank {frank}")
            await town.settled(accepted.conversation_id)
        assert town.last.notice.startswith("I may not use the model.")
        assert ("set MODEL_TOKEN" in town.last.notice) is frank


class _OutOfReach(ScriptedModel):
    """A model whose server does not answer."""

    async def ready(self) -> LanguageModel:
        raise ModelUnavailable("cannot reach it")


async def test_a_worker_without_its_model_leaves_the_questions_to_others(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It hands over what it claimed; a worker that reaches its model answers, and no crash is counted."""
    monkeypatch.setattr(manager_module, "MODEL_AWAY_SECONDS", 0.05)
    monkeypatch.setattr(worker_module, "REST_SECONDS", 0.5)
    good = town.model
    town.model = _OutOfReach()
    async with town.worker():
        accepted = await town.ask("hi")
        await until("the person is told", lambda: notices.MODEL_STARTING in town.platform.statuses)
        town.model = good
        async with town.worker():
            await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: hi"]


async def test_a_model_that_stays_away_ends_in_a_sentence(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience counts from the acceptance, however often the job was handed over."""
    monkeypatch.setattr(manager_module, "MODEL_AWAY_SECONDS", 0.05)
    monkeypatch.setattr(worker_module, "REST_SECONDS", 0.05)
    town.model = _OutOfReach()
    town.manners = replace(town.manners, patience=Patience(0.5))
    async with town.worker():
        accepted = await town.ask("hi")
        await town.settled(accepted.conversation_id)
    assert town.last.ending == Ending.FAILED
    assert town.last.notice == ModelUnavailable.user_notice


async def test_a_drain_keeps_the_checkpoint_of_what_was_shown(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store fails once while the job is handed over: the next worker still finds the message and goes on in it."""
    reached, go_on = town.model.hold_after(2)
    original = RedisJobs.release
    failed: list[Claim] = []

    async def release(self: RedisJobs, claim: Claim) -> None:
        if not failed:
            failed.append(claim)
            raise StoreUnavailable("away")
        await original(self, claim)

    monkeypatch.setattr(RedisJobs, "release", release)
    async with town.worker(drain_seconds=0):
        accepted = await town.ask("a b c")
        await reached.wait()
        await until("the beginning is shown", lambda: town.platform.texts == ["You asked:"])
    go_on.set()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert failed
    assert town.platform.texts == ["You asked: a b c"]
