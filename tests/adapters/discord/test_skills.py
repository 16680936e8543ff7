"""Skills by command, form, menu and name, over real sockets: what people see at once, and what is stored."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.discord.commands import MENUS
from adapters.discord.desk import AS_YOU_TYPED_IT, NOT_HERE, THREAD_COMES
from conversation import notices
from conversation.errors import StoreUnavailable
from conversation.model import Command, Skill, ThreadId
from conversation.skills import SKILLS
from tests.adapters.discord.listening import COMMANDS, Desk, desk_of, next_asked, said_to
from tests.servers.discord import ALICE, BOB, GENERAL, GUILD, DiscordServer, dm_of
from tests.servers.discord.interaction import DEFER_REPLY, REPLY_NOW, SHOW_MODAL
from tests.waiting import until

LOOP = "for i in x:\n\tx.pop(i)"
HOLE = "def f():\n\treturn <FILL_ME>"


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


IN_WORDS = [Skill.EXPLAIN, Skill.REVIEW, Skill.FIX, Skill.TEST]


class TestCommands:
    @pytest.mark.parametrize("skill", IN_WORDS)
    async def test_with_a_file(self, discord: DiscordServer, desk: Desk, skill: Skill) -> None:
        """Everybody sees what is asked, and the file's name; the file's text is the code."""
        file = discord.add_file("loop.py", LOOP)
        called = await discord.command(skill, {"words": "why?", "file": file})
        assert (called.response_type, called.failed) == (REPLY_NOW, False)
        assert called.original is not None
        assert discord.message(called.original).shown == f"**Alice** asked:\n>>> {skill}: why?\n(with loop.py)"
        asked = await next_asked(desk)
        assert (asked.skill, asked.language) == (skill, "python")
        assert asked.text.endswith(f"\n\nwhy?\n\nloop.py:\n```python\n{LOOP}\n```")
        assert asked.reply_to["title"] == "why?"

    @pytest.mark.parametrize("skill", IN_WORDS)
    async def test_with_a_line_of_code(self, discord: DiscordServer, desk: Desk, skill: Skill) -> None:
        """In the place of words."""
        await discord.command(skill, {"words": "sorted(d, key=d.get)[-3:]", "language": "py", "private": True})
        asked = await next_asked(desk)
        assert (asked.skill, asked.private, asked.remarks) == (skill, True, "")
        assert asked.text.endswith("\n\n```python\nsorted(d, key=d.get)[-3:]\n```")

    @pytest.mark.parametrize(("skill", "code"), [(Skill.COMPLETE, "def f(n):"), (Skill.FILL, "x = <FILL_ME>")])
    async def test_on_code_itself(self, discord: DiscordServer, desk: Desk, skill: Skill, code: str) -> None:
        """In a line, or in a file with its tabs and line ends."""
        await discord.command(skill, {"code": code})
        assert (await next_asked(desk)).code == code
        file = discord.add_file("f.py", f"\t{code}\r\n")
        await discord.command(skill, {"file": file, "private": True})
        asked = await next_asked(desk)
        assert (asked.skill, asked.language, asked.code) == (skill, "python", f"\t{code}\r\n")

    async def test_a_language_that_nobody_knows(self, discord: DiscordServer, desk: Desk) -> None:
        """Is told to who asked, before anybody sees the question."""
        await discord.command("code", {"what": "sort a list", "language": "klingon"})
        assert said_to(discord, ALICE) == [notices.no_such_language("klingon")]
        assert discord.bot_messages(GENERAL) == []

    @pytest.mark.parametrize("private", [False, True])
    async def test_a_file_that_is_no_code(self, discord: DiscordServer, desk: Desk, private: bool) -> None:
        """Is told where the answer would stand: there is nothing else to work on."""
        file = discord.add_file("cat.png", b"\x89PNG\r\n\x1a\n")
        called = await discord.command("fix", {"file": file, "private": private})
        assert called.original is not None
        shown = discord.message(called.original)
        await until("it is told", lambda: notices.give_code(Skill.FIX) in shown.shown)
        assert "cat.png is a picture" in shown.shown
        assert (shown.ephemeral_for == ALICE) is private
        assert await desk.depth() == 0

    async def test_what_was_not_read_beside_it_is_a_remark(self, discord: DiscordServer, desk: Desk) -> None:
        """The question is asked without."""
        file = discord.add_file("cat.png", b"\x89PNG\r\n\x1a\n")
        await discord.command("ask", {"question": "why?", "file": file})
        asked = await next_asked(desk)
        assert asked.text == "why?"
        assert asked.remarks.startswith("cat.png is a picture, and I read only text and code.")

    async def test_long_code_is_repeated_in_part(self, discord: DiscordServer, desk: Desk) -> None:
        """With its block closed: what follows is no code."""
        called = await discord.command("fix")
        sent = await discord.submit(called, {"code": "x = 1\n" * 600})
        assert sent.original is not None
        root = discord.message(sent.original)
        assert len(root.shown) < 2000
        assert root.shown.endswith("\n```\n…")
        assert (await next_asked(desk)).text.count("x = 1\n") == 600


class TestForms:
    @pytest.mark.parametrize("skill", [one for one in SKILLS if one is not Skill.CODE])
    async def test_without_code_one_opens(self, discord: DiscordServer, desk: Desk, skill: Skill) -> None:
        """And goes the way of the command, with its language and who sees the answer."""
        called = await discord.command(skill, {"language": "Python", "private": True})
        assert called.response_type == SHOW_MODAL
        code = HOLE if skill is Skill.FILL else LOOP
        sent = await discord.submit(called, {"code": code})
        assert sent.response_type == DEFER_REPLY
        asked = await next_asked(desk)
        assert (asked.skill, asked.language, asked.private) == (skill, "python", True)
        assert asked.address == ThreadId("discord", GUILD, GENERAL, f"private-{ALICE}")
        assert asked.reply_to["interaction"] == sent.token
        assert asked.code == code if skill in {Skill.COMPLETE, Skill.FILL} else code in asked.text
        assert discord.bot_messages(GENERAL) == []

    async def test_for_what_is_to_be_written(self, discord: DiscordServer, desk: Desk) -> None:
        """Of many lines; everybody sees it, in the message that its thread hangs from."""
        called = await discord.command("code")
        sent = await discord.submit(called, {"words": "read a CSV file\nand sum a column"})
        assert sent.response_type == REPLY_NOW
        assert sent.original is not None
        assert discord.message(sent.original).shown.endswith("code: read a CSV file\nand sum a column")
        asked = await next_asked(desk)
        assert (asked.skill, asked.message_id) == (Skill.CODE, sent.original)

    async def test_with_words_alone_it_has_them(self, discord: DiscordServer, desk: Desk) -> None:
        """To go on with; `paste` opens one though there is code."""
        called = await discord.command("fix", {"words": "it crashes"})
        await discord.submit(called, {"code": LOOP})
        assert (await next_asked(desk)).text.endswith(f"\n\nit crashes\n\n```\n{LOOP}\n```")
        called = await discord.command("complete", {"code": "def f(n):", "paste": True})
        assert called.response_type == SHOW_MODAL
        await discord.submit(called, {"code": "def f(n):\n    "})
        assert (await next_asked(desk)).code == "def f(n):\n    "

    async def test_another_process_understands_it(
        self, discord: DiscordServer, redis_client: Redis, valkey_url: str
    ) -> None:
        """The one that opened it is gone by the time that it is sent."""
        async with desk_of(valkey_url) as desk:
            async with desk.listener(discord):
                await until("Discord knows the commands", lambda: len(discord.commands) == COMMANDS)
                called = await discord.command("review", {"words": "is it safe?"})
            async with desk.listener(discord):
                sent = await discord.submit(called, {"code": LOOP})
                assert not sent.failed
                asked = await next_asked(desk)
        assert asked.skill is Skill.REVIEW
        assert asked.text.endswith(f"\n\nis it safe?\n\n```\n{LOOP}\n```")

    async def test_what_is_wrong_with_it_is_told_with_what_was_typed(self, discord: DiscordServer, desk: Desk) -> None:
        """Discord opens no second form."""
        called = await discord.command("fill", {"private": True})
        await discord.submit(called, {"code": "def f():\n\treturn"})
        (told,) = said_to(discord, ALICE)
        assert told == f"{notices.mark_the_hole('<FILL_ME>')}\n{AS_YOU_TYPED_IT}\n```\ndef f():\n\treturn\n```"
        assert await desk.depth() == 0

    async def test_none_opens_where_its_answer_could_not_be_shown(self, discord: DiscordServer, desk: Desk) -> None:
        """Nobody types in vain."""
        await discord.deny(GENERAL, "create_public_threads")
        called = await discord.command("fix")
        assert called.modal is None
        assert said_to(discord, ALICE) == [NOT_HERE.format(missing="Create Public Threads")]
        assert (await discord.command("fix", {"private": True})).modal is not None

    async def test_another_bots_form_is_left_alone(self, discord: DiscordServer, desk: Desk) -> None:
        """Of an older version of ours, say: nothing breaks."""
        called = await discord.command("fix")
        assert called.modal is not None
        called.modal["custom_id"] = "corral-form:dance:p:"
        discord.home.ack_seconds = 0.2
        assert (await discord.submit(called, {"code": LOOP})).failed
        discord.home.ack_seconds = 3.0
        await discord.mention("q")
        await desk.seen(discord)
        assert [one.text for one in await desk.asked()] == ["q"]


class TestMenus:
    @pytest.mark.parametrize(("name", "skill"), [(name, skill) for name, skill in MENUS.items() if skill != "ask"])
    async def test_of_a_message(self, discord: DiscordServer, desk: Desk, name: str, skill: Skill) -> None:
        """Its text is read with what stands above, its files are in the question."""
        about = await discord.say(
            f"```py\n{LOOP}\n```", user=BOB, attachments=[("a.py", "y = 1"), ("b.png", b"\x89PNG\r\n\x1a\n")]
        )
        await discord.message_menu(name, about)
        asked = await next_asked(desk)
        assert (asked.skill, asked.author_id) == (skill, ALICE)
        assert asked.above == (f"message:{GENERAL}:{about}",)
        assert asked.address == ThreadId("discord", GUILD, GENERAL, about)
        assert asked.text.endswith("\n\na.py:\n```python\ny = 1\n```")
        assert asked.remarks.startswith("b.png is a picture")
        await until("Alice is told", lambda: said_to(discord, ALICE) == [THREAD_COMES])

    async def test_there_are_no_more_than_discord_takes(self) -> None:
        """Five."""
        assert len(MENUS) == 5


class TestByName:
    async def test_a_mention(self, discord: DiscordServer, desk: Desk) -> None:
        """With the code below, in a file, or above."""
        await discord.mention(f"fix it crashes\n```py\n{LOOP}\n```")
        asked = await next_asked(desk)
        assert (asked.skill, asked.language) == (Skill.FIX, "python")
        assert asked.text.endswith(f"\n\nit crashes\n\n```python\n{LOOP}\n```")
        await discord.mention("explain", attachments=[("a.py", LOOP)])
        asked = await next_asked(desk)
        assert asked.skill is Skill.EXPLAIN
        assert f"a.py:\n```python\n{LOOP}\n```" in asked.text
        code = await discord.say(LOOP, user=BOB)
        await discord.mention("review", reply_to=code)
        asked = await next_asked(desk)
        assert (asked.skill, asked.above) == (Skill.REVIEW, (f"message:{GENERAL}:{code}",))

    async def test_alone_it_means_what_stands_above(self, discord: DiscordServer, desk: Desk) -> None:
        """In the channel, or in people's thread."""
        await discord.mention("fix")
        asked = await next_asked(desk)
        assert (asked.skill, asked.above) == (Skill.FIX, ("channel",))
        thread = await discord.open_thread("talk")
        await discord.mention("test this", channel=thread)
        asked = await next_asked(desk)
        assert (asked.skill, asked.above) == (Skill.TEST, ("thread",))

    async def test_questions_stay_questions(self, discord: DiscordServer, desk: Desk) -> None:
        """Also those that begin with such a word, and those that are said without our name."""
        await discord.mention("explain how a heap works")
        asked = await next_asked(desk)
        assert (asked.skill, asked.text) == (Skill.ASK, "explain how a heap works")
        thread = await discord.open_thread("q", message=asked.message_id)
        await discord.say(f"fix ```{LOOP}```", channel=thread)
        assert (await next_asked(desk)).skill is Skill.ASK

    async def test_in_direct_messages_no_name_is_needed(self, discord: DiscordServer, desk: Desk) -> None:
        """All is said to us there."""
        await discord.dm(f"complete\n```py\n{LOOP}\n```")
        asked = await next_asked(desk)
        assert (asked.skill, asked.code, asked.address.channel) == (Skill.COMPLETE, LOOP, dm_of(ALICE))

    async def test_what_it_lacks_is_told(self, discord: DiscordServer, desk: Desk) -> None:
        """As an answer."""
        await discord.mention("fill\n```py\nx = 1\n```")
        asked = await next_asked(desk)
        assert (asked.command, asked.text) == (Command.TELL, notices.mark_the_hole("<FILL_ME>"))


class TestHelpAndStatus:
    async def test_help(self, discord: DiscordServer, desk: Desk) -> None:
        """Is there at once, with every skill and with examples to press; what is pressed is asked privately."""
        called = await discord.command("help")
        assert called.original is not None
        shown = discord.message(called.original)
        assert shown.ephemeral_for == ALICE
        assert all(f"`/{skill}`" in shown.shown for skill in SKILLS)
        assert len(shown.buttons) == 4
        example = next(one for one in shown.buttons if ":explain" in one.custom_id)
        pressed = await discord.press(shown.id, example.custom_id)
        asked = await next_asked(desk)
        assert (asked.skill, asked.private) == (Skill.EXPLAIN, True)
        assert asked.address.thread == f"private-{ALICE}"
        assert (asked.reply_to["interaction"], asked.reply_to["pressed"]) == (pressed.token, "1")

    async def test_help_needs_no_store(
        self, discord: DiscordServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor anything else."""

        async def away(*_: object) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(desk.inbox, "accept", away)
        called = await discord.command("help")
        assert called.original is not None

    async def test_status(self, discord: DiscordServer, desk: Desk) -> None:
        """Is asked for who calls it alone, about the channel, in line behind nothing."""
        thread = await discord.open_thread("talk")
        called = await discord.command("status", channel=thread)
        assert called.response_type == DEFER_REPLY
        asked = await next_asked(desk)
        assert (asked.command, asked.address.channel) == (Command.STATUS, GENERAL)
        assert asked.address.thread == called.id
        assert asked.reply_to["interaction"] == called.token
