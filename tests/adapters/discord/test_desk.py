"""Commands and buttons, over real sockets: what people see at once, and what is stored."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from adapters.discord import interactions, roots
from adapters.discord.commands import ASK_MENU
from adapters.discord.desk import ANSWER_COMES, FAILED, NOT_HERE, NOTHING_ASKED, THREAD_COMES
from adapters.understanding import ASK_ABOUT_IT
from conversation import notices
from conversation.errors import StoreUnavailable
from conversation.model import Command, Ending, ThreadId
from storage.embedded import EmbeddedValkey
from tests.adapters.discord.listening import COMMANDS, Desk, answer_of_ours, button, desk_of, next_asked, said_to
from tests.servers.discord import ALICE, BOB, BOT_USER, GENERAL, GUILD, DiscordServer, dm_of
from tests.servers.discord.interaction import DEFER_REPLY, DEFER_UPDATE, REPLY_NOW, Interaction
from tests.servers.discord.routes import RESPOND
from tests.waiting import until

GET_RESPONSE = "GET /webhooks/{application_id}/{webhook_token}/messages/{message_id}"


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as discord:
        with discord.pointed():
            yield discord


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str, discord: DiscordServer) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk, desk.listener(discord):
        await until("Discord knows the commands", lambda: len(discord.commands) == COMMANDS)
        yield desk


class TestAsk:
    async def test_everybody_sees_the_question(self, discord: DiscordServer, desk: Desk) -> None:
        """At once, calling nobody; the answer will stand in a thread of that message."""
        shown = await discord.command("ask", {"question": f"why `a < b`? <@{BOB}> @everyone"})
        assert (shown.response_type, shown.failed) == (REPLY_NOW, False)
        assert shown.original is not None
        root = discord.message(shown.original)
        assert root.shown == f"**Alice** asked:\n>>> why `a < b`? <@{BOB}> @everyone"
        assert discord.pings == []
        message = await next_asked(desk)
        assert message.text == f"why `a < b`? <@{BOB}> @everyone"
        assert message.address == ThreadId("discord", GUILD, GENERAL, root.id)
        assert (message.author_id, message.author_name, message.message_id) == (ALICE, "Alice", root.id)
        assert message.reply_to["from"] == root.id
        assert "interaction" not in message.reply_to

    async def test_what_stands_under_our_name_hides_no_address(self, discord: DiscordServer, desk: Desk) -> None:
        """Neither in the question nor in the name of who asks."""
        discord.home.users[ALICE]["global_name"] = "[a](b)[Nitro](https://evil.example)"
        shown = await discord.command("ask", {"question": "[Discord support](https://evil.example/x) ||a||"})
        assert shown.original is not None
        assert discord.message(shown.original).shown == (
            r"**\[a\](b)\[Nitro\](https://evil.example)** asked:"
            "\n>>> [Discord support (evil.example)](https://evil.example/x) \\|\\|a\\|\\|"
        )
        assert (await next_asked(desk)).text == "[Discord support](https://evil.example/x) ||a||"

    async def test_in_a_thread_it_is_answered_there(self, discord: DiscordServer, desk: Desk) -> None:
        """And in direct messages, too."""
        thread = await discord.open_thread("talk")
        await discord.command("ask", {"question": "q"}, channel=thread)
        message = await next_asked(desk)
        assert message.address == ThreadId("discord", GUILD, GENERAL, thread)
        assert message.reply_to == {"channel": GENERAL, "user": ALICE, "thread": thread}
        direct = dm_of(ALICE)
        await discord.command("ask", {"question": "q", "private": True}, channel=direct)
        assert (await next_asked(desk)).address == ThreadId("discord", "@me", direct, direct)

    async def test_a_private_question_is_seen_by_nobody_else(self, discord: DiscordServer, desk: Desk) -> None:
        """Neither it nor what is told about it; its answer is written with the interaction's token."""
        shown = await discord.command("ask", {"question": "q", "private": True})
        assert shown.response_type == DEFER_REPLY
        assert discord.bot_messages(GENERAL) == []
        message = await next_asked(desk)
        assert message.address == ThreadId("discord", GUILD, GENERAL, f"private-{ALICE}")
        assert message.reply_to == {
            "channel": GENERAL,
            "user": ALICE,
            "interaction": shown.token,
            "application": BOT_USER,
            "expires": str(int(message.sent_at) + 900),
            "title": "q",
        }
        assert abs(shown.at - message.sent_at) < 2

    async def test_a_file_belongs_to_the_question(self, discord: DiscordServer, desk: Desk) -> None:
        """As with a message."""
        file = discord.add_file("a.py", "print(1)")
        await discord.command("ask", {"question": "why?", "file": file})
        assert (await next_asked(desk)).text == "why?\n\na.py:\n```python\nprint(1)\n```"

    async def test_where_we_may_not_answer_its_author_is_told(self, discord: DiscordServer, desk: Desk) -> None:
        """Before anybody sees the question; and what is missing."""
        await discord.deny(GENERAL, "create_public_threads")
        await discord.command("ask", {"question": "q"})
        assert said_to(discord, ALICE) == [NOT_HERE.format(missing="Create Public Threads")]
        assert discord.bot_messages(GENERAL) == []
        assert await desk.depth() == 0

    async def test_a_blank_question_is_none(self, discord: DiscordServer, desk: Desk) -> None:
        """Its author is told what to write."""
        await discord.command("ask", {"question": "  "})
        assert said_to(discord, ALICE) == [NOTHING_ASKED]

    async def test_a_command_that_comes_again_is_one_question(self, discord: DiscordServer, desk: Desk) -> None:
        """A process answered it and died before it was stored: the next one finds what was shown."""
        shown = await discord.command("ask", {"question": "q"})
        first = await next_asked(desk)
        event = next(one for one in discord.events if one.event == "INTERACTION_CREATE")
        discord.send_event("INTERACTION_CREATE", event.data)
        await desk.seen(discord)
        await until("it was looked for", lambda: bool(_looked_for(discord)))
        await desk.seen(discord)
        assert await desk.asked() == []
        assert shown.original == first.message_id
        assert len(discord.bot_messages(GENERAL)) == 1

    async def test_a_question_that_everybody_sees_is_stored(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also when Discord's reply to its showing is lost, and Discord gives no answer for a while after."""
        monkeypatch.setattr(roots, "LOOK_SECONDS", 0.1)
        discord.lose_reply(RESPOND)
        discord.hang(GET_RESPONSE, times=2)
        shown = await discord.command("ask", {"question": "q"})
        message = await next_asked(desk)
        assert (message.message_id, message.text) == (shown.original, "q")
        assert len(discord.bot_messages(GENERAL)) == 1


class TestMistakesOfOurs:
    async def test_they_are_told_and_logged_once(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Also where Discord does not take the sentence: what broke then would show the interaction's token."""
        caplog.set_level(logging.INFO)
        monkeypatch.setattr(interactions, "missing_permissions", lambda _: 1 / 0)
        await discord.command("ask", {"question": "q"})
        await until("Alice is told", lambda: said_to(discord, ALICE) == [FAILED])
        left: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: left.append(context))
        discord.lose_reply(RESPOND)
        await discord.command("ask", {"question": "q"})
        await until("it is logged", lambda: "a person could not be told" in caplog.text)
        gc.collect()
        assert left == []


class TestOtherCommands:
    async def test_code(self, discord: DiscordServer, desk: Desk) -> None:
        """Asks for a snippet, in the language that was chosen."""
        shown = await discord.command("code", {"what": "sort a dict", "language": "Python"})
        assert shown.original is not None
        assert discord.message(shown.original).shown == "**Alice** asked:\n>>> code in Python: sort a dict"
        asked = (await next_asked(desk)).text
        assert asked.startswith("Write a code snippet in Python in one code block")
        assert asked.endswith("\n\nsort a dict")

    async def test_languages_are_offered(self, discord: DiscordServer, desk: Desk) -> None:
        """Those that begin with what was typed come first, and no more than Discord takes."""
        choices = await discord.autocomplete("code", "language", "ja", options={"what": "x"})
        assert [choice["name"] for choice in choices][:2] == ["JavaScript", "Java"]
        assert len(choices) <= 25

    async def test_forget(self, discord: DiscordServer, desk: Desk) -> None:
        """In a thread that thread, in a channel what this person asked there privately; told to them alone."""
        thread = await discord.open_thread("talk")
        shown = await discord.command("forget", channel=thread)
        message = await next_asked(desk)
        assert (message.command, message.address.thread) == (Command.FORGET, thread)
        assert message.reply_to["interaction"] == shown.token
        await discord.command("forget", user=BOB)
        assert (await next_asked(desk)).address.thread == f"private-{BOB}"

    async def test_the_menu_of_a_message(self, discord: DiscordServer, desk: Desk) -> None:
        """Its answer comes in a thread of that message, asked for by whoever used the menu."""
        target = await discord.say("it fails with KeyError", user=BOB)
        await discord.message_menu(ASK_MENU, target)
        message = await next_asked(desk)
        assert (message.text, message.author_id) == (ASK_ABOUT_IT, ALICE)
        assert message.address == ThreadId("discord", GUILD, GENERAL, target)
        assert message.above == (f"message:{GENERAL}:{target}",)
        assert (message.reply_to["from"], message.reply_to["title"]) == (target, "it fails with KeyError")
        await until("Alice is told", lambda: said_to(discord, ALICE) == [THREAD_COMES])
        await discord.message_menu(ASK_MENU, await discord.dm("q"))
        await until("it comes there", lambda: ANSWER_COMES in said_to(discord, ALICE))


class TestButtons:
    async def answered(
        self, discord: DiscordServer, desk: Desk, ending: Ending = Ending.COMPLETE
    ) -> tuple[str, str, str]:
        """(thread, our message in it, its exchange)."""
        question = await discord.mention("q")
        await desk.seen(discord)
        claim = next(claim for claim in await desk.jobs.claim(10) if claim.job.messages[0].text == "q")
        await desk.jobs.release(claim)
        await desk.asked(ending)
        thread = await discord.open_thread("q", message=question, user=BOT_USER)
        rows = [button(action, claim.job.id) for action in ("stop", "continue", "again", "good")]
        return thread, answer_of_ours(discord, thread, *rows), claim.job.id

    async def press(self, discord: DiscordServer, message: str, action: str, exchange: str) -> Interaction:
        pressed = await discord.press(message, f"corral:{action}:{exchange}", user=BOB)
        assert (pressed.failed, pressed.response_type) == (False, DEFER_UPDATE)
        return pressed

    async def test_regenerate(self, discord: DiscordServer, desk: Desk) -> None:
        """Whichever process wrote the button. Pressed twice it is asked for once."""
        thread, message, exchange = await self.answered(discord, desk)
        await self.press(discord, message, "again", exchange)
        await self.press(discord, message, "again", exchange)
        await until("Bob is told", lambda: said_to(discord, BOB) == [notices.ALREADY_ASKED])
        again = await next_asked(desk)
        assert (again.command, again.target, again.shown_in) == (Command.AGAIN, exchange, (message,))
        assert again.address == ThreadId("discord", GUILD, GENERAL, thread)
        assert again.reply_to == {"channel": GENERAL, "user": BOB, "thread": thread}

    async def test_continue(self, discord: DiscordServer, desk: Desk) -> None:
        """Goes on below; what is complete has nothing to go on with, and whoever pressed is told."""
        _, message, exchange = await self.answered(discord, desk, Ending.STOPPED)
        await self.press(discord, message, "continue", exchange)
        assert (await next_asked(desk)).command is Command.CONTINUE
        assert said_to(discord, BOB) == []
        _, message, exchange = await self.answered(discord, desk)
        await self.press(discord, message, "continue", exchange)
        await until("Bob is told", lambda: said_to(discord, BOB) == [notices.NOTHING_TO_CONTINUE])

    async def test_what_people_think(self, discord: DiscordServer, desk: Desk) -> None:
        """Is kept, and they are thanked."""
        _, message, exchange = await self.answered(discord, desk)
        await self.press(discord, message, "good", exchange)
        await until("Bob is thanked", lambda: said_to(discord, BOB) == [notices.THANKS])

    async def test_stop_when_nothing_runs(self, discord: DiscordServer, desk: Desk) -> None:
        """Is told to who pressed it."""
        _, message, exchange = await self.answered(discord, desk)
        await self.press(discord, message, "stop", exchange)
        await until("Bob is told", lambda: said_to(discord, BOB) == [notices.NOTHING_RUNS])

    async def test_a_button_below_a_private_answer(self, discord: DiscordServer, desk: Desk) -> None:
        """Belongs to that person's conversation, and its answer is written with the new token."""
        shown = await discord.command("ask", {"question": "q", "private": True})
        await next_asked(desk)
        assert shown.original is not None
        own = discord.message(shown.original)
        conversation = await desk.inbox.conversation(ThreadId("discord", GUILD, GENERAL, f"private-{ALICE}"))
        exchange = (await desk.threads.turns(conversation or ""))[-1].exchange
        own.components = [button("again", exchange)]
        pressed = await discord.press(own.id, f"corral:again:{exchange}")
        again = await next_asked(desk)
        assert again.address.thread == f"private-{ALICE}"
        assert again.reply_to["interaction"] == pressed.token
        assert pressed.original == own.id

    async def test_a_button_that_is_not_ours_is_left_alone(self, discord: DiscordServer, desk: Desk) -> None:
        """Of an older version, say: nothing breaks."""
        _, message, _ = await self.answered(discord, desk)
        discord.message(message).components = [button("dance", "x")]
        discord.home.ack_seconds = 0.2
        pressed = await discord.press(message, "corral:dance:x")
        assert pressed.failed
        await discord.mention("q")
        await desk.seen(discord)


class TestTheStore:
    async def test_while_it_is_away_people_are_told(
        self, discord: DiscordServer, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """Nobody brings a command or a press again."""
        server = redis_server_factory()
        async with desk_of(server.start()) as desk, desk.listener(discord):
            await until("Discord knows the commands", lambda: len(discord.commands) == COMMANDS)
            message = answer_of_ours(discord, GENERAL, button("again", "x"))
            server.stop()
            shown = await discord.command("ask", {"question": "q"})
            assert shown.original is not None
            root = discord.message(shown.original)
            await until("everybody sees it", lambda: StoreUnavailable.user_notice in root.shown)
            await discord.command("ask", {"question": "q", "private": True})
            await discord.press(message, "corral:again:x")
            await until("Alice is told", lambda: said_to(discord, ALICE) == [StoreUnavailable.user_notice] * 2)


def _looked_for(discord: DiscordServer) -> list[object]:
    return [call for call in discord.calls if call.route.startswith("GET /webhooks/")]
