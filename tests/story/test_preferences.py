"""Settings without a new start: whoever begins a thread begins it with what is set, and it stays so."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from conversation import notices
from conversation.access import Person, Rules
from conversation.errors import NotSettable, Refused
from conversation.generation import Patience
from conversation.manager import Manners
from conversation.model import Belonging, Command, Ending, Language, Owner, Preferences, Role, Skill, ThreadId
from conversation.ports import Sampling
from conversation.preference_desk import PreferenceDesk
from conversation.preferences import Entered
from conversation.skills import Wish
from tests.story.conftest import Town
from tests.story.test_skills import HOLE, Coder

TYPESCRIPT = Language("TypeScript", "typescript")
HERE = ThreadId("memory", "team", "channel", "t")
CHANNEL, ADA, BOB = Owner.channel_of(HERE), Owner.person_of(HERE, "ada"), Owner.person_of(HERE, "bob")
NAMES = {"ts": TYPESCRIPT}


@pytest.fixture
def coder(town: Town) -> Coder:
    town.model = coder = Coder()
    town.manners = Manners("Be brief.", Sampling(100, 0.2, 0.95), Patience(5.0))
    return coder


@pytest.fixture
def desk(town: Town) -> PreferenceDesk:
    return PreferenceDesk(town.preferences, Rules(), NAMES.get, 100)


async def ask(town: Town, text: str, *, thread: str = "t", author: str = "ada") -> str:
    accepted = await town.ask(text, thread=thread, author=author)
    await town.settled(accepted.conversation_id)
    return accepted.conversation_id


async def test_a_new_thread_begins_with_what_is_set(town: Town, coder: Coder) -> None:
    """The channel's wishes and the person's are in its prompt, and the model chooses as they want it."""
    await town.preferences.put(CHANNEL, Preferences(TYPESCRIPT, "Use tabs.", 0.7))
    await town.preferences.put(ADA, Preferences(None, "Be kind.", None, 50))
    async with town.worker():
        conversation = await ask(town, "why?")
    assert coder.prompts[0].startswith(
        "[INST] <<SYS>>\nBe brief.\n\nWrite code in TypeScript unless another language is asked for.\n\n"
        "Use tabs.\n\nBe kind.\n<</SYS>>\n\nwhy?"
    )
    assert (coder.sampled[0].temperature, coder.sampled[0].max_new_tokens) == (0.7, 50)
    (answer,) = [turn for turn in await town.threads.turns(conversation) if turn.role is Role.ASSISTANT]
    assert answer.provenance is not None
    assert (answer.provenance.temperature, answer.provenance.max_new_tokens) == (0.7, 50)


async def test_a_change_is_for_new_threads(town: Town, coder: Coder) -> None:
    """A thread goes on as it began, so that its prompts keep their beginning; the next one is new."""
    async with town.worker():
        await ask(town, "one")
        await town.preferences.put(CHANNEL, Preferences(additions="Use tabs.", temperature=1.0))
        await ask(town, "two")
        await ask(town, "three", thread="other")
    first, second, other = coder.prompts
    assert second.startswith(first)
    assert "Use tabs." not in second
    assert "Use tabs." in other
    assert [one.temperature for one in coder.sampled] == [0.2, 0.2, 1.0]


async def test_who_begins_a_thread_decides(town: Town, coder: Coder) -> None:
    """Others who join it change nothing of it; theirs hold where they begin."""
    await town.preferences.put(ADA, Preferences(additions="For Ada."))
    await town.preferences.put(BOB, Preferences(additions="For Bob."))
    async with town.worker():
        await ask(town, "one", author="ada")
        await ask(town, "two", author="bob")
        await ask(town, "three", thread="other", author="bob")
    assert ["For Ada." in prompt for prompt in coder.prompts] == [True, True, False]
    assert ["For Bob." in prompt for prompt in coder.prompts] == [False, False, True]


async def test_an_answer_that_another_worker_goes_on_with_has_the_same_prompt(town: Town, coder: Coder) -> None:
    """What is set meanwhile is nothing to it."""
    reached, gate = coder.hold_after(1)
    accepted = await town.ask("why?")
    async with town.crashing_worker():
        await reached.wait()
    await town.preferences.put(CHANNEL, Preferences(additions="Use tabs."))
    gate.set()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert len(coder.prompts) == 2
    assert coder.prompts[1].startswith(coder.prompts[0])


async def test_forget_forgets_what_a_thread_began_with(town: Town, coder: Coder) -> None:
    """The next question there begins anew, with what is set then."""
    await town.preferences.put(ADA, Preferences(additions="For Ada.", temperature=1.0))
    async with town.worker():
        conversation = await ask(town, "one")
        await town.preferences.clear(ADA)
        await town.hear("forget")
        await town.settled(conversation)
        assert await town.redis.hget(town.keys.thread(conversation), "preferences") is None
        await ask(town, "two")
    assert "For Ada." not in coder.prompts[-1]
    assert coder.sampled[-1].temperature == 0.2


async def test_removing_a_question_begins_no_thread(town: Town, coder: Coder) -> None:
    """An errand has no author whose wishes could be pinned: the next question has them still."""
    await town.preferences.put(ADA, Preferences(additions="For Ada."))
    question = town.message("one")
    async with town.worker():
        accepted = await town.inbox.accept(question)
        await town.settled(accepted.conversation_id)
        await town.threads.forget(accepted.conversation_id)
        await town.inbox.accept(
            replace(question, author_id="", message_id="gone", command=Command.REMOVE, target=question.message_id)
        )
        await town.settled(accepted.conversation_id)
        await ask(town, "two")
    assert "For Ada." in coder.prompts[-1]


async def test_a_snippet_begins_in_no_language_but_the_one_that_was_asked_for(town: Town, coder: Coder) -> None:
    """A preference is told to the model and not forced on it: "a bash script" is in bash."""
    await town.preferences.put(ADA, Preferences(TYPESCRIPT))
    async with town.worker():
        for wish in (Wish(Skill.CODE, "a bash script"), Wish(Skill.CODE, "print one", Language("Rust", "rust"))):
            accepted = await town.wish(wish, thread=str(wish))
            await town.settled(accepted.conversation_id)
    assert [prompt.rpartition("[/INST]")[2] for prompt in coder.prompts] == [" ```", " ```rust\n"]
    assert all("Write code in TypeScript unless another language is asked for." in prompt for prompt in coder.prompts)


async def test_infilling_keeps_its_own_temperature(town: Town, coder: Coder) -> None:
    """Completing code is no matter of taste; a shorter reply is."""
    await town.preferences.put(ADA, Preferences(temperature=2.0, max_new_tokens=20))
    async with town.worker():
        accepted = await town.wish(Wish(Skill.FILL, files=(HOLE,)))
        await town.settled(accepted.conversation_id)
    assert (coder.sampled[0].temperature, coder.sampled[0].max_new_tokens) == (0.0, 20)


async def test_additions_that_leave_no_room_are_named(town: Town, coder: Coder) -> None:
    """Nobody is told that a short question is too long."""
    coder.context_tokens = 512
    await town.preferences.put(CHANNEL, Preferences(additions="word " * 400))
    async with town.worker():
        await ask(town, "why?")
    assert town.last.ending == Ending.FAILED
    assert town.last.notice == notices.ADDITIONS_DO_NOT_FIT


class TestDesk:
    ada = Person(HERE, "ada")

    async def test_a_person_changes_what_is_set_for_them(self, town: Town, desk: PreferenceDesk) -> None:
        """And reads that it holds for new threads."""
        said = await desk.change(self.ada, Entered(language="ts", temperature="0.5"))
        assert said == f"Set for you: code in TypeScript, variety 0.5. {notices.FOR_NEW_THREADS}"
        await desk.change(self.ada, Entered(temperature=""))
        assert await desk.shown(self.ada) == Preferences(TYPESCRIPT)
        assert await desk.shown(self.ada, of_channel=True) == Preferences()
        assert await desk.clear(self.ada) == f"Set for you: nothing. {notices.FOR_NEW_THREADS}"
        assert await town.preferences.get(ADA) == (Preferences(),)

    async def test_only_who_manages_a_channel_changes_it(self, town: Town, desk: PreferenceDesk) -> None:
        """Everybody may look."""
        entered = Entered(additions="Use tabs.")
        for change in (desk.change(self.ada, entered, of_channel=True), desk.clear(self.ada, of_channel=True)):
            with pytest.raises(Refused) as caught:
                await change
            assert caught.value.user_notice == notices.ADMINS_ONLY
        said = await desk.change(self.ada, entered, of_channel=True, is_admin=True)
        assert said.startswith("Set for this channel: standing instructions of 9 characters")
        assert await desk.shown(Person(HERE, "bob"), of_channel=True) == Preferences(additions="Use tabs.")
        assert await town.preferences.get(CHANNEL, ADA) == (Preferences(additions="Use tabs."), Preferences())

    async def test_what_two_set_at_once_is_kept_of_both(self, desk: PreferenceDesk) -> None:
        """Both are told that it is set."""
        changes = [Entered(temperature="0.5"), Entered(max_new_tokens="50"), Entered(additions="Use tabs.")]
        changes.append(Entered(language="ts"))
        await asyncio.gather(*(desk.change(self.ada, entered, of_channel=True, is_admin=True) for entered in changes))
        assert await desk.shown(self.ada, of_channel=True) == Preferences(TYPESCRIPT, "Use tabs.", 0.5, 50)

    async def test_a_mistake_changes_nothing(self, town: Town, desk: PreferenceDesk) -> None:
        """What was right beside it is not kept either: the form is still open."""
        with pytest.raises(NotSettable):
            await desk.change(self.ada, Entered(temperature="1", max_new_tokens="101"))
        assert await desk.shown(self.ada) == Preferences()

    async def test_guests_of_other_organisations_set_nothing(self, town: Town, desk: PreferenceDesk) -> None:
        """Nor see what is set."""
        guest = Person(HERE, "eve", belonging=Belonging.EXTERNAL)
        for attempt in (desk.shown(guest, of_channel=True), desk.change(guest, Entered()), desk.clear(guest)):
            with pytest.raises(Refused) as caught:
                await attempt
            assert caught.value.user_notice == notices.OUTSIDER


class TestIntroduction:
    @pytest.fixture(autouse=True)
    def introduces(self, town: Town, coder: Coder) -> None:
        town.manners = replace(town.manners, introduction=notices.INTRODUCTION)

    async def test_a_person_is_told_once_what_answers(self, town: Town) -> None:
        """Below the first answer they get, in whatever channel or thread."""
        async with town.worker():
            for author, thread, told in (
                ("ada", "t", True),
                ("ada", "t", False),
                ("ada", "other", False),
                ("bob", "t", True),
            ):
                await ask(town, "why?", author=author, thread=thread)
                assert (town.last.notice == notices.INTRODUCTION) is told
                assert town.last.notice in {"", notices.INTRODUCTION}

    async def test_a_failure_introduces_nobody(self, town: Town, coder: Coder) -> None:
        """Nor does help: it is told with the first answer."""
        coder.context_tokens = 130
        async with town.worker():
            await ask(town, "why?")
            assert notices.INTRODUCTION not in town.last.notice
            coder.context_tokens = 4096
            help_ = await town.hear("help")
            await town.settled(help_.conversation_id)
            await ask(town, "why?")
        assert town.last.notice == notices.INTRODUCTION

    async def test_it_stands_below_what_else_there_is_to_say(self, town: Town, coder: Coder) -> None:
        """Here, that the answer goes on."""
        town.manners = replace(town.manners, sampling=Sampling(2))
        async with town.worker():
            await ask(town, "a b c d")
        assert town.last.notice == f"{notices.of_ending(Ending.LENGTH)}\n{notices.INTRODUCTION}"

    async def test_who_goes_on_after_a_crash_tells_it_once(self, town: Town, coder: Coder) -> None:
        """The same job is the same first answer."""
        accepted = await town.ask("why?")
        await town.preferences.meets(ADA, accepted.job_id)
        async with town.worker():
            await town.settled(accepted.conversation_id)
        assert town.last.notice == notices.INTRODUCTION
