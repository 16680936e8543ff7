"""The local Discord does what the tests of the Discord adapter rely on, for an unmodified discord.py."""

from __future__ import annotations

import asyncio
import contextlib
import io
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from tests.servers.discord import (
    ALICE,
    BOB,
    BOT_USER,
    ELSEWHERE,
    FORUM,
    GENERAL,
    GUILD,
    HELPERS,
    OTHER_GENERAL,
    OTHER_GUILD,
    PRIVATE,
    RANDOM,
    DiscordServer,
    dm_of,
    pointed_at,
)
from tests.servers.discord.limits import Limits
from tests.servers.discord.routes import EDIT, HISTORY, RESPOND, SEND, THREAD_FROM_MESSAGE, TYPING
from tests.servers.discord.tokens import BOT_TOKEN
from tests.waiting import until


class Bot(discord.Client):
    """A client that keeps what it hears."""

    def __init__(self, *, content: bool = True, **more: Any) -> None:
        intents = discord.Intents.default()
        intents.message_content = content
        super().__init__(intents=intents, guild_ready_timeout=0.01, **more)
        self.tree = app_commands.CommandTree(self)
        self.heard: list[discord.Message] = []
        self.edits: list[discord.RawMessageUpdateEvent] = []
        self.happened: list[str] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py would wait five seconds before it identifies again."""

    async def on_message(self, message: discord.Message) -> None:
        if message.author.id != int(BOT_USER):
            self.heard.append(message)

    async def on_raw_message_edit(self, edit: discord.RawMessageUpdateEvent) -> None:
        self.edits.append(edit)

    async def on_socket_event_type(self, event: str) -> None:
        self.happened.append(event)

    def place(self, channel: str) -> discord.PartialMessageable:
        """A channel to write in, whether the cache knows it or not."""
        return self.get_partial_messageable(int(channel))


@asynccontextmanager
async def running(server: DiscordServer, bot: Bot | None = None) -> AsyncIterator[Bot]:
    """A bot that is connected; `Bot.failed` tells afterwards what its connection ended with."""
    bot = bot or Bot()
    with server.pointed():
        await bot.login(server.bot_token)
        connection = asyncio.create_task(bot.connect())
        try:
            await until("the guilds", lambda: len(bot.guilds) == len(server.home.guilds))
            await until("the channels", lambda: all(guild.channels for guild in bot.guilds))
            yield bot
        finally:
            await bot.close()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection, 5)


@asynccontextmanager
async def writing(server: DiscordServer) -> AsyncIterator[Bot]:
    """A bot that has only logged in: it can write, and hears nothing."""
    with server.pointed():
        async with Bot() as bot:
            await bot.login(server.bot_token)
            yield bot


async def code_of(call: Awaitable[Any]) -> tuple[int, int]:
    """The status and the error code of a call that must be refused."""
    with pytest.raises(discord.HTTPException) as refused:
        await call
    return refused.value.status, refused.value.code


async def test_a_message_arrives_over_the_compressed_gateway() -> None:
    """A mention, a reply and a direct message reach the bot as people wrote them."""
    async with DiscordServer() as server, running(server) as bot:
        asked = await server.mention("how?", user=BOB, attachments=[("a.py", "print(1)")])
        await server.dm("psst")
        answer = await bot.place(GENERAL).send("so")
        await server.say("thanks", reply_to=answer.id, ping=False)
        await until("three messages", lambda: len(bot.heard) == 3)
        mention, direct, reply = bot.heard
        assert (str(mention.id), mention.content, mention.author.name) == (asked, f"<@{BOT_USER}> how?", "bob")
        assert bot.user in mention.mentions
        assert await mention.attachments[0].read() == b"print(1)"
        assert isinstance(direct.channel, discord.DMChannel)
        assert reply.reference is not None
        assert isinstance(reply.reference.resolved, discord.Message)
        assert reply.reference.resolved.content == "so"
        (connection,) = server.gateway.connections
        assert connection.request.query["compress"] == "zlib-stream"
        assert server.identifies[0].intents & discord.Intents(message_content=True).value


async def test_without_the_content_intent_only_mentions_and_direct_messages_are_read() -> None:
    """The rest arrives empty; asking for an intent that was not granted ends the client."""
    async with DiscordServer(message_content=False) as server:
        async with running(server, Bot(content=False)) as bot:
            await server.say("overheard")
            await server.mention("hello")
            await server.dm("direct")
            await until("three messages", lambda: len(bot.heard) == 3)
            assert [one.content for one in bot.heard] == ["", f"<@{BOT_USER}> hello", "direct"]
            assert [one.content async for one in bot.place(GENERAL).history()] == [f"<@{BOT_USER}> hello", ""]
        with server.pointed(), pytest.raises(discord.PrivilegedIntentsRequired):
            await Bot().start(server.bot_token)


async def test_messages_are_posted_edited_read_and_deleted() -> None:
    """Every state is kept, with small print and buttons, and what the bot did is told to it as well."""
    async with DiscordServer() as server, running(server) as bot:
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Stop", custom_id="stop:1"))
        sent = await bot.place(GENERAL).send("Hel", view=view)
        await sent.edit(content="Hello\n-# 3 tokens", view=None)
        message = server.message(sent.id)
        assert [state.text for state in message.history] == ["Hel", "Hello\n-# 3 tokens"]
        assert (message.body, message.notice, message.edited, message.buttons) == ("Hello", "3 tokens", True, [])
        more = [await server.say(f"{number}") for number in range(4)]
        after = [str(one.id) async for one in bot.place(GENERAL).history(after=discord.Object(sent.id), limit=3)]
        assert after == more[:3]
        assert [str(one.id) async for one in bot.place(GENERAL).history(limit=2)] == [more[3], more[2]]
        await sent.delete()
        assert server.bot_messages() == []
        await until("the deletion", lambda: "MESSAGE_DELETE" in bot.happened)
        assert [call.status for call in server.calls_of(SEND)] == [200]
        assert server.calls_of(EDIT)[0].message == str(sent.id)


async def test_edits_of_people_differ_from_links_that_are_shown() -> None:
    """Both come as MESSAGE_UPDATE; only an edit has a time."""
    async with DiscordServer() as server, running(server) as bot:
        message = await server.say("see https://x.test/page")
        await server.unfurl(message)
        await server.edit(message, "never mind")
        await until("both", lambda: len(bot.edits) == 2)
        shown, edited = (edit.message for edit in bot.edits)
        assert (shown.edited_at, len(shown.embeds)) == (None, 1)
        assert edited.edited_at is not None
        assert edited.content == "never mind"


async def test_the_same_nonce_makes_one_message() -> None:
    """A send that is repeated returns the first message, for a few minutes; history does not tell the nonce."""
    async with DiscordServer() as server, writing(server) as bot:
        server.lose_reply(SEND)
        with pytest.raises(aiohttp.ClientError):
            await bot.place(GENERAL).send("once", nonce="job-1")
        again = await bot.place(GENERAL).send("once", nonce="job-1")
        assert [message.id for message in server.bot_messages()] == [str(again.id)]
        assert again.nonce == "job-1"
        assert [one.nonce async for one in bot.place(GENERAL).history()] == [None]
        server.make_old(again.id, 200)
        assert (await bot.place(GENERAL).send("twice", nonce="job-1")).id != again.id


async def test_calls_are_refused_with_discords_codes() -> None:
    """Places, sizes, owners and permissions have the codes that the documentation gives them."""
    async with DiscordServer() as server, writing(server) as bot:
        theirs, own = await server.say("mine"), await bot.place(GENERAL).send("x")
        await server.deny(RANDOM, "send_messages")
        await server.refuse_dms(BOB)
        await server.leave(PRIVATE)
        general = bot.place(GENERAL)
        wanted = {
            (404, 10003): bot.place("9").send("x"),
            (404, 10008): general.get_partial_message(9).edit(content="x"),
            (403, 50001): bot.place(ELSEWHERE).send("x"),
            (403, 50013): bot.place(RANDOM).send("x"),
            (403, 50007): bot.place(dm_of(BOB)).send("x"),
            (403, 50005): general.get_partial_message(int(theirs)).edit(content="x"),
            (400, 50006): general.send(""),
            (400, 50035): general.send("x" * 2001),
            (400, 50008): bot.place(FORUM).send("x"),
            (404, 10013): bot.fetch_user(9),
            (413, 40005): general.send(file=discord.File(io.BytesIO(bytes(11 << 20)), "big.bin")),
        }
        assert {code: await code_of(call) for code, call in wanted.items()} == {code: code for code in wanted}
        assert await code_of(bot.place(PRIVATE).send("x")) == (403, 50001)
        assert await code_of(general.get_partial_message(int(theirs)).delete()) == (403, 50013)
        assert await code_of(own.edit(embed=discord.Embed(description="x" * 4097))) == (400, 50035)
        assert await code_of(general.send("x", reference=discord.MessageReference(message_id=9, channel_id=1))) == (
            400,
            50035,
        )
        assert await code_of(own.edit(content=None)) == (400, 50006)
        with pytest.raises(discord.LoginFailure):
            await Bot().login("wrong")


async def test_pings_are_those_that_really_call() -> None:
    """By default everything that the text names is called, edits too; a reply's own call is no ping."""
    async with DiscordServer() as server, writing(server) as bot:
        text = f"@everyone <@{BOB}> <@&{HELPERS}>"
        loud = await bot.place(GENERAL).send(text)
        quiet = await bot.place(GENERAL).send(text, allowed_mentions=discord.AllowedMentions.none())
        named = discord.AllowedMentions(everyone=False, roles=False, users=[discord.Object(int(BOB))])
        some = await bot.place(GENERAL).send(text, allowed_mentions=named)
        asked = await server.say("q")
        reply = await bot.place(GENERAL).get_partial_message(int(asked)).reply("a")
        (called,) = server.message(loud.id).pings
        assert (called.everyone, called.users, called.roles) == (True, (BOB,), (HELPERS,))
        assert server.message(some.id).pings[0].users == (BOB,)
        assert server.message(reply.id).mentions.replied == ALICE
        assert [message.id for message in server.pings] == [str(loud.id), str(some.id)]
        await server.deny(RANDOM, "mention_everyone")
        weak = await bot.place(RANDOM).send("@everyone")
        assert not server.message(weak.id).pings
        await quiet.edit(content=text + "!")
        assert [message.id for message in server.pings] == [str(loud.id), str(quiet.id), str(some.id)]


async def test_threads_are_opened_once_and_have_the_id_of_their_message() -> None:
    """A second thread of a message is refused; the thread begins with a message that points out of it."""
    async with DiscordServer() as server, running(server) as bot:
        asked = await server.mention("q")
        general, random = bot.get_channel(int(GENERAL)), bot.get_channel(int(RANDOM))
        assert isinstance(general, discord.TextChannel)
        assert isinstance(random, discord.TextChannel)
        message = general.get_partial_message(int(asked))
        thread = await message.create_thread(name="q")
        assert (str(thread.id), thread.parent_id, thread.owner_id) == (asked, int(GENERAL), int(BOT_USER))
        assert await code_of(message.create_thread(name="q")) == (400, 160004)
        await thread.send("a")
        follow_up = await server.say("and then?", channel=asked, user=BOB)
        await until("the follow-up", lambda: str(bot.heard[-1].id) == follow_up)
        assert isinstance(bot.heard[-1].channel, discord.Thread)
        kinds = [one.type async for one in thread.history(oldest_first=True)]
        assert kinds == [discord.MessageType.thread_starter_message, *[discord.MessageType.default] * 2]
        assert (await bot.place(GENERAL).fetch_message(int(asked))).flags.has_thread
        alone = await random.create_thread(name="alone", type=discord.ChannelType.public_thread)
        assert [one.name for one in server.threads] == ["q", "alone"]
        assert [one.type for one in server.channel(RANDOM).messages.values()] == [18]
        assert server.channel(str(alone.id)).parent == RANDOM


async def test_archived_threads_come_back_unless_they_are_locked() -> None:
    """A message brings a thread back, an edit does not, and a locked one takes neither."""
    async with DiscordServer() as server, running(server) as bot:
        name = await server.open_thread("help", user=BOB)
        await until("the thread", lambda: bot.get_channel(int(name)) is not None)
        sent = await bot.place(name).send("a")
        await server.archive(name)
        assert await code_of(sent.edit(content="b")) == (400, 50083)
        await bot.place(name).send("c")
        assert not server.channel(name).archived
        await server.lock(name)
        assert await code_of(bot.place(name).send("d")) == (400, 50083)
        await server.unarchive(name)
        await bot.place(name).send("e")
        await server.delete_channel(name)
        assert await code_of(bot.place(name).send("f")) == (404, 10003)
        hidden = await server.open_thread("hidden", user=BOB, private=True)
        assert await code_of(bot.place(hidden).send("g")) == (403, 50001)


async def test_a_forum_post_is_a_thread_whose_first_message_has_its_id() -> None:
    """THREAD_CREATE comes before the message, for posts of people; the bot can open posts too."""
    async with DiscordServer() as server, running(server) as bot:
        post = await server.open_forum_post("Broken loop", "why?", user=BOB)
        await until("the question", lambda: bool(bot.heard))
        assert (str(bot.heard[0].id), str(bot.heard[0].channel.id)) == (post, post)
        assert bot.happened.index("THREAD_CREATE") < bot.happened.index("MESSAGE_CREATE")
        forum = bot.get_channel(int(FORUM))
        assert isinstance(forum, discord.ForumChannel)
        made = await forum.create_thread(name="News", content="text", applied_tags=list(forum.available_tags[:1]))
        assert made.thread.id == made.message.id
        assert server.message(made.message.id).shown == "text"


async def test_files_go_up_and_their_addresses_work_for_a_while() -> None:
    """What is sent can be downloaded, and kept or dropped by an edit; a day later its address is dead."""
    async with DiscordServer() as server, writing(server) as bot:
        files = [discord.File(io.BytesIO(b"print(1)"), "a.py"), discord.File(io.BytesIO(b"\x89PNG"), "b.png")]
        sent = await bot.place(GENERAL).send("two", files=files)
        assert [one.content_type for one in sent.attachments] == ["text/plain; charset=utf-8", "image/png"]
        assert await sent.attachments[0].read() == b"print(1)"
        edited = await sent.edit(attachments=[sent.attachments[1]])
        assert [one.filename for one in edited.attachments] == ["b.png"]
        server.home.file_seconds = -1
        late = await bot.place(GENERAL).send(file=discord.File(io.BytesIO(b"x"), "late.txt"))
        with pytest.raises(discord.NotFound):
            await late.attachments[0].read()


async def test_rate_limits_are_told_in_headers_and_refused_with_a_wait() -> None:
    """discord.py waits before the sixth message of a channel; who does not gets a 429. Other channels are free."""
    async with DiscordServer(limits=True) as server, writing(server) as bot:
        assert server.api.limits is not None
        server.api.limits.per_window[SEND] = (2, 0.5)
        for number in range(3):
            await bot.place(GENERAL).send(f"{number}")
        first, last = (message.created_at for message in (server.bot_messages()[0], server.bot_messages()[-1]))
        assert last - first >= 0.4
        assert server.rate_limited == 0
        headers = {"Authorization": f"Bot {server.bot_token}"}
        address = f"{server.url}/api/v10/channels/{RANDOM}/messages"
        async with aiohttp.ClientSession(headers=headers) as session:
            for status in (200, 200, 429):
                async with session.post(address, json={"content": "x"}) as answer:
                    assert answer.status == status
                    told = await answer.json()
        assert 0 < told["retry_after"] <= 0.5
        assert told["global"] is False
        assert answer.headers["X-RateLimit-Remaining"] == "0"
        assert (server.rate_limited, server.invalid_requests) == (1, 1)
        sent = await bot.place(OTHER_GENERAL).send("free")
        server.make_old(sent.id, 3601)
        server.api.limits.per_window["old edits"] = (0, 0.1)
        assert (await code_of(sent.edit(content="x")))[1] == 30046


def test_limits_are_windows_for_each_channel_and_one_for_all() -> None:
    """A window begins with its first call; both ways to open a thread share one; interactions have none."""
    limits = Limits(per_second=8)
    thread, threads = THREAD_FROM_MESSAGE, "POST /channels/{channel_id}/threads"
    assert [limits.judge(SEND, "a", 0.1 * number).retry_after for number in range(5)] == [None] * 5
    assert limits.judge(SEND, "a", 1.5).retry_after == pytest.approx(3.5)
    assert limits.judge(SEND, "b", 1.5).retry_after is None
    assert limits.judge(EDIT, "a", 1.5).retry_after is None
    assert limits.judge(SEND, "a", 5.1).headers["X-RateLimit-Remaining"] == "4"
    for number in range(5):
        assert limits.judge(thread if number % 2 else threads, "a", 10.0).retry_after is None
    assert limits.judge(thread, "a", 10.0).retry_after == 5
    for _ in range(3):
        limits.judge(HISTORY, "a", 10.0)
    verdict = limits.judge(HISTORY, "c", 10.5)
    assert (verdict.everywhere, verdict.retry_after) == (True, 0.5)
    assert limits.judge(RESPOND, "", 10.5).retry_after is None


async def test_faults_are_met_by_the_calls_that_they_name() -> None:
    """discord.py repeats a 500 by itself, but neither a 503, nor a 429 without Via, nor a page of HTML."""
    async with DiscordServer() as server, writing(server) as bot:
        general = bot.place(GENERAL)
        server.fail(SEND, 500)
        await general.send("a")
        assert [call.status for call in server.calls_of(SEND)] == [500, 200]
        server.fail(SEND, 503)
        assert (await code_of(general.send("b")))[0] == 503
        server.fail(SEND, 429, via=False)
        assert (await code_of(general.send("c")))[0] == 429
        server.fail(SEND, 403, code=50013, message="Missing Permissions")
        assert await code_of(general.send("d")) == (403, 50013)
        server.break_body(SEND, status=503)
        assert (await code_of(general.send("e")))[0] == 503
        server.hang(SEND)
        hanging = asyncio.create_task(general.send("f"))
        await until("the call", lambda: server.calls[-1].body.get("content") == "f")
        server.release()
        assert (await hanging).content == "f"
        with pytest.raises(KeyError):
            server.fail("POST /channels/{id}/messages")


async def test_a_lost_connection_is_resumed_and_nothing_is_missed() -> None:
    """After a cut, a close or an opcode 7 the client resumes at the address from READY and gets what came since."""
    async with DiscordServer() as server, running(server) as bot:
        for number, lose in enumerate(["cut", "ask_to_reconnect", "disconnect"]):
            told = getattr(server, lose)()
            if told is not None:
                await told
            await server.say(f"{number}")
            await until("the message", lambda: len(bot.heard) > number)  # noqa: B023
            await until("resumed", lambda: len(server.resumes) > number)  # noqa: B023
        assert [one.content for one in bot.heard] == ["0", "1", "2"]
        assert all(one.accepted and one.path == "/gateway-resume/" for one in server.resumes)
        assert len(server.identifies) == 1
        assert sum(one.replayed for one in server.resumes) >= 1
        await server.redeliver(bot.heard[0].id)
        await until("it again", lambda: [one.content for one in bot.heard] == ["0", "1", "2", "0"])


async def test_a_new_process_can_resume_a_session_that_another_left() -> None:
    """Session id and sequence are enough; a sequence from the future, a late client and a close by 1000 end it."""
    async with DiscordServer() as server, aiohttp.ClientSession() as session:

        async def told(op: int, **data: Any) -> list[dict[str, Any]]:
            """What comes after this, up to RESUMED or the end."""
            async with session.ws_connect(f"{server.url}/gateway/?v=10&encoding=json") as socket:
                await socket.send_json({"op": op, "d": {"token": server.bot_token, **data}})
                got: list[dict[str, Any]] = []
                async for message in socket:
                    got.append(message.json())
                    if got[-1]["op"] == 9 or got[-1].get("t") in {"GUILD_CREATE", "RESUMED"}:
                        await socket.close(code=4000)
                return [*got, {"closed": socket.close_code}]

        ready = next(one for one in await told(2, intents=1 << 9 | 1) if one.get("t") == "READY")["d"]
        await until("left", lambda: server.connected == 0)
        await server.say("while nobody was there")
        name = ready["session_id"]
        resumed = await told(6, session_id=name, seq=3)
        assert [one["d"]["content"] for one in resumed if one.get("t") == "MESSAGE_CREATE"] == [""]
        assert await told(6, session_id=name, seq=99) == [resumed[0], {"closed": 4007}]
        assert (await told(6, session_id=name, seq=3))[1] == {"op": 9, "d": False}
        server.gateway.resume_seconds = 0
        other = next(one for one in await told(2, intents=1) if one.get("t") == "READY")["d"]["session_id"]
        await until("left", lambda: server.connected == 0)
        assert (await told(6, session_id=other, seq=1))[1] == {"op": 9, "d": False}
        assert [one.accepted for one in server.resumes] == [True, False, False, False]


async def test_events_that_nobody_was_there_to_get_are_lost() -> None:
    """Discord keeps events for sessions only; history has the message."""
    async with DiscordServer() as server, writing(server) as bot:
        await server.say("unheard")
        assert [one.session for one in server.events_of("MESSAGE_CREATE")] == [""]
        assert [one.content async for one in bot.place(GENERAL).history()] == ["unheard"]


async def test_sessions_that_are_gone_are_identified_anew() -> None:
    """After opcode 9, a 4009 or a forgotten session the client starts over and has missed what was said between."""
    async with DiscordServer() as server, running(server) as bot:
        server.invalidate()
        await until("identified again", lambda: len(server.identifies) == 2 and server.connected == 1)
        server.refuse_handshakes()
        server.forget_sessions()
        server.cut()
        await server.say("missed")
        await until("identified once more", lambda: len(server.identifies) == 3 and server.connected == 1)
        await server.disconnect(4009)
        await until("and again", lambda: len(server.identifies) == 4 and server.connected == 1)
        await server.say("heard")
        await until("the message", lambda: bool(bot.heard))
        assert [one.content for one in bot.heard] == ["heard"]
        assert not server.resumes[-1].accepted


async def test_a_frozen_socket_is_noticed_by_its_heartbeat() -> None:
    """Nothing comes through a half-open connection; the client finds out and resumes."""
    async with DiscordServer(heartbeat_seconds=0.2) as server, running(server, Bot(heartbeat_timeout=0.6)) as bot:
        server.freeze()
        await server.say("late")
        await until("resumed", lambda: bool(server.resumes))
        await until("the message", lambda: bool(bot.heard))
        assert server.gateway.heartbeats > 0


async def test_an_event_that_cannot_be_parsed_ends_the_client() -> None:
    """discord.py does not survive it: who runs it must start it anew."""
    async with DiscordServer() as server:
        with server.pointed():
            async with Bot() as bot:
                started = asyncio.create_task(bot.start(server.bot_token))
                await until("connected", lambda: server.connected == 1)
                server.break_event()
                with pytest.raises(KeyError):
                    await asyncio.wait_for(started, 10)


async def test_too_many_sessions_cost_the_token() -> None:
    """After the limit of IDENTIFYs no call and no session works any more."""
    async with DiscordServer(identify_limit=2) as server, running(server) as bot:
        token = server.bot_token
        server.invalidate()
        await until("the second", lambda: len(server.identifies) == 2 and server.connected == 1)
        server.invalidate()
        await until("taken away", lambda: server.token.resets == 1)
        await until("the client's end", bot.is_closed)
        with pytest.raises(discord.LoginFailure):
            await Bot().login(token)


class Buttons(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"more:(?P<job>\w+)"):
    """Answers any `more:` button, also one that an earlier process made."""

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: Any, /) -> Buttons:
        return cls(item)

    async def callback(self, interaction: discord.Interaction) -> None:
        await interaction.response.edit_message(content=f"pressed {self.custom_id}")


async def test_buttons_and_forms_are_answered_or_seen_to_fail() -> None:
    """A button works after a restart; a press that nobody answers has failed for the person."""
    async with DiscordServer() as server, running(server) as bot:
        bot.add_dynamic_items(Buttons)
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="More", custom_id="more:j1"))
        view.add_item(discord.ui.Button(label="Other", custom_id="other"))
        sent = await bot.place(GENERAL).send("a", view=view)
        bot._connection._view_store.remove_message_tracking(sent.id)
        pressed = await server.press(sent.id, "more:j1", user=BOB)
        assert (pressed.failed, pressed.response_type, server.message(sent.id).shown) == (False, 7, "pressed more:j1")
        server.home.ack_seconds = 0.1
        assert (await server.press(sent.id, "other")).failed
        with pytest.raises(AssertionError):
            await server.press(sent.id, "none")


async def test_components_of_the_second_kind_are_read_and_bounded() -> None:
    """Text displays are what is shown; with them there is no content, and 4000 characters are the end."""
    async with DiscordServer() as server, running(server) as bot:
        view = discord.ui.LayoutView(timeout=None)
        inner = discord.ui.Container[discord.ui.LayoutView](discord.ui.TextDisplay("## Answer"))
        button = discord.ui.Button[discord.ui.LayoutView](label="Stop", custom_id="stop")
        inner.add_item(discord.ui.Section("text", accessory=button))
        view.add_item(inner)
        sent = await bot.place(GENERAL).send(view=view)
        message = server.message(sent.id)
        assert (message.shown, [one.label for one in message.buttons]) == ("## Answer\ntext", ["Stop"])
        assert await code_of(sent.edit(content="x")) == (400, 50035)
        inner.add_item(discord.ui.TextDisplay("x" * 3990))
        assert await code_of(sent.edit(view=view)) == (400, 50035)
        lasting = discord.ui.View(timeout=None)
        menu = discord.ui.Select[discord.ui.View](custom_id="model", options=[discord.SelectOption(label="7b")])

        async def chosen(interaction: discord.Interaction) -> None:
            await interaction.response.send_message(f"{menu.values}", ephemeral=True)

        menu.callback = chosen  # type: ignore[method-assign]
        lasting.add_item(menu)
        asked = await bot.place(GENERAL).send("Which?", view=lasting)
        picked = await server.select(asked.id, "model", ["7b"], user=BOB)
        assert server.message(picked.original or "").shown == "['7b']"
        rows = [{"type": 1, "components": [{"type": 2, "style": 1, "custom_id": "a", "label": "A"}] * 2}]
        route = discord.http.Route("POST", "/channels/{channel_id}/messages", channel_id=GENERAL)
        assert await code_of(bot.http.request(route, json={"content": "x", "components": rows})) == (400, 50035)


async def test_reactions_typing_and_members_are_told() -> None:
    """What people show without words comes as events, and what the bot shows is kept."""
    async with DiscordServer() as server, running(server) as bot:
        asked = await server.mention("q")
        await until("the question", lambda: bool(bot.heard))
        await bot.heard[0].add_reaction("\N{EYES}")
        assert server.message(asked).reactions == {"\N{EYES}": [BOT_USER]}
        await bot.heard[0].remove_reaction("\N{EYES}", discord.Object(int(BOT_USER)))
        assert server.message(asked).reactions == {}
        async with bot.place(GENERAL).typing():
            assert [call.channel for call in server.calls_of(TYPING)] == [GENERAL]
        pressed = bot.wait_for("raw_reaction_add", check=lambda one: one.user_id == int(BOB), timeout=10)
        _, reaction = await asyncio.gather(server.react(asked, "\N{THUMBS UP SIGN}", user=BOB), pressed)
        assert (str(reaction.emoji), reaction.message_id) == ("\N{THUMBS UP SIGN}", int(asked))
        typed = bot.wait_for("raw_typing", timeout=10)
        _, typing = await asyncio.gather(server.start_typing(user=BOB), typed)
        assert typing.user_id == int(BOB)
        guild = bot.guilds[0]
        assert (await guild.fetch_member(int(BOB))).name == "bob"
        assert [one.name for one in await guild.query_members("bo")] == ["bob"]
        thread = await server.open_thread("help", user=BOB)
        await until("the thread", lambda: guild.get_thread(int(thread)) is not None)
        known = guild.get_thread(int(thread))
        assert known is not None
        await known.join()
        assert [one.id for one in await known.fetch_members()] == [int(BOB), int(BOT_USER)]
        await known.add_user(discord.Object(int(ALICE)))
        await known.leave()
        assert [one.id for one in await known.fetch_members()] == [int(BOB), int(ALICE)]


async def test_commands_are_registered_called_and_answered() -> None:
    """Deferral, edit, follow-up, a hidden answer, a form and suggestions, each as discord.py makes it."""
    async with DiscordServer() as server, running(server) as bot:

        @bot.tree.command(description="Ask")
        async def ask(interaction: discord.Interaction, question: str, file: discord.Attachment | None = None) -> None:
            await interaction.response.defer()
            await interaction.followup.send(
                f"{question} {'' if file is None else (await file.read()).decode()}".strip()
            )
            await interaction.followup.send("more")
            await interaction.edit_original_response(content="done")

        @ask.autocomplete("question")
        async def suggest(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=typed.upper(), value=typed)]

        @bot.tree.context_menu(name="Explain")
        async def explain(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(message.content, ephemeral=True)

        @bot.tree.command(description="Form")
        async def form(interaction: discord.Interaction) -> None:
            shown = discord.ui.Modal(title="Form", custom_id="form")
            shown.add_item(discord.ui.TextInput(label="Text", custom_id="text"))

            async def submitted(answer: discord.Interaction) -> None:
                await answer.response.send_message(shown.children[0].value)  # type: ignore[attr-defined]

            shown.on_submit = submitted  # type: ignore[method-assign]
            await interaction.response.send_modal(shown)

        model = app_commands.Group(name="model", description="Models")

        @model.command(description="Choose one")
        async def choose(interaction: discord.Interaction, name: str, whom: discord.Member) -> None:
            await interaction.response.send_message(f"{name} for {whom.name}", ephemeral=True)

        bot.tree.add_command(model, guild=discord.Object(int(GUILD)))
        await bot.tree.sync(guild=discord.Object(int(GUILD)))
        await bot.tree.sync()
        grouped = await server.command("model choose", {"name": "7b", "whom": BOB})
        assert server.message(grouped.original or "").shown == "7b for bob"
        with pytest.raises(AssertionError):
            await server.command("model choose", {"name": "7b"}, channel=OTHER_GENERAL)
        assert sorted(one["name"] for one in server.commands) == ["Explain", "ask", "form", "model"]
        called = await server.command("ask", {"question": "why", "file": server.add_file("a.txt", "?")})
        assert called.response_type == 5
        await until("the answers", lambda: [one.shown for one in server.bot_messages()] == ["done", "more"])
        first = server.message(called.original or "")
        assert [state.text for state in first.history] == ["", "why ?", "done"]
        assert (await server.autocomplete("ask", "question", "why"))[0]["name"] == "WHY"
        asked = await server.say("x = 1", channel=RANDOM)
        hidden = await server.message_menu("Explain", asked, user=BOB)
        assert [(one.shown, one.ephemeral_for) for one in server.ephemerals[1:]] == [("x = 1", BOB)]
        assert hidden.original == server.ephemerals[1].id
        shown = await server.command("form", channel=dm_of(ALICE))
        answered = await server.submit(shown, {"text": "typed"})
        assert server.message(answered.original or "").shown == "typed"


async def test_an_interaction_is_answered_without_a_gateway_until_its_token_is_old() -> None:
    """Another process needs only the application and the token; after 15 minutes there is 50027."""
    async with DiscordServer() as server, running(server) as bot:

        @bot.tree.command(description="Ask")
        async def ask(interaction: discord.Interaction) -> None:
            await interaction.response.defer()

        await bot.tree.sync(guild=None)
        called = await server.command("ask")
        assert server.message(called.original or "").loading
        async with aiohttp.ClientSession() as session:
            webhook = discord.Webhook.partial(int(BOT_USER), called.token, session=session)
            original: Any = "@original"
            await webhook.edit_message(original, content="late")
            assert server.message(called.original or "").shown == "late"
            called.at -= 901
            assert await code_of(webhook.send("later")) == (401, 50027)


async def test_two_shards_share_the_guilds_and_the_first_has_the_direct_messages() -> None:
    """Each guild's events go to one shard."""
    intents = discord.Intents.default()
    async with DiscordServer(shards=2) as server:
        heard: list[tuple[str, int | None]] = []

        class Sharded(discord.AutoShardedClient):
            async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None: ...

            async def on_message(self, message: discord.Message) -> None:
                heard.append((message.content, None if message.guild is None else message.guild.shard_id))

        with server.pointed():
            async with Sharded(intents=intents) as bot:
                started = asyncio.create_task(bot.start(server.bot_token))
                await until("both shards", lambda: server.connected == 2)
                await server.mention("one", channel=GENERAL)
                await server.mention("two", channel=OTHER_GENERAL)
                await server.dm("three")
                await until("all three", lambda: len(heard) == 3)
                await bot.close()
                await asyncio.wait_for(started, 10)
        assert dict(heard) == {f"<@{BOT_USER}> one": 0, f"<@{BOT_USER}> two": 1, "three": None}
        assert [one.shard for one in server.identifies] == [(0, 2), (1, 2)]
        sent = {dispatch.session: dispatch.data["content"] for dispatch in server.events_of("MESSAGE_CREATE")}
        assert sent[server.identifies[1].session] == f"<@{BOT_USER}> two"


async def test_leaving_a_guild_and_a_channel_silences_both() -> None:
    """Where the bot may not look it hears nothing, and a guild that threw it out is gone."""
    async with DiscordServer() as server, running(server) as bot:
        await server.leave(RANDOM)
        await server.mention("unheard", channel=RANDOM)
        await server.kick(OTHER_GUILD)
        await server.mention("heard")
        await until("the guild", lambda: [str(guild.id) for guild in bot.guilds] == [GUILD])
        await until("the message", lambda: bool(bot.heard))
        assert [one.content for one in bot.heard] == [f"<@{BOT_USER}> heard"]
        channel = bot.get_channel(int(RANDOM))
        assert isinstance(channel, discord.TextChannel)
        assert not channel.permissions_for(channel.guild.me).view_channel
        assert await code_of(bot.place(OTHER_GENERAL).send("x")) == (403, 50001)


async def test_an_unmodified_bot_in_a_process_of_its_own_is_pointed_here(tmp_path: Path) -> None:
    """It needs no line about this server; that it was killed leaves its session to be resumed."""
    script = tmp_path / "bot.py"
    script.write_text(
        "import discord, sys\n"
        "bot = discord.Client(intents=discord.Intents.default())\n"
        "@bot.event\n"
        "async def on_message(message):\n"
        "    if message.author != bot.user:\n"
        "        await message.reply('hi')\n"
        "bot.run(sys.argv[1], log_handler=None)\n"
    )
    async with DiscordServer() as server:
        command = ["-m", "tests.servers.discord.pointed", server.url, str(script), server.bot_token]
        process = await asyncio.create_subprocess_exec(sys.executable, *command)
        try:
            await until("connected", lambda: server.connected == 1, deadline_seconds=30)
            await server.mention("hello")
            await until("the answer", lambda: [one.shown for one in server.bot_messages()] == ["hi"])
        finally:
            process.kill()
            await asyncio.wait_for(process.wait(), 10)
        await until("gone", lambda: server.connected == 0)
        await server.mention("are you there?")
        (session,) = server.gateway.sessions.values()
        assert [one.session for one in server.events_of("MESSAGE_CREATE")][-1] == session.id


async def test_it_runs_as_a_process_and_is_driven_over_http() -> None:
    """People's acts are POSTs, and what happened is one JSON object; a bot in this process talks to it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.servers.discord", "--limits", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()
        async with aiohttp.ClientSession(raise_for_status=False) as session:

            async def act(name: str, **args: Any) -> Any:
                async with session.post(f"{url}/_ctl/{name}", json=args) as answer:
                    return (await answer.json())["result"] if answer.status == 200 else answer.status

            with pointed_at(url):
                async with Bot() as bot:
                    started = asyncio.create_task(bot.start(BOT_TOKEN))
                    await until("connected", lambda: len(bot.guilds) == 2 and bool(bot.guilds[1].channels))
                    asked = await act("mention", text="hello", user=BOB)
                    await until("the question", lambda: bool(bot.heard))
                    await act("fail", args=[SEND, 403], code=50013)
                    assert await code_of(bot.heard[0].reply("no")) == (403, 50013)
                    await bot.heard[0].reply("hi")
                    async with session.get(f"{url}/_ctl/state?channel={GENERAL}&history=1") as answer:
                        state = await answer.json()
                    await bot.close()
                    await asyncio.wait_for(started, 10)
            (message,) = state["messages"]
            assert (message["shown"], message["reply_to"], message["history"][0]["text"]) == ("hi", asked, "hi")
            assert [(call["status"], call["code"]) for call in state["calls"][-2:]] == [(403, 50013), (200, 0)]
            sent = [event for event in state["events"] if event["event"] == "MESSAGE_CREATE"]
            assert [len(event["sent"]) for event in sent] == [1, 1]
            assert (await act("nothing"), await act("edit", message="9", text="x")) == (404, 400)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)
