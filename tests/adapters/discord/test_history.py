"""What is read of people's earlier messages, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.discord import history as history_module
from adapters.discord.history import DiscordHistory
from adapters.discord.limits import reads_in
from conversation import earlier
from conversation.model import Job, Role
from conversation.pacing import Use, take_or_raise
from tests.adapters.discord.writing import Writer, ended, job, writer
from tests.servers.discord import ALICE, BOB, ELSEWHERE, GENERAL, OTHER_BOT, RANDOM, DiscordServer
from tests.servers.discord.routes import HISTORY


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Writer]:
    """A writer, whose API the history reads with."""
    async with DiscordServer(limits=True) as discord, writer(discord, redis_client) as opened:
        yield opened
        assert discord.rate_limited == 0


NOT_ALLOWED = "I may not read the message that this is about."
NOT_READ = "I could not read the earlier messages here."


def pointing(asked: Job, *above: str) -> Job:
    """The question with what it points to."""
    return replace(asked, messages=(replace(asked.messages[0], above=above),))


async def read(at_work: Writer, asked: Job, *known: str) -> list[tuple[str, str]]:
    """(name, text) of what the job points to."""
    return (await look(at_work, asked, *known))[0]


async def look(at_work: Writer, asked: Job, *known: str) -> tuple[list[tuple[str, str]], str]:
    """The same, and what the person is told of what could not be read."""
    found = await DiscordHistory(at_work.api).earlier(asked, {asked.messages[0].message_id, *known})
    assert all(turn.role is Role.USER and turn.message_ids == (turn.id,) for turn in found.turns)
    return [(turn.author_name, turn.text) for turn in found.turns], found.notice


async def asked_in(at_work: Writer, thread: str) -> Job:
    message_id = await at_work.discord.mention("Why?", channel=thread)
    return job(message_id, thread, thread=thread)


async def test_a_thread_is_read_up_to_the_question(at_work: Writer) -> None:
    """Oldest first, from the message that it was opened from; ours and what came later are left out."""
    discord = at_work.discord
    root = await discord.say(f"`a < b` fails for <@{BOB}>", user=ALICE)
    thread = await discord.open_thread("A talk", message=root)
    await discord.say("see <#1> and ask", channel=thread, user=BOB)
    await discord.say("build failed", channel=thread, user=OTHER_BOT)
    before = await asked_in(at_work, thread)
    await at_work.show(before, ended("An answer of ours."))
    asked = pointing(await asked_in(at_work, thread), "thread")
    await discord.say("too late", channel=thread, user=BOB)
    assert await read(at_work, asked, before.messages[0].message_id) == [
        ("Alice", "`a < b` fails for @Bob"),
        ("Bob", "see #channel and ask"),
        ("deploybot", "build failed"),
    ]


async def test_of_a_long_thread_the_newest_and_its_beginning_are_read(
    at_work: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, and a bounded number; in a forum's post as well."""
    discord = at_work.discord
    root = await discord.say("the root", user=BOB)
    for thread in await discord.open_thread("Long", message=root), await discord.open_forum_post("Long", "the root"):
        for number in range(250):
            await discord.say(str(number), channel=thread, user=BOB)
        asked = pointing(await asked_in(at_work, thread), "thread")
        discord.calls.clear()
        assert [text for _, text in await read(at_work, asked)] == ["the root", *map(str, range(51, 250))]
        assert len(discord.calls_of(HISTORY)) == 2
    monkeypatch.setattr(earlier, "MAX_CHARACTERS", 9)
    assert [text for _, text in await read(at_work, asked)] == ["247", "248", "249"]


async def test_pages_whose_room_comes_bit_by_bit_are_read_one_after_the_other(at_work: Writer) -> None:
    """Others read there as well, so that there is room for one page at a time: none is read twice."""
    discord = at_work.discord
    thread = await discord.open_forum_post("Long", "the root")
    for number in range(150):
        await discord.say(str(number), channel=thread, user=BOB)
    asked = pointing(await asked_in(at_work, thread), "thread")
    for _ in range(4):
        await at_work.patiently(lambda: take_or_raise(at_work.rates, Use(reads_in(thread))))
        await asyncio.sleep(0.1)  # so they come free one after the other
    assert [text for _, text in await read(at_work, asked)] == ["the root", *map(str, range(150))]
    assert len(discord.calls_of(HISTORY)) == 2


async def test_a_bare_mention_reads_the_ten_messages_above_it(at_work: Writer) -> None:
    """Of the channel itself, and not what we said there."""
    numbered = [await at_work.discord.say(str(number), user=BOB) for number in range(12)]
    asked = pointing(await at_work.asked("known"), "channel")
    await at_work.discord.say("too late", user=BOB)
    assert await read(at_work, asked) == [("Bob", str(number)) for number in range(2, 12)]
    assert await read(at_work, asked, numbered[-1]) == [("Bob", str(number)) for number in range(2, 11)]


async def test_what_stands_an_hour_above_is_not_meant(at_work: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare mention points to what is being talked about."""
    monkeypatch.setattr(history_module, "ABOVE_SECONDS", -1.0)
    await at_work.discord.say("old", user=BOB)
    assert await read(at_work, pointing(await at_work.asked(), "channel")) == []


async def test_the_message_that_a_question_is_about_is_read(at_work: Writer) -> None:
    """Also where it is one of ours, and also what a bot shows in an embed only."""
    discord = at_work.discord
    theirs = await discord.say("a question", user=BOB)
    await discord.say("between", user=BOB)
    asked = await at_work.asked_in_thread()
    ours = await at_work.show(asked, ended("An answer of ours."))
    thread = asked.messages[0].address.thread
    about = pointing(asked, f"message:{GENERAL}:{theirs}", f"message:{thread}:{ours.message_id}")
    assert await read(at_work, about) == [("Bob", "a question"), ("corral", "An answer of ours.")]
    embedded = await discord.unfurl(await discord.say("", user=OTHER_BOT))
    about = pointing(await at_work.asked(), f"message:{GENERAL}:{embedded}")
    assert await read(at_work, about) == [("deploybot", "A page\nWhat the page says")]


@pytest.mark.parametrize("channel", [RANDOM, ELSEWHERE])
async def test_a_message_of_another_channel_is_not_read_to_others(at_work: Writer, channel: str) -> None:
    """We may read it; those who ask here perhaps not."""
    secret = await at_work.discord.say("a secret", channel=channel, user=BOB)
    about = pointing(await at_work.asked(), f"message:{channel}:{secret}")
    assert await look(at_work, about) == ([], NOT_ALLOWED)


async def test_what_cannot_be_read_takes_nothing_from_the_rest(at_work: Writer) -> None:
    """What can be read is."""
    here = await at_work.discord.say("here", user=BOB)
    gone = await at_work.discord.say("gone", user=BOB)
    await at_work.discord.delete(gone)
    asked = await at_work.asked()
    both = pointing(asked, f"message:{GENERAL}:{gone}", f"message:{GENERAL}:{here}")
    assert await look(at_work, both) == ([("Bob", "here")], NOT_ALLOWED)


async def test_a_discord_that_is_away_is_told_in_a_sentence(at_work: Writer) -> None:
    """The question is answered without what stands above it."""
    asked = pointing(await at_work.asked(), "channel")
    at_work.discord.fail(HISTORY, 503)
    assert await look(at_work, asked) == ([], NOT_READ)


async def test_reading_waits_for_room_and_leaves_some_to_those_who_look_for_their_messages(
    at_work: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever: then it is told that nothing could be read."""
    await at_work.discord.say("above", user=BOB)
    asked = pointing(await at_work.asked(), "channel")
    limit = reads_in(GENERAL)
    for _ in range(limit.limit - history_module.SPARE):
        await at_work.rates.take(Use(limit))
    monkeypatch.setattr(earlier, "WAIT_SECONDS", 0.1)
    assert await look(at_work, asked) == ([], NOT_READ)
    assert at_work.discord.calls_of(HISTORY) == []
    monkeypatch.setattr(earlier, "WAIT_SECONDS", 30.0)
    assert await read(at_work, asked) == [("Bob", "above")]
