"""Quotas as people meet them: a sentence where the answer would stand, and one count for each question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conversation.errors import StoreUnavailable
from conversation.manager import Manners
from conversation.model import Action, Command, Ending, Message, Role, ThreadId
from conversation.ports import Sampling
from conversation.quotas import Scope, owner, quotas
from storage.quotas import RedisQuotas
from tests.story.conftest import Town
from tests.waiting import until

ANSWER_TOKENS = 5  # the scripted model says a word a token: You asked: one two three
HERE = ThreadId("memory", "team", "channel", "t")


def bound(town: Town, person: str = "", channel: str = "", tenant: str = "") -> None:
    """From now on these hold."""
    town.gates = (RedisQuotas(town.redis, town.keys, quotas(person, channel, tenant)),)


async def used(town: Town, unit: str, person: str = "ada") -> int:
    """What is counted for a person in this day."""
    window = (await town.redis.time())[0] // 86_400
    name = town.keys.quota(owner(Scope.PERSON, HERE, person), 86_400, window)
    return int(await town.redis.hget(name, unit) or 0)


async def test_who_has_used_a_quota_is_told_when_it_is_free_again(town: Town) -> None:
    """In the answer's place; the model is not asked, nothing is remembered, and nothing is offered to press."""
    bound(town, "1 request/day")
    async with town.worker():
        first = await town.ask("one")
        await town.settled(first.conversation_id)
        second = await town.ask("two")
        await town.settled(second.conversation_id)
        other = await town.ask("three", author="grace", thread="u")
        await town.settled(other.conversation_id)
    told = town.platform.messages["m2"]
    assert told.notice.startswith("You have used your 1 request of today; ask again in ")
    assert told.notice.endswith("(from 00:00 UTC).")
    assert (told.text, told.offers, told.ending) == ("", (), Ending.FAILED)
    assert [prompt.rpartition("[INST] ")[2] for prompt in town.model.prompts] == ["one [/INST]", "three [/INST]"]
    assert await town.turns(first.conversation_id) == [("user", "one"), ("assistant", "You asked: one")]


async def test_who_is_frank_names_the_setting(town: Town) -> None:
    """A person at their own terminal can change it."""
    town.manners = replace(town.manners, frank=True)
    bound(town, channel="1 request/day")
    async with town.worker():
        for text in ("one", "two"):
            accepted = await town.ask(text)
            await town.settled(accepted.conversation_id)
    assert town.last.notice.startswith("This channel has used its 1 request of today;")
    assert town.last.notice.endswith("(QUOTA_CHANNEL has 1 request/day)")


async def test_continue_and_regenerate_are_requests_and_errands_are_free(town: Town) -> None:
    """What the model is asked counts, and what it is not asked does not; a refused Regenerate leaves the old answer."""
    town.manners = Manners("", Sampling(max_new_tokens=3))
    bound(town, "3 requests/day")
    async with town.worker():
        accepted = await town.hear("a b c d e f")
        await town.settled(accepted.conversation_id)
        for sign in ("help", "status", "quiet"):
            said = await town.hear(sign)
            await town.settled(said.conversation_id)
        assert await used(town, "requests") == 1
        assert await town.press(Action.CONTINUE, accepted.job_id) == ""
        await town.settled(accepted.conversation_id)
        assert await used(town, "requests") == 2
        assert await town.press(Action.AGAIN, accepted.job_id, message_id="m5") == ""
        await town.settled(accepted.conversation_id)
        assert await used(town, "requests") == 3
        before = [text for _, text in await town.turns(accepted.conversation_id)]
        assert await town.press(Action.AGAIN, accepted.job_id, message_id="m1") == ""
        await town.settled(accepted.conversation_id)
    assert await used(town, "requests") == 3
    assert "You have used your 3 requests of today" in str(town.platform.messages)
    assert [text for _, text in await town.turns(accepted.conversation_id)] == before


async def test_status_tells_what_is_left(town: Town) -> None:
    """For the person who asks; without a quota nothing is said of any."""
    async with town.worker():
        said = await town.hear("status")
        await town.settled(said.conversation_id)
    assert "Left for you" not in town.last.text + town.last.notice
    bound(town, "3 requests/day")
    async with town.worker():
        for text in ("one", "status"):
            said = await town.hear(text)
            await town.settled(said.conversation_id)
    assert "Left for you: 2 of 3 requests today (UTC)." in town.last.text + town.last.notice


async def test_tokens_of_prompt_and_answer_count_and_bound_the_next_question(town: Town) -> None:
    """An answer in whose midst they are used up ends as it would have."""
    bound(town, "5 tokens/day")
    async with town.worker():
        first = await town.ask("one two three")
        await town.settled(first.conversation_id)
        assert town.last.ending == Ending.COMPLETE
        assert town.last.text == "You asked: one two three"
        prompt = "[INST] one two three [/INST]"
        counted = await (await town.model.ready()).format.count(Message(Role.USER, "one two three"))
        assert town.model.prompts == [prompt]
        assert await used(town, "tokens") - ANSWER_TOKENS in range(counted, counted + 4), "and the beginning's token"
        second = await town.ask("four")
        await town.settled(second.conversation_id)
    assert town.last.notice.startswith("You have used your 5 tokens of today;")


async def test_a_take_over_counts_one_request_and_no_token_twice(town: Town) -> None:
    """As if nobody had died; though by then the quota is used up, the answer goes on."""
    bound(town, "1 request/day, 1000 tokens/day")
    reached, gate = town.model.hold_after(3)
    async with town.crashing_worker():
        dying = await town.ask("one two three")
        await reached.wait()
        await until("its beginning is shown", lambda: bool(town.platform.messages))
    gate.set()
    async with town.worker():
        await town.settled(dying.conversation_id)
    assert town.platform.texts == ["You asked: one two three"]
    assert await used(town, "requests") == 1
    with_crash = await used(town, "tokens")

    bound(town, "9 requests/day, 1000 tokens/day")
    async with town.worker():
        calm = await town.ask("one two three", author="grace", thread="u")
        await town.settled(calm.conversation_id)
    assert await used(town, "tokens", "grace") == with_crash


async def test_a_question_that_was_changed_is_one_request_and_all_its_tokens(town: Town) -> None:
    """Begun anew by an edit, what the model did for both versions counts."""
    bound(town, "1 request/day, 1000 tokens/day")
    reached, gate = town.model.hold_after(3)
    async with town.worker():
        asked = town.message("one two three", key="q")
        accepted = await town.inbox.accept(asked)
        await reached.wait()
        await until("its beginning is shown", lambda: bool(town.platform.messages))
        gate.set()
        await town.inbox.replace(replace(asked, text="one two four", edited_at=asked.sent_at + 1))
        await town.settled(accepted.conversation_id)
    assert town.platform.texts == ["You asked: one two four"]
    assert await used(town, "requests") == 1
    both = await used(town, "tokens")
    bound(town, "9 requests/day, 1000 tokens/day")
    async with town.worker():
        calm = await town.ask("one two four", author="grace", thread="u")
        await town.settled(calm.conversation_id)
    assert both > await used(town, "tokens", "grace") + 2


async def test_what_was_stopped_counts_as_far_as_it_came(town: Town) -> None:
    """The model has worked for it."""
    bound(town, "9 requests/day, 1000 tokens/day")
    reached, _ = town.model.hold_after(2)
    async with town.worker():
        accepted = await town.ask("one two three")
        await reached.wait()
        await town.inbox.cancel(accepted.conversation_id)
        await town.settled(accepted.conversation_id)
    assert await used(town, "tokens") > 2


async def test_a_private_answers_refusal_is_private(town: Town) -> None:
    """It goes where the answer would: the platform is told with the same job that only its author may see it."""
    bound(town, "1 request/day")
    shown: list[bool] = []
    post = town.platform.post

    async def watched(job, segment, content):  # type: ignore[no-untyped-def]
        shown.append(job.messages[0].private)
        return await post(job, segment, content)

    town.platform.post = watched  # type: ignore[method-assign]
    async with town.worker():
        for text in ("one", "two"):
            accepted = await town.inbox.accept(replace(town.message(text), private=True))
            await town.settled(accepted.conversation_id)
    assert "You have used" in town.last.notice
    assert shown == [True, True]


async def test_tokens_that_could_not_be_counted_hold_up_no_answer(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store was away in that moment."""
    bound(town, "9 tokens/day")

    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(town.gates[0], "spent", away)
    async with town.worker():
        accepted = await town.ask("one")
        await town.settled(accepted.conversation_id)
    assert town.last.ending == Ending.COMPLETE


async def test_a_delivery_that_comes_again_is_the_same_request(town: Town) -> None:
    """Slack delivers until it is acknowledged."""
    bound(town, "2 requests/day")
    async with town.worker():
        for _ in range(3):
            accepted = await town.inbox.accept(town.message("one", key="same"))
            await town.settled(accepted.conversation_id)
        errand = await town.ask("", command=Command.HELP)
        await town.settled(errand.conversation_id)
    assert await used(town, "requests") == 1
