"""`help` with examples to press, and `status`: what answers, how busy it is, what is set."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.slack.commands import HELP
from conversation import guide, notices
from conversation.access import Person
from conversation.errors import ModelUnavailable
from conversation.language_model import LanguageModel
from conversation.model import Action, Belonging, Language, Owner, Preferences, Skill, ThreadId
from conversation.prompts.infill import HOLE
from conversation.reception import Heard, Press
from conversation.skills import SKILLS
from tests.fakes import ScriptedModel
from tests.story.conftest import Town
from tests.waiting import until

HERE = ThreadId("memory", "team", "channel", "t")


def test_help_is_short_and_has_every_skill() -> None:
    """With how it is called up where people are; Discord's messages bound it."""
    text = guide.help_text(lambda skill: f"/{skill}")
    assert all(f"- `/{skill}`: " in text for skill in SKILLS)
    assert text.count(HOLE) == text.count(f"`{HOLE}`") == 1
    assert "In a thread, mention me" in text
    assert len(text) < 1000
    assert len(HELP) < 1300  # with all that Slack's command can do
    assert len(guide.examples()) <= 5
    assert all(len(offer.label) <= 75 for offer in guide.examples())


async def test_help_in_direct_messages_says_nothing_of_mentions(town: Town) -> None:
    """Where nobody else is, nobody need mention us, and there is no channel to be quiet in."""
    async with town.worker():
        heard = Heard(town.message("help", thread="theirs"), direct=True)
        accepted = await town.reception.hear(heard)
        assert accepted is not None
        await town.settled(accepted.conversation_id)
    assert town.last.notice == guide.HELP_DIRECTLY
    assert "Mention me" not in guide.HELP_DIRECTLY
    assert "quiet" not in guide.HELP_DIRECTLY


async def test_an_example_of_help_can_be_pressed(town: Town) -> None:
    """It is asked in the thread as if its person had written it, once."""
    town.model.answer = lambda _: "print(1)\n```"
    async with town.worker():
        helped = await town.hear("help", thread="theirs")
        await town.settled(helped.conversation_id)
        assert town.last.notice == guide.HELP
        offer = next(offer for offer in town.last.offers if offer.target == Skill.CODE)
        (below,) = town.platform.messages
        assert await town.press(Action.TRY, offer.target, thread="theirs", message_id=below) == ""
        assert await town.press(Action.TRY, offer.target, thread="theirs", message_id=below) == notices.ALREADY_ASKED
        conversation = await town.inbox.conversation(replace(HERE, thread="theirs"))
        assert conversation is not None
        await town.settled(conversation)
    assert len(town.model.prompts) == 1
    assert "read a CSV file and sum the second column" in town.model.prompts[0]
    assert town.last.text.startswith("```python\n")


@pytest.mark.parametrize("target", [offer.target for offer in guide.examples()])
def test_every_example_is_a_question(target: str) -> None:
    """Of its skill, with its code."""
    question = guide.example(target)
    assert question is not None
    assert question.skill == target
    assert SKILLS[question.skill].example.removeprefix("python ") in question.text


async def test_examples_that_are_gone_and_guests(town: Town) -> None:
    """An older message's button says that it has no use any more; guests press nothing."""
    assert await town.press(Action.TRY, "poem") == notices.NO_SUCH_EXAMPLE
    press = Press(Action.TRY, "code", Person(HERE, "eve", belonging=Belonging.EXTERNAL), "Eve", "p", 0.0, "m1")
    assert await town.reception.pressed(press) == notices.OUTSIDER
    assert await town.inbox.depth() == 0


async def told(town: Town, thread: str = "s") -> list[str]:
    """The lines that `status` gives."""
    before = len(town.platform.messages)
    accepted = await town.hear("status", thread=thread)
    await town.settled(accepted.conversation_id)
    assert len(town.platform.messages) == before + 1
    return town.last.notice.splitlines()


async def test_status_tells_how_things_stand(town: Town) -> None:
    """The model and its window, the queue, and what is set for the channel and for who asks; additions by length."""
    await town.preferences.put(Owner.channel_of(HERE), Preferences(Language("C++", "cpp"), "Secret words."))
    await town.preferences.put(Owner.person_of(HERE, "ada"), Preferences(temperature=0.0))
    async with town.worker():
        assert await told(town) == [
            "The model is codellama/CodeLlama-34b-Instruct-hf.",
            notices.window(4096, 100),
            "No question waits, and 16 answers can begin now.",
            "Set for this channel: code in C++, standing instructions of 13 characters.",
            "Set for you: variety 0.",
        ]
    assert town.model.prompts == []


async def test_status_says_who_waits_while_the_model_is_busy(town: Town) -> None:
    """It waits for nobody itself, and is no part of the thread where it is asked."""
    town.model.slots = 1
    reached, gate = town.model.hold_after(1)
    async with town.worker():
        running = await town.ask("long", thread="t", author="bob")
        await reached.wait()
        for number in range(3):  # two are announced, the third is parked
            await town.ask(f"q{number}", thread=str(number), author="eve")
        assert (await told(town, thread="t"))[2] == "3 questions wait, and no answer can begin now."
        assert (await told(town, thread="theirs"))[-1] == "Set for you: nothing."
        assert await town.reception.hear(Heard(town.message("lunch?", thread="theirs", author="bob"))) is None
        gate.set()
        await town.settled(running.conversation_id)
        await until("all are answered", lambda: len(town.model.prompts) == 4)
        await until("nothing is left", lambda: _is_empty(town))
        assert (await told(town))[2] == "No question waits, and 1 answer can begin now."


async def _is_empty(town: Town) -> bool:
    return await town.inbox.depth() == 0


class Away(ScriptedModel):
    """A model whose server does not answer."""

    async def ready(self) -> LanguageModel:
        raise ModelUnavailable


class Loading(ScriptedModel):
    """A model that is not ready for a long time."""

    async def ready(self) -> LanguageModel:
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize(
    ("model", "sentence"), [(Away(), ModelUnavailable.user_notice), (Loading(), notices.MODEL_LOADING)]
)
async def test_status_without_a_model_tells_that(
    town: Town, model: ScriptedModel, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all the rest that is known."""
    monkeypatch.setattr("conversation.report.MODEL_SECONDS", 0.2)
    town.model = model
    async with town.worker():
        assert await told(town) == [
            sentence,
            "No question waits.",
            "Set for this channel: nothing.",
            "Set for you: nothing.",
        ]


async def test_only_questions_wait_for_a_model(town: Town) -> None:
    """An errand that nobody has done yet is none, and a question waits until it has a slot."""
    await town.hear("help", thread="h")
    await town.hear("forget", thread="f")
    await town.ask("q", thread="q")
    assert await town.slots().waiting() == 1
    (claim,) = await town.queue().claim(5)
    assert await town.slots().waiting() == 1
    async with town.slots().hold(claim, "model", 4, on_place=lambda place: None, keep=lambda: False):
        assert await town.slots().waiting() == 0
