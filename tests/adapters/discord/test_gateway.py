"""The connection to the gateway, over real sockets: what breaks, what is missed meanwhile, and whose turn it is."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.discord import catching_up, commands, gateway
from adapters.discord import desk as desk_module
from adapters.discord.asides import PROMISE
from adapters.discord.channels import Kind, Place
from adapters.discord.identifying import identifies_of
from adapters.discord.identity import DiscordAccess, DiscordRefused
from adapters.discord.limits import EVERYWHERE, SPARE_FOR_ANSWERS
from adapters.discord.listener import DiscordListener
from conversation.errors import CorralError, StoreUnavailable
from conversation.pacing import Use
from conversation.skills import SKILLS
from storage.embedded import EmbeddedValkey
from storage.gateways import RedisGateways
from tests.adapters.discord.listening import COMMANDS, HELP, KEYS, Desk, desk_of
from tests.servers.discord import ALICE, BOB, BOT_USER, GENERAL, GUILD, PUBLIC, RANDOM, DiscordServer, dm_of
from tests.servers.discord.routes import HISTORY
from tests.waiting import until

APP = BOT_USER


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk:
        yield desk


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as discord:
        with discord.pointed():
            yield discord


def quick_waits(*_: float, **__: float) -> Iterator[float]:
    """The waits between tries, for tests that have no time."""
    return itertools.repeat(0.01)


class Reachable(RedisGateways):
    """A store that one process may not reach."""

    is_away = False

    async def _write(self, *args: Any, **more: Any) -> bool:
        if self.is_away:
            raise StoreUnavailable("no way there")
        return await super()._write(*args, **more)


async def texts(desk: Desk) -> list[str]:
    return [message.text for message in await desk.asked()]


async def is_kept(desk: Desk) -> bool:
    """Whether the session is stored, with all that came."""
    return bool(await desk.gateways.load(APP))


async def kill(listener: DiscordListener) -> None:
    """End it as a killed process ends: nothing is said to anybody, its lease runs out."""
    assert listener._gateway is not None
    listener._gateway._turn.is_ours = False
    await listener.__aexit__()


class TestOneProcess:
    async def test_intents(self, discord: DiscordServer, desk: Desk) -> None:
        """Guilds, messages of guilds and direct ones, and their content; and no more."""
        async with desk.listener(discord) as listener:
            await listener.ready()
            assert discord.identifies[0].intents == 1 << 0 | 1 << 9 | 1 << 12 | 1 << 15

    @pytest.mark.parametrize("how", ["cut", "ask_to_reconnect", "break_frame"])
    async def test_a_lost_connection_is_resumed(self, discord: DiscordServer, desk: Desk, how: str) -> None:
        """Whatever ended it; and what was said meanwhile comes."""
        async with desk.listener(discord):
            getattr(discord, how)()
            await discord.mention("q")
            await desk.seen(discord)
            assert await texts(desk) == ["q"]
            assert (len(discord.identifies), [one.accepted for one in discord.resumes]) == (1, [True])

    @pytest.mark.parametrize("code", [1000, 1001, 4000, 4007, 4009])
    async def test_a_closed_connection_is_opened_again(self, discord: DiscordServer, desk: Desk, code: int) -> None:
        """With a new session where Discord ended the old one."""
        async with desk.listener(discord):
            await discord.disconnect(code)
            handshakes = discord.gateway.handshakes
            await until("it is connected again", lambda: len(handshakes) > 1 and handshakes[-1].accepted)
            await desk.seen(discord)

    async def test_a_half_open_connection_is_replaced(self, discord: DiscordServer, desk: Desk) -> None:
        """Nothing comes and nothing breaks: only the missing answer to a ping tells."""
        async with desk.listener(discord, ping_seconds=0.2):
            discord.freeze()
            await discord.mention("q")
            await desk.seen(discord)
            assert await texts(desk) == ["q"]
            assert (len(discord.identifies), len(discord.resumes)) == (1, 1)

    async def test_refused_handshakes_are_tried_again(self, discord: DiscordServer, desk: Desk) -> None:
        """At the start and later."""
        discord.refuse_handshakes(2)
        async with desk.listener(discord):
            discord.refuse_handshakes(2)
            discord.cut()
            await discord.mention("q")
            await desk.seen(discord)
            assert await texts(desk) == ["q"]

    async def test_a_short_outage_leaves_the_session_as_it_is(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However often nobody can be reached: a mention elsewhere would not be caught up with."""
        monkeypatch.setattr(gateway, "growing_waits", quick_waits)
        async with desk.listener(discord):
            discord.refuse_handshakes(8)
            discord.cut()
            await discord.mention("q", channel=RANDOM)
            await desk.seen(discord)
            assert await texts(desk) == ["q"]
            assert (len(discord.identifies), len(discord.resumes)) == (1, 1)

    async def test_a_session_that_discord_does_not_go_on_with_is_given_up(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After a few tries that reached it."""
        monkeypatch.setattr(gateway, "growing_waits", quick_waits)
        async with desk.listener(discord):
            discord.refuse_resumes(100)
            discord.cut()
            await until("there is a new session", lambda: len(discord.identifies) == 2)
            assert len(discord.resumes) == gateway.MAX_REFUSED

    @pytest.mark.parametrize("code", [4007, 4009])
    async def test_a_session_that_discord_ends_is_not_asked_for_again(
        self, discord: DiscordServer, desk: Desk, code: int
    ) -> None:
        """Its close code says so."""
        async with desk.listener(discord):
            await discord.disconnect(code)
            await until("there is a new session", lambda: len(discord.identifies) == 2)
            assert discord.resumes == []

    async def test_a_session_whose_address_is_gone_is_given_up(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In time, though no try ever reaches anybody."""
        monkeypatch.setattr(gateway, "RESUME_SECONDS", 0.05)
        monkeypatch.setattr(gateway, "growing_waits", quick_waits)
        await desk.gateways.keep(APP, "another", {"id": "s", "url": "ws://127.0.0.1:1", "seq": "5"}, {}, {})
        await desk.gateways.release(APP, "another")
        async with desk.listener(discord):
            await until("there is a new session", lambda: len(discord.identifies) == 1)
            await desk.seen(discord)

    async def test_a_connection_that_breaks_again_and_again_is_opened_ever_more_seldom(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Though each one is greeted: only one that lasts is a reason to hurry."""
        waited: list[float] = []

        def waits(*_: float) -> Iterator[float]:
            for number in itertools.count():
                waited.append(0.01 * number)
                yield waited[-1]

        monkeypatch.setattr(gateway, "growing_waits", waits)
        async with desk.listener(discord):
            waited.clear()
            discord.close_resumed(6)
            discord.cut()
            await until("it holds", lambda: len(discord.resumes) == 7 and discord.connected == 1)
            assert [seconds for seconds in waited if seconds] == [0.01 * number for number in range(1, 6)]

    async def test_a_session_that_is_over_is_caught_up_with(self, discord: DiscordServer, desk: Desk) -> None:
        """In help channels, threads and direct messages; what was seen before is not asked again."""
        async with desk.listener(discord):
            await discord.say("How do I sort?", channel=HELP)
            await discord.dm("q")
            question = await discord.mention("r", channel=RANDOM)
            await desk.seen(discord)
            thread = await discord.open_thread("r", message=question, user=BOT_USER)
            await discord.say("and?", channel=thread)
            await desk.seen(discord)
            assert await texts(desk) == ["How do I sort?", "q", "r", "and?"]
            await until("marks are kept", lambda: _has_marks(desk, 5))
            discord.forget_sessions()
            await discord.say("How do I reverse?", channel=HELP, user=BOB)
            await discord.dm("more")
            await discord.say("and then?", channel=thread)
            await discord.say("people talk", channel=RANDOM)
            discord.cut()
            await until("there is a new session", lambda: len(discord.identifies) == 2)
            await until("all is asked", lambda: _is(desk, 3))
            await desk.seen(discord)
            assert sorted(await texts(desk)) == ["How do I reverse?", "and then?", "more"]

    async def test_half_a_character_keeps_no_page_from_being_read(self, discord: DiscordServer, desk: Desk) -> None:
        """All that stands beside it in the history is caught up with."""
        async with desk.listener(discord):
            await until("marks are kept", lambda: _has_marks(desk, 2))
            discord.forget_sessions()
            await asyncio.sleep(0.002)  # ids tell milliseconds
            await discord.say("half \ud83d of it?", channel=HELP, user=BOB)
            await discord.say("How do I reverse?", channel=HELP)
            discord.cut()
            await until("all is asked", lambda: _is(desk, 2))
            assert sorted(await texts(desk)) == ["How do I reverse?", "half \ufffd of it?"]

    async def test_posts_are_caught_up_with(self, discord: DiscordServer, desk: Desk) -> None:
        """Those of a help forum that nobody knew of."""
        async with desk.listener(discord):
            await until("marks are kept", lambda: _has_marks(desk, 2))
            discord.forget_sessions()
            await asyncio.sleep(0.002)  # ids tell milliseconds
            await discord.open_forum_post("Segfault", "It crashes.")
            discord.cut()
            await until("it is asked", lambda: _is(desk, 1))
            assert await texts(desk) == ["Segfault\n\nIt crashes."]

    async def test_a_place_that_is_gone_is_caught_up_in_no_more(self, discord: DiscordServer, desk: Desk) -> None:
        """And keeps nobody from the others."""
        async with desk.listener(discord):
            await discord.mention("q", channel=PUBLIC[5])
            await discord.dm("q")
            await desk.seen(discord)
            await until("marks are kept", lambda: _has_marks(desk, 5))
            await discord.delete_channel(PUBLIC[5])
            discord.forget_sessions()
            await discord.dm("more")
            discord.cut()
            await until("the other is caught up", lambda: _asked(desk, "more"))
            await until("the place is dropped", lambda: _lacks_mark(desk, PUBLIC[5]))

    async def test_catching_up_keeps_within_the_limits_and_leaves_calls_to_answers(self, desk: Desk) -> None:
        """In many places at once, though what each of them needs is one call."""
        gone = [str(1_573_900_000_000_000_000 + number) for number in range(35)]
        places = [Place(GUILD, channel, Kind.CHANNEL) for channel in PUBLIC] + [
            Place(GUILD, thread, Kind.THREAD, GENERAL) for thread in gone
        ]
        marks = {place.mark(): time.time() * 1000 for place in places}
        await desk.redis.zadd(KEYS.gateway_marks(APP), marks)
        async with DiscordServer(limits=True) as discord:
            with discord.pointed():
                async with desk.listener(discord):
                    await until("all are caught up in", lambda: len(discord.calls_of(HISTORY)) >= len(places))
                    await until("it is whole", lambda: _is_whole(desk))
            begun = sorted(call.at for call in discord.calls_of(HISTORY))
            room = EVERYWHERE.limit - SPARE_FOR_ANSWERS
            assert discord.rate_limited == 0
            assert all(later - earlier > 0.5 for earlier, later in zip(begun, begun[room:], strict=False))

    async def test_a_refused_token_is_said(self, discord: DiscordServer, desk: Desk) -> None:
        """With what to do about it, and without the token."""
        with pytest.raises(DiscordRefused, match="DISCORD_TOKEN") as refused:
            async with desk.listener(discord, access=DiscordAccess("wrong-secret")):
                pass
        assert "secret" not in str(refused.value)

    async def test_missing_intents_are_said(self, desk: Desk) -> None:
        """With their name on Discord's page."""
        async with DiscordServer(message_content=False) as discord:
            with discord.pointed(), pytest.raises(DiscordRefused, match="MESSAGE CONTENT INTENT"):
                async with desk.listener(discord):
                    pass

    async def test_a_token_that_is_reset_later_is_reported(self, discord: DiscordServer, desk: Desk) -> None:
        """The operator hears of it."""
        refusals: list[DiscordRefused] = []
        async with desk.listener(discord, on_refused=refusals.append) as listener:
            await discord.reset_token()
            await until("it is reported", lambda: len(refusals) == 1)
            with pytest.raises(CorralError, match="no connection"):
                await listener.ready()

    async def test_it_starts_without_discord(self, discord: DiscordServer, desk: Desk) -> None:
        """The rest of the program need not wait."""
        discord.break_body("GET /users/@me", times=20)
        async with desk.listener(discord, contact_seconds=0.05) as listener:
            with pytest.raises(CorralError, match="not answered yet"):
                await listener.ready()

    async def test_a_mistake_of_ours_ends_nothing(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is logged, and listening begins anew."""
        broken = asyncio.Event()

        async def break_down(*_: object) -> bool:
            broken.set()
            raise KeyError("a mistake")

        with monkeypatch.context() as patch:
            patch.setattr(RedisGateways, "take", break_down)
            listener = desk.listener(discord, contact_seconds=0.1)
            await listener.__aenter__()
            await broken.wait()
        await until("it listens", lambda: _is_ready(listener))
        await discord.mention("q")
        await desk.seen(discord)
        await listener.__aexit__()

    async def test_identifies_are_counted(
        self, discord: DiscordServer, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Over all processes and restarts: nobody comes near the thousand that resets a token."""
        async with desk.listener(discord):
            pass
        daily = identifies_of(APP)
        grants = [await desk.rates.take(Use(daily)) for _ in range(daily.limit)]
        assert [grant.wait_seconds > 0 for grant in grants] == [False] * (daily.limit - 1) + [True]
        discord.forget_sessions()
        async with desk.listener(discord, contact_seconds=1.0) as listener:
            with pytest.raises(CorralError, match="no connection"):
                await listener.ready()
            await until("it is said", lambda: "200 IDENTIFYs within a day are enough" in caplog.text)
        assert len(discord.identifies) == 1
        assert not (await desk.rates.take(Use(identifies_of("another bot")))).wait_seconds

    async def test_discords_own_count_is_kept(self, desk: Desk) -> None:
        """Other programs may use the token, too."""
        async with DiscordServer(identify_limit=20) as discord:
            with discord.pointed():
                async with desk.listener(discord, contact_seconds=0.5):
                    assert discord.identifies == []

    async def test_commands_are_registered(self, discord: DiscordServer, desk: Desk) -> None:
        """For servers and direct messages, and for nothing else."""
        async with desk.listener(discord):
            await until("Discord knows them", lambda: len(discord.commands) == COMMANDS)
        names = {command["name"]: command["contexts"] for command in discord.commands}
        others = ("ask", "forget", "help", "settings", "status")
        assert names == {str(name): [0, 1] for name in (*SKILLS, *others, *commands.MENUS)}

    async def test_commands_are_registered_once_discord_takes_them(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long that takes: without them nobody can ask privately."""
        monkeypatch.setattr(commands, "growing_waits", quick_waits)
        discord.fail("PUT /applications/{application_id}/commands", 503, times=12)
        async with desk.listener(discord):
            await until("Discord knows them", lambda: len(discord.commands) == COMMANDS)


class TestTheNextProcess:
    async def test_it_resumes_the_session(self, discord: DiscordServer, desk: Desk) -> None:
        """There is no READY then and nothing is known of channels: what was asked meanwhile is asked all the same."""
        async with desk.listener(discord):
            question = await discord.mention("q")
            await desk.seen(discord)
        thread = await discord.open_thread("q", message=question, user=BOT_USER)
        await discord.say("while nobody was there", channel=thread)
        await discord.mention("me too", user=BOB)
        async with desk.listener(discord):
            await desk.seen(discord)
            assert await texts(desk) == ["q", "while nobody was there", "me too"]
            assert (len(discord.identifies), [one.accepted for one in discord.resumes]) == (1, [True])

    async def test_it_follows_one_that_was_killed(self, discord: DiscordServer, valkey_url: str, desk: Desk) -> None:
        """After its lease."""
        async with desk_of(valkey_url, lease_seconds=0.5) as quick:
            listener = quick.listener(discord)
            await listener.__aenter__()
            await quick.seen(discord)
            await until("it is kept", lambda: is_kept(quick))
            await discord.mention("before")
            await kill(listener)
            await discord.mention("after")
            async with quick.listener(discord):
                await quick.seen(discord)
                assert await texts(quick) == ["before", "after"]
                assert len(discord.identifies) == 1

    async def test_what_was_not_stored_comes_again(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A process dies between hearing a question and storing it."""
        listener = desk.listener(discord)
        await listener.__aenter__()
        heard = asyncio.Event()

        async def hang(_: object) -> None:
            heard.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patch:
            patch.setattr(desk.reception, "hear", hang)
            await discord.mention("q")
            await heard.wait()
            await discord.delete(await discord.say("later", channel=RANDOM))
            await listener.__aexit__()
        async with desk.listener(discord):
            await desk.seen(discord)
            assert await texts(desk) == ["q"]
            assert len(discord.identifies) == 1

    async def test_while_one_listens_the_other_stands_by(self, discord: DiscordServer, desk: Desk) -> None:
        """Two would take each other's session away, or hear everything twice."""
        async with desk.listener(discord):
            async with desk.listener(discord) as other:
                await other.ready()
                await discord.mention("q")
                await desk.seen(discord)
            assert len(discord.identifies) == 1
        assert discord.resumes == []

    async def test_who_stands_by_takes_over(self, discord: DiscordServer, desk: Desk) -> None:
        """At once, with the session."""
        first = desk.listener(discord)
        await first.__aenter__()
        async with desk.listener(discord):
            await first.__aexit__()
            await discord.mention("q")
            await desk.seen(discord)
            assert await texts(desk) == ["q"]
            assert (len(discord.identifies), len(discord.resumes)) == (1, 1)

    async def test_who_lost_its_turn_leaves(self, discord: DiscordServer, desk: Desk) -> None:
        """A process that stood still for longer than its lease."""
        async with desk.listener(discord) as listener:
            await until("it is kept", lambda: is_kept(desk))
            await desk.redis.set(KEYS.gateway_owner(APP), "another", ex=3600)
            await until("it has left", lambda: not discord.gateway.connections)
            await until("it stands by", lambda: _is_ready(listener))
            await desk.redis.delete(KEYS.gateway_owner(APP))
            await discord.mention("q")
            await desk.seen(discord)

    async def test_who_cannot_reach_the_store_leaves_the_session_to_who_can(
        self, discord: DiscordServer, desk: Desk, valkey_url: str
    ) -> None:
        """Else each would take it away from the other again and again."""
        async with desk_of(valkey_url, lease_seconds=0.5) as quick:
            store = quick.gateways = Reachable(quick.redis, KEYS, lease_seconds=0.5)
            async with quick.listener(discord):
                await until("it is kept", lambda: is_kept(quick))
                store.is_away = True
                quick.gateways = RedisGateways(quick.redis, KEYS, lease_seconds=0.5)
                async with quick.listener(discord) as other:
                    await until("the other listens", lambda: len(discord.resumes) == 1 and _is_ready(other))
                    await until("the first is without", lambda: len(discord.gateway.connections) == 1)
                    await discord.mention("q")
                    await until("it is asked", lambda: _asked(quick, "q"))
                    store.is_away = False
                    await until("the first stands by", lambda: _stands_by(quick.listeners[0]))
            assert [one.accepted for one in discord.resumes] == [True]

    async def test_a_command_that_was_not_stored_comes_again(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Everybody saw it asked; the process dies before it is stored, and has stored what came later."""
        heard = asyncio.Event()

        async def hang(_: object) -> None:
            heard.set()
            await asyncio.Event().wait()

        listener = desk.listener(discord)
        async with listener:
            await until("Discord knows the commands", lambda: len(discord.commands) == COMMANDS)
            with monkeypatch.context() as patch:
                patch.setattr(desk.reception, "hear", hang)
                patch.setattr(desk_module, "STORE_SECONDS", 60.0)
                shown = await discord.command("ask", {"question": "why?"})
                assert shown.original is not None
                await heard.wait()
            await discord.mention("later", channel=RANDOM)
            await until("the later one is asked", lambda: _asked(desk, "later"))
        async with desk.listener(discord):
            await until("it is asked", lambda: _asked(desk, "why?"))
            assert len(discord.bot_messages(GENERAL)) == 1
            assert len(discord.identifies) == 1

    async def test_a_session_that_nobody_remembers_is_caught_up_with(self, discord: DiscordServer, desk: Desk) -> None:
        """Discord was asked to resume, too late."""
        async with desk.listener(discord):
            await discord.dm("q")
            await desk.seen(discord)
            await until("marks are kept", lambda: _has_marks(desk, 2))
        assert await texts(desk) == ["q"]
        await discord.dm("more")
        discord.forget_sessions()
        async with desk.listener(discord):
            await until("it is asked", lambda: _is(desk, 1))
            assert await texts(desk) == ["more"]
            assert (len(discord.identifies), [one.accepted for one in discord.resumes]) == (2, [False])

    async def test_catching_up_is_begun_again_when_it_was_not_finished(
        self, discord: DiscordServer, desk: Desk
    ) -> None:
        """By whoever goes on with the session, which brings only what came after it began."""
        async with desk.listener(discord):
            await discord.dm("q")
            await desk.seen(discord)
            await until("marks are kept", lambda: _has_marks(desk, 2))
        assert await texts(desk) == ["q"]
        await discord.dm("more")
        discord.forget_sessions()
        discord.hang("GET /channels/{channel_id}/messages", times=20)
        async with desk.listener(discord):
            await until("it reads", lambda: bool(discord.calls_of("GET /channels/{channel_id}/messages")))
            await discord.mention("live")
            await until("the live one is asked", lambda: _is(desk, 1))
        assert (await desk.gateways.load(APP))["behind"]
        assert not [task for task in asyncio.all_tasks() if "catch up" in task.get_name()]
        discord.release()
        async with desk.listener(discord):
            await until("all is asked", lambda: _is(desk, 2))
            assert sorted(await texts(desk)) == ["live", "more"]
            assert (len(discord.identifies), discord.resumes[-1].accepted) == (2, True)
            await until("it is known that all is there", lambda: _is_whole(desk))

    async def test_catching_up_that_breaks_is_begun_again(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """By a mistake of ours, say: it is logged, and no mark stays where it is for ever."""
        monkeypatch.setattr(gateway, "growing_waits", quick_waits)
        real, tries = catching_up.CatchingUp.run, itertools.count()

        async def break_once(self: catching_up.CatchingUp) -> None:
            if next(tries) == 0:
                raise KeyError("a mistake")
            await real(self)

        monkeypatch.setattr(catching_up.CatchingUp, "run", break_once)
        async with desk.listener(discord):
            await until("it is kept", lambda: is_kept(desk))
            await until("it is known that all is there", lambda: _is_whole(desk))
        assert "a mistake" in caplog.text


class TestTheStore:
    async def test_while_it_is_away_questions_wait(
        self, discord: DiscordServer, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """People are told so, once; nothing has to be sent again."""
        server = redis_server_factory()
        async with desk_of(server.start()) as desk, desk.listener(discord):
            await until("it is kept", lambda: is_kept(desk))
            server.stop()
            await discord.mention("q")
            await discord.mention("r", user=BOB)
            await discord.say("people talk", channel=RANDOM)
            await until("Alice is told", lambda: [one.shown for one in discord.bot_messages(GENERAL)] == [PROMISE])
            server.start()
            await until("both are stored", lambda: _is(desk, 2))
            assert await texts(desk) == ["q", "r"]
            assert discord.bot_messages(RANDOM) == []

    async def test_no_secret_is_kept(self, discord: DiscordServer, desk: Desk) -> None:
        """The token stands nowhere in the store."""
        async with desk.listener(discord):
            await desk.seen(discord)
        kept = [await desk.redis.dump(key) async for key in desk.redis.scan_iter()]
        assert kept
        assert not any(discord.bot_token.encode() in value for value in kept if value is not None)
        assert json.dumps(await desk.gateways.load(APP))

    async def test_a_full_thread_is_told(self, discord: DiscordServer, redis_client: Redis, valkey_url: str) -> None:
        """In reply to the question that finds no room."""
        async with desk_of(valkey_url, max_mailbox=1) as desk, desk.listener(discord):
            await discord.dm("q")
            await discord.dm("r")
            await until("Alice is told", lambda: len(discord.bot_messages(dm_of(ALICE))) == 1)
            assert "Too many questions" in discord.bot_messages(dm_of(ALICE))[0].shown


async def _has_marks(desk: Desk, count: int) -> bool:
    return len(await desk.gateways.marks(APP, 100)) >= count


async def _lacks_mark(desk: Desk, channel: str) -> bool:
    return all(channel not in mark for mark, _ in await desk.gateways.marks(APP, 100))


async def _is(desk: Desk, depth: int) -> bool:
    return await desk.depth() == depth


async def _asked(desk: Desk, text: str) -> bool:
    return text in await texts(desk)


async def _is_ready(listener: DiscordListener) -> bool:
    try:
        await listener.ready()
    except CorralError:
        return False
    return True


def _stands_by(listener: DiscordListener) -> bool:
    return listener._gateway is not None and listener._gateway.is_standing_by


async def _is_whole(desk: Desk) -> bool:
    return "behind" not in await desk.gateways.load(APP)
