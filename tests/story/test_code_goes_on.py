"""Answers of code that go on: whatever was shown below the first half, what people read at the end is one answer."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from conversation.access import Person
from conversation.model import Action, Ending, Role, Skill, Turn
from conversation.ports import Sampling
from conversation.reception import Press
from conversation.skills import CodeFile, Language, Wish, ask_for
from tests.story.conftest import Town
from tests.story.test_places import RoomyPlatform
from tests.story.test_skills import Coder
from tests.waiting import until

PYTHON = Language("Python", "python")
AFTER = "\n" + "".join(f"a{number} = {number}\n" for number in range(300))
LONG = CodeFile(f"x = 1\n<FILL_ME>{AFTER}", "shop.py", PYTHON)
FILL = "b = 1\n" * 30


@pytest.fixture
def platform(town: Town) -> RoomyPlatform:
    town.platform = platform = RoomyPlatform(message_limit=1550)
    return platform


@pytest.fixture
def coder(town: Town, platform: RoomyPlatform) -> Coder:
    """Fills in 90 characters at a time."""
    town.model = coder = Coder(hole=FILL, context_tokens=40_000)
    town.manners = replace(town.manners, sampling=Sampling(max_new_tokens=90))
    return coder


async def goes_on(town: Town, exchange: str) -> str:
    """Press Continue below the last message; the conversation, when that is answered."""
    below = list(town.platform.messages)[-1]
    assert await town.press(Action.CONTINUE, exchange, message_id=below) == ""
    conversation = await town.inbox.conversation(town.message("").address)
    assert conversation is not None
    await town.settled(conversation)
    return conversation


async def the_answer(town: Town, conversation: str) -> Turn:
    (answer,) = [turn for turn in await town.threads.turns(conversation) if turn.role is Role.ASSISTANT]
    return answer


def blocks(town: Town) -> list[Token]:
    """The code blocks of all messages, in their order."""
    return [token for text in town.platform.texts for token in MarkdownIt().parse(text) if token.type == "fence"]


def code_in(tokens: list[Token]) -> str:
    return "".join(token.content for token in tokens if token.info == "python")


async def test_a_long_fill_goes_on_in_its_messages(town: Town, coder: Coder, platform: RoomyPlatform) -> None:
    """What stood below the first half stands below the whole: no message shows the half any more."""
    async with town.worker():
        accepted = await town.wish(Wish(Skill.FILL, files=(LONG,)))
        await town.settled(accepted.conversation_id)
        before = list(platform.messages)
        assert len(before) > 2
        assert town.last.ending == Ending.LENGTH
        conversation = await goes_on(town, accepted.job_id)
    assert town.last.ending == Ending.COMPLETE
    assert code_in(blocks(town)) == LONG.text.replace("<FILL_ME>", FILL)
    assert "\n".join(platform.texts).count("what I filled in") == 1
    assert list(platform.messages)[: len(before)] == before
    answer = await the_answer(town, conversation)
    assert (answer.said, answer.message_ids[:-1]) == (FILL, tuple(platform.messages))
    assert [message.offers for message in list(platform.messages.values())[:-1]] == [()] * (len(platform.messages) - 1)


async def test_its_file_is_the_whole_code(town: Town, coder: Coder, platform: RoomyPlatform) -> None:
    """Named as the one that was attached."""
    async with town.worker():
        accepted = await town.wish(Wish(Skill.FILL, files=(LONG,)))
        await town.settled(accepted.conversation_id)
        assert [file.name for file in platform.files] == ["shop"]
        await goes_on(town, accepted.job_id)
    assert platform.files[-1].text == LONG.text.replace("<FILL_ME>", FILL)
    assert {(file.name, file.language) for file in platform.files} == {("shop", "python")}
    assert platform.writes.count("delete file1") == 1


async def test_who_takes_over_goes_on_in_the_same_messages(town: Town, coder: Coder, platform: RoomyPlatform) -> None:
    """A worker that dies meanwhile leaves no half behind."""
    town.manners = replace(town.manners, sampling=Sampling(max_new_tokens=120))
    async with town.worker():
        accepted = await town.wish(Wish(Skill.FILL, files=(LONG,)))
        await town.settled(accepted.conversation_id)
    below = list(platform.messages)[-1]
    await town.press(Action.CONTINUE, accepted.job_id, message_id=below)
    held = coder.holds_after(20)
    async with town.crashing_worker():
        await held.wait()
        await until("it is shown", lambda: "delete" in str(platform.writes) or platform.texts[0].count("b = 1") > 20)
    coder.holds.clear()
    async with town.worker():
        await town.settled(accepted.conversation_id)
    assert code_in(blocks(town)) == LONG.text.replace("<FILL_ME>", FILL)
    assert "\n".join(platform.texts).count("what I filled in") == 1


async def test_a_private_fill_that_goes_on_is_shown_as_a_whole(
    town: Town, coder: Coder, platform: RoomyPlatform
) -> None:
    """Its messages may be out of reach, so that the whole stands below them."""
    asked = ask_for(Wish(Skill.FILL, files=(LONG,))).into(town.message(""))
    async with town.worker():
        accepted = await town.inbox.accept(replace(asked, private=True))
        await town.settled(accepted.conversation_id)
        half = platform.texts
        person = Person(asked.address, "ada")
        press = Press(Action.CONTINUE, accepted.job_id, person, "Ada", "p1", 0.0, list(platform.messages)[-1])
        assert await town.reception.pressed(replace(press, private=True)) == ""
        await town.settled(accepted.conversation_id)
        assert platform.texts[: len(half)] == half
        whole = [token for text in platform.texts[len(half) :] for token in MarkdownIt().parse(text)]
    assert code_in([token for token in whole if token.type == "fence"]) == LONG.text.replace("<FILL_ME>", FILL)


async def test_a_block_that_goes_on_is_a_file_as_a_whole(town: Town, platform: RoomyPlatform) -> None:
    """The words below it are none, though the answer goes on within the block."""
    platform.message_limit = 300
    code = "".join(f"line_{number} = {number}\n" for number in range(40)).replace(" ", "")
    town.model.answer = lambda _: f"Here:\n```python\n{code} ```\n" + "word " * 200
    town.manners = replace(town.manners, sampling=Sampling(max_new_tokens=1))
    async with town.worker():
        accepted = await town.ask("why?")
        await town.settled(accepted.conversation_id)
        assert [file.text for file in platform.files] == [code]
        town.manners = replace(town.manners, sampling=Sampling(max_new_tokens=1000))
    async with town.worker():
        await goes_on(town, accepted.job_id)
    assert {file.language for file in platform.files} == {"python"}
    assert platform.files[-1].text.strip() == code.strip()
    assert len(platform.files) == 2


async def test_a_long_completion_goes_on_below(town: Town, coder: Coder, platform: RoomyPlatform) -> None:
    """Nothing stands below it but the end of its block, so that only what is new is written."""
    platform.message_limit = 200
    coder.rest = "".join(f"line_{number} = {number}\n" for number in range(12))
    async with town.worker():
        accepted = await town.wish(Wish(Skill.COMPLETE, files=(CodeFile("x = 1\n", "", PYTHON),)))
        await town.settled(accepted.conversation_id)
        first = list(platform.messages)
        await goes_on(town, accepted.job_id)
    assert code_in(blocks(town)).replace("\n", "") == coder.rest.replace("\n", "")
    assert list(platform.messages)[: len(first)] == first
    assert town.last.ending == Ending.COMPLETE
