"""A private answer that its person shows to everybody, where one person's private questions are one conversation."""

from __future__ import annotations

import time
from dataclasses import replace

from conversation import notices
from conversation.access import Person
from conversation.model import Action, Command, Skill, ThreadId, Turn
from conversation.reception import Press
from conversation.skills import as_said
from tests.story.conftest import Town

PRIVATE = ThreadId("memory", "team", "channel", "private-ada")
PUBLIC = ThreadId("memory", "team", "channel", "everybody")


def press(target: str, action: Action = Action.THREAD) -> Press:
    return Press(
        action, target, Person(PRIVATE, "ada"), "Ada", "press1", time.time(), "m1", private=True, shown_at=PUBLIC
    )


async def answered(town: Town, text: str) -> str:
    """Ask it privately; the exchange."""
    asked = await town.ask(text, thread=PRIVATE.thread)
    await town.settled(asked.conversation_id)
    return asked.job_id


async def turns_at(town: Town, address: ThreadId) -> list[Turn]:
    conversation = await town.inbox.conversation(address)
    assert conversation is not None
    await town.settled(conversation)
    return list(await town.threads.turns(conversation))


async def test_nothing_but_that_answer_is_shared(town: Town) -> None:
    """It begins a conversation of its own: whoever goes on with it there learns nothing of the other questions."""
    async with town.worker():
        await answered(town, "a secret")
        exchange = await answered(town, "how do I sort a list?")
        assert await town.reception.pressed(press(exchange)) == ""
        turns = await turns_at(town, PUBLIC)
        assert [turn.text for turn in turns][:1] == ["how do I sort a list?"]
        assert len(turns) == 2
        assert town.last.text == turns[1].text.strip()
        assert [offer.target for offer in town.last.offers] == [turns[1].exchange] * 3
        assert turns[1].message_ids
        assert exchange != turns[1].exchange
        await town.settled((await town.ask("and backwards?", thread=PUBLIC.thread)).conversation_id)
    assert "how do I sort a list?" in town.model.prompts[-1]
    assert "a secret" not in town.model.prompts[-1]


async def test_it_is_shared_once_and_not_after_it_was_forgotten(town: Town) -> None:
    """However often the button is pressed."""
    async with town.worker():
        exchange = await answered(town, "how do I sort a list?")
        assert await town.reception.pressed(press(exchange)) == ""
        assert await town.reception.pressed(press(exchange)) == notices.ALREADY_SHOWN
        assert len(await turns_at(town, PUBLIC)) == 2
        other = await answered(town, "and backwards?")
        forgotten = await town.ask("forget", thread=PRIVATE.thread, command=Command.FORGET)
        await town.settled(forgotten.conversation_id)
        assert await town.reception.pressed(press(other)) == notices.NO_SUCH_ANSWER
        assert len(await turns_at(town, PUBLIC)) == 2


async def test_what_is_shared_changes_where_everybody_reads_it(town: Town) -> None:
    """The private copy has no say any more: everybody would read the old answer and the model know another."""
    town.model.answer = lambda question: f"{len(town.model.prompts)} {question}"
    async with town.worker():
        exchange = await answered(town, "how do I sort a list?")
        share = replace(press(exchange, Action.SHARE), shown_at=None, person=Person(PRIVATE, "ada"))
        again = replace(share, action=Action.AGAIN, id="press2")
        assert await town.reception.pressed(share) == ""
        assert await town.reception.pressed(again) == notices.SHARED
        (_, shared) = await turns_at(town, PRIVATE)
        for action in Action.AGAIN, Action.CONTINUE:
            assert await town.reception.pressed(replace(again, action=action)) == notices.SHARED
        (public,) = shared.message_ids
        everybody = replace(again, message_id=public, private=False, id="press3")
        assert await town.reception.pressed(everybody) == ""
        (_, anew) = await turns_at(town, PRIVATE)
        assert await town.reception.pressed(replace(again, id="press4")) == notices.SHARED
    assert town.platform.messages[public].text == anew.text.strip() == "2 how do I sort a list?"


def test_people_read_what_was_asked_and_not_how() -> None:
    """Without the instruction of its skill."""
    assert as_said(Skill.FIX, "Correct this code.\n\nit crashes\n\n```\nx\n```") == "fix: it crashes\n\n```\nx\n```"
    assert as_said(Skill.ASK, "why?\n\n```\nx\n```") == "why?\n\n```\nx\n```"
    assert as_said(Skill.EXPLAIN, "Explain.") == "Explain."
