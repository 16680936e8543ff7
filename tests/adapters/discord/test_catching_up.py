"""What was written while nobody listened, read from Discord's history."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from adapters.discord import catching_up
from conversation.pseudonyms import pseudonym
from tests.adapters.discord.listening import HELP, Desk, desk_of
from tests.servers.discord import ALICE, BOB, BOT_USER, FORUM, GENERAL, DiscordServer, dm_of
from tests.servers.discord.routes import HISTORY
from tests.waiting import until

APP = BOT_USER


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk:
        yield desk


@pytest.fixture
async def discord(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordServer]:
    monkeypatch.setattr(catching_up, "growing_waits", lambda: itertools.repeat(0.01))
    async with DiscordServer() as discord:
        with discord.pointed():
            yield discord


async def texts(desk: Desk) -> list[str]:
    return [message.text for message in await desk.asked()]


async def lose_the_session(discord: DiscordServer) -> None:
    """The next one brings nothing of what was said since `forget_sessions`."""
    before = len(discord.identifies)
    discord.cut()
    await until("there is a new session", lambda: len(discord.identifies) == before + 1)


async def is_marked(desk: Desk, place: str) -> bool:
    return any(place in mark for mark, _ in await desk.gateways.marks(APP))


async def is_whole(discord: DiscordServer, desk: Desk) -> bool:
    """Whether the session that is kept is alive and misses nothing."""
    kept = await desk.gateways.load(APP)
    return kept.get("id") in discord.gateway.sessions and "behind" not in kept


OUTAGES: list[Callable[[DiscordServer], None]] = [
    lambda discord: discord.fail(HISTORY, 503, times=12),
    lambda discord: discord.break_body(HISTORY, status=429, times=3),
    lambda discord: discord.break_body(HISTORY, status=403, times=3),
    lambda discord: discord.fail(HISTORY, 403, code=40333, times=3),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=["away", "address banned", "page of the guard", "guard"])
async def test_a_place_that_cannot_be_read_now_is_read_later(
    discord: DiscordServer, desk: Desk, outage: Callable[[DiscordServer], None]
) -> None:
    """However often Discord fails: left out, what is said there next would hide what is missing."""
    async with desk.listener(discord):
        await discord.dm("q")
        await desk.seen(discord)
        await until("the place is marked", lambda: is_marked(desk, dm_of(ALICE)))
        discord.forget_sessions()
        await discord.dm("more")
        outage(discord)
        await lose_the_session(discord)
        await discord.dm("third")
        found: list[str] = []

        async def are_asked() -> bool:
            found.extend(await texts(desk))
            return {"more", "third"} <= set(found)

        await until("both are asked", are_asked)


async def test_until_all_places_are_read_it_is_known_that_something_is_missing(
    discord: DiscordServer, desk: Desk
) -> None:
    """Whoever goes on then reads again."""
    async with desk.listener(discord):
        await discord.dm("q")
        await until("the place is marked", lambda: is_marked(desk, dm_of(ALICE)))
        discord.forget_sessions()
        discord.fail(HISTORY, 503, times=100_000)
        await lose_the_session(discord)
        await until("it was tried", lambda: len(discord.calls_of(HISTORY)) > 20)
    assert not await is_whole(discord, desk)


async def test_more_than_a_page_is_read(discord: DiscordServer, desk: Desk) -> None:
    """In order, as it was written."""
    async with desk.listener(discord):
        await discord.say("How do I sort?", channel=HELP)
        await until("the place is marked", lambda: is_marked(desk, HELP))
        await desk.seen(discord)
        assert await texts(desk) == ["How do I sort?"]
        discord.forget_sessions()
        for number in range(130):
            await discord.say(f"How do I {number}?", channel=HELP, user=BOB if number % 2 else ALICE)
        await lose_the_session(discord)
        await until("it is whole", lambda: is_whole(discord, desk))
        assert await texts(desk) == [f"How do I {number}?" for number in range(130)]


async def test_where_it_is_too_much_the_rest_waits_for_another_time(
    discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and what is said meanwhile does not hide it."""
    monkeypatch.setattr(catching_up, "PAGE", 2)
    monkeypatch.setattr(catching_up, "MAX_PAGES", 1)
    async with desk.listener(discord):
        await discord.say("How do I sort?", channel=HELP)
        await until("the place is marked", lambda: is_marked(desk, HELP))
        await desk.seen(discord)
        await texts(desk)
        discord.forget_sessions()
        for number in range(3):
            await discord.say(f"How do I {number}?", channel=HELP)
            await asyncio.sleep(0.002)  # ids tell milliseconds
        await lose_the_session(discord)
        await until("it is whole", lambda: is_whole(discord, desk))
        assert f"{pseudonym(HELP)}: more than 2 messages are new" in caplog.text
        await discord.say("Is it live?", channel=HELP, user=BOB)
        await desk.seen(discord)
        assert await texts(desk) == ["How do I 0?", "How do I 1?", "Is it live?"]
    discord.forget_sessions()
    async with desk.listener(discord):
        await until("it is whole", lambda: is_whole(discord, desk))
        assert await texts(desk) == ["How do I 2?"]


async def test_posts_that_were_archived_meanwhile(discord: DiscordServer, desk: Desk) -> None:
    """Their authors wait all the same."""
    async with desk.listener(discord):
        await until("the forum is marked", lambda: is_marked(desk, FORUM))
        discord.forget_sessions()
        await discord.archive(await discord.open_forum_post("How do I sort?", "In C."))
        await lose_the_session(discord)
        await until("it is whole", lambda: is_whole(discord, desk))
        assert await texts(desk) == ["How do I sort?\n\nIn C."]


async def test_where_there_are_too_many_posts_the_rest_waits_for_another_time(
    discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest come first."""
    monkeypatch.setattr(catching_up, "MAX_POSTS", 1)
    async with desk.listener(discord):
        await until("the forum is marked", lambda: is_marked(desk, FORUM))
        discord.forget_sessions()
        await discord.open_forum_post("First?", "In C.")
        await asyncio.sleep(0.002)  # ids tell milliseconds
        await discord.open_forum_post("Second?", "In C.", user=BOB)
        await lose_the_session(discord)
        await until("it is whole", lambda: is_whole(discord, desk))
        assert await texts(desk) == ["First?\n\nIn C."]
    discord.forget_sessions()
    async with desk.listener(discord):
        await until("it is whole", lambda: is_whole(discord, desk))
        assert await texts(desk) == ["Second?\n\nIn C."]


async def test_a_place_that_nobody_can_read_keeps_nobody_from_the_others(
    discord: DiscordServer, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """A mark of another version, say."""
    async with desk.listener(discord):
        await discord.mention("q", channel=GENERAL)
        await discord.dm("q")
        await until("the place is marked", lambda: is_marked(desk, dm_of(ALICE)))
        await desk.seen(discord)
        await texts(desk)
    await desk.gateways.keep(APP, "another", {}, {"no:mark": 2_000_000_000_000})
    await desk.gateways.release(APP, "another")
    await discord.dm("more")
    async with desk.listener(discord):
        await until("it is whole", lambda: is_whole(discord, desk))
        assert await texts(desk) == ["more"]
    assert f"{pseudonym('mark')} could not be caught up in" in caplog.text
