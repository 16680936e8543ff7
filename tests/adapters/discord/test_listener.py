"""What is heard of Discord, over real sockets, with a real store and nobody who answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from adapters.discord.identity import NOT_DIRECT, DiscordAccess
from adapters.discord.listener import DiscordListener
from conversation import notices
from conversation.model import Command, ThreadId
from tests.adapters.discord.listening import HELP, Desk, answer_of_ours, button, desk_of
from tests.servers.discord import (
    ALICE,
    BOB,
    BOT_ROLE,
    BOT_USER,
    FORUM,
    GENERAL,
    GUILD,
    OTHER_BOT,
    RANDOM,
    DiscordServer,
    dm_of,
)
from tests.waiting import until

LOOK_UP = "GET /channels/{channel_id}"


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk:
        yield desk


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer() as discord:
        with discord.pointed():
            yield discord


@pytest.fixture
async def listener(discord: DiscordServer, desk: Desk) -> AsyncIterator[DiscordListener]:
    async with desk.listener(discord) as listener:
        yield listener


async def asked(discord: DiscordServer, desk: Desk) -> list[str]:
    """The texts of all that was asked until now."""
    await desk.seen(discord)
    return [message.text for message in await desk.asked()]


@pytest.mark.usefixtures("listener")
class TestHearing:
    async def test_a_mention_is_one_question(self, discord: DiscordServer, desk: Desk) -> None:
        """It will be answered in a thread of its own, which is named after it."""
        message_id = await discord.mention(f"why does <@{BOB}> use `a < b`?")
        await discord.redeliver(message_id)
        await desk.seen(discord)
        (message,) = await desk.asked()
        assert message.text == "why does @Bob use `a < b`?"
        assert (message.author_id, message.author_name) == (ALICE, "Alice")
        assert message.address == ThreadId("discord", GUILD, GENERAL, message_id)
        assert message.reply_to == {
            "channel": GENERAL,
            "user": ALICE,
            "from": message_id,
            "title": "why does @Bob use a < b?",
        }

    async def test_our_role_is_as_good_as_our_name(self, discord: DiscordServer, desk: Desk) -> None:
        """People confuse the two."""
        await discord.say(f"<@&{BOT_ROLE}> why?")
        assert await asked(discord, desk) == ["why?"]

    async def test_only_what_concerns_us_is_stored(self, discord: DiscordServer, desk: Desk) -> None:
        """People talk; we do not listen. Bots neither."""
        said = await discord.say("lunch?")
        await discord.say("yes", user=BOB, reply_to=said)
        await discord.mention("deployed", user=OTHER_BOT)
        answer_of_ours(discord, dm_of(ALICE))
        assert await asked(discord, desk) == []

    async def test_every_question_in_a_help_channel(self, discord: DiscordServer, desk: Desk) -> None:
        """But not thanks, nor what people say to each other."""
        first = await discord.say("How do I sort a dict?", channel=HELP)
        await discord.say("with sorted()", channel=HELP, user=BOB, reply_to=first)
        await discord.say("thanks!", channel=HELP)
        await discord.say(f"<@{BOB}> you helped me yesterday, too", channel=HELP)
        await discord.say("How do I reverse a list?", channel=HELP, user=BOB)
        assert await asked(discord, desk) == ["How do I sort a dict?", "How do I reverse a list?"]

    async def test_a_post_in_a_help_forum(self, discord: DiscordServer, desk: Desk) -> None:
        """Its title belongs to the question. Its author goes on without a mention, whoever helps needs one."""
        post = await discord.open_forum_post("Segfault in C", "It crashes.")
        await desk.seen(discord)
        await discord.say("try valgrind", channel=post, user=BOB)
        await discord.say("valgrind says nothing", channel=post)
        await discord.mention("is that possible?", channel=post, user=BOB)
        await desk.seen(discord)
        messages = await desk.asked()
        assert [message.text for message in messages] == [
            "Segfault in C\n\nIt crashes.",
            "valgrind says nothing",
            "is that possible?",
        ]
        assert {message.address for message in messages} == {ThreadId("discord", GUILD, FORUM, post)}
        assert messages[0].reply_to == {"channel": FORUM, "user": ALICE, "thread": post}
        assert messages[2].above == ("thread",)

    async def test_a_follow_up_needs_no_mention(self, discord: DiscordServer, desk: Desk) -> None:
        """In a thread of ours, unless it is said to somebody else, or thanks."""
        question = await discord.mention("q")
        assert await asked(discord, desk) == ["q"]
        thread = await discord.open_thread("q", message=question, user=BOT_USER)
        await discord.say(f"<@{ALICE}> I know this", channel=thread, user=BOB)
        theirs = await discord.say("and then?", channel=thread, user=BOB)
        await discord.say("this", channel=thread, user=ALICE, reply_to=theirs)
        await discord.say("thanks a lot!", channel=thread)
        await discord.say("yes", channel=thread)
        assert await asked(discord, desk) == ["and then?", "yes"]

    async def test_quiet_and_back(self, discord: DiscordServer, desk: Desk) -> None:
        """A muted thread is left alone until somebody mentions us."""
        question = await discord.mention("q")
        await asked(discord, desk)
        thread = await discord.open_thread("q", message=question, user=BOT_USER)
        await discord.mention("quiet", channel=thread)
        await discord.say("between us", channel=thread)
        await discord.mention("you may speak", channel=thread)
        await discord.mention("back", channel=thread)
        await discord.say("so?", channel=thread)
        assert await asked(discord, desk) == [notices.QUIET, "you may speak", notices.BACK, "so?"]

    async def test_a_mention_points_to_what_is_above(self, discord: DiscordServer, desk: Desk) -> None:
        """To the channel when it says nothing, to the message that it replies to, to the thread that it stands in."""
        theirs = await discord.say("it fails with KeyError", user=BOB)
        await discord.say(f"<@{BOT_USER}>")
        await discord.mention("why?", reply_to=theirs)
        thread = await discord.open_thread("talk", channel=RANDOM)
        await discord.mention("who is right?", channel=thread)
        await desk.seen(discord)
        found = {message.text: message for message in await desk.asked()}
        assert found[""].above == ("channel",)
        assert found["why?"].above == (f"message:{GENERAL}:{theirs}",)
        assert found["who is right?"].above == ("thread",)
        assert found["who is right?"].reply_to == {"channel": RANDOM, "user": ALICE, "thread": thread}

    async def test_a_reply_to_our_message_is_for_us(self, discord: DiscordServer, desk: Desk) -> None:
        """With and without a ping."""
        ours = answer_of_ours(discord, GENERAL)
        await discord.say("really?", reply_to=ours, ping=False)
        await discord.say("sure?", reply_to=ours)
        assert await asked(discord, desk) == ["really?", "sure?"]

    async def test_whoever_goes_on_with_their_own_question_stays_in_its_thread(
        self, discord: DiscordServer, desk: Desk
    ) -> None:
        """A reply to it in the help channel begins no second one."""
        first = await discord.say("How do I sort a dict?", channel=HELP)
        await desk.seen(discord)
        await discord.say("by value, I mean", channel=HELP, reply_to=first)
        await desk.seen(discord)
        messages = await desk.asked()
        assert [message.address.thread for message in messages] == [first, first]

    async def test_a_reply_to_ones_own_words_that_are_no_question_asks_one(
        self, discord: DiscordServer, desk: Desk
    ) -> None:
        """A reply to one's "hello", or to what one wrote before we came; an edit changes it then."""
        hello = await discord.say("hello everyone", channel=HELP)
        asked_by_reply = await discord.say("how do I sort a dict?", channel=HELP, reply_to=hello)
        await discord.say("thanks", channel=HELP, reply_to=hello)
        await discord.edit(asked_by_reply, "how do I sort a dict by value?")
        await desk.seen(discord)
        (message,) = await desk.asked()
        assert message.text == "how do I sort a dict by value?"
        assert message.address.thread == message.reply_to["from"] == asked_by_reply
        assert message.above == (f"message:{HELP}:{hello}",)

    async def test_direct_messages_are_one_conversation(self, discord: DiscordServer, desk: Desk) -> None:
        """Without mentions."""
        await discord.dm("q")
        await discord.dm("more")
        await desk.seen(discord)
        messages = await desk.asked()
        assert [message.text for message in messages] == ["q", "more"]
        place = dm_of(ALICE)
        assert {message.address for message in messages} == {ThreadId("discord", "@me", place, place)}
        assert messages[0].reply_to == {"channel": place, "user": ALICE, "thread": place, "dm": "1"}

    async def test_an_edit_changes_the_question_and_a_deletion_removes_it(
        self, discord: DiscordServer, desk: Desk
    ) -> None:
        """While they wait; a preview of a link is no edit."""
        kept, gone = await discord.mention("q"), await discord.mention("oops", channel=RANDOM)
        await discord.edit(kept, f"<@{BOT_USER}> better q")
        await discord.unfurl(kept)
        await discord.delete(gone)
        assert await asked(discord, desk) == ["better q"]

    async def test_an_edit_of_an_answered_question_offers_to_answer_again(
        self, discord: DiscordServer, desk: Desk
    ) -> None:
        """And its deletion removes the answer."""
        question = await discord.mention("q")
        assert await asked(discord, desk) == ["q"]
        await discord.edit(question, f"<@{BOT_USER}> better q")
        await desk.seen(discord)
        (edit,) = await desk.asked()
        assert (edit.command, edit.target, edit.text) == (Command.EDITED, question, "better q")
        await discord.delete(question)
        await desk.seen(discord)
        (removal,) = await desk.asked()
        assert (removal.command, removal.target) == (Command.REMOVE, question)
        assert removal.reply_to["thread"] == question

    async def test_a_question_that_gets_its_mention_by_an_edit(self, discord: DiscordServer, desk: Desk) -> None:
        """Is asked then."""
        message = await discord.say("why?")
        await discord.edit(message, f"<@{BOT_USER}> why?")
        assert await asked(discord, desk) == ["why?"]

    async def test_a_file_is_read_into_the_question(self, discord: DiscordServer, desk: Desk) -> None:
        """Of a message that concerns us; and what is not read is told."""
        await discord.mention("why?", attachments=[("a.py", "print(1)"), ("cat.png", b"\x89PNG\r\n\x1a\n")])
        await discord.say("look", attachments=[("b.py", "print(2)")])
        await desk.seen(discord)
        (message,) = await desk.asked()
        assert message.text == "why?\n\na.py:\n```python\nprint(1)\n```"
        assert message.remarks.startswith("cat.png is a picture, and I read only text")

    async def test_half_a_character_costs_no_connection(self, discord: DiscordServer, desk: Desk) -> None:
        """Half of a surrogate pair is replaced; the session stays, and what came beside it is heard."""
        await discord.mention("half \ud83d of it, \\ud83d and 😀?")
        await discord.mention("and a whole one?", user=BOB)
        assert await asked(discord, desk) == ["half \ufffd of it, \\ud83d and 😀?", "and a whole one?"]
        assert (len(discord.identifies), len(discord.resumes)) == (1, 0)

    async def test_what_cannot_be_read_ends_nothing(self, discord: DiscordServer, desk: Desk) -> None:
        """Neither an event without its fields nor one that nobody knows."""
        discord.break_event()
        discord.send_event("MESSAGE_CREATE", {"id": 5, "channel_id": [], "author": "x"})
        discord.send_event("SOMETHING_NEW", {})
        await discord.mention("q")
        assert await asked(discord, desk) == ["q"]
        assert len(discord.identifies) == 1


async def _is(desk: Desk, depth: int) -> bool:
    return await desk.depth() == depth


async def test_direct_messages_can_be_switched_off(discord: DiscordServer, desk: Desk) -> None:
    """Whoever writes one is told so, once."""
    async with desk.listener(discord, access=DiscordAccess(discord.bot_token, direct=False)):
        await discord.dm("q")
        await discord.dm("hello?")
        await until("Alice is told", lambda: len(discord.bot_messages(dm_of(ALICE))) == 1)
        assert discord.bot_messages(dm_of(ALICE))[0].shown == NOT_DIRECT
        await discord.mention("q in public")
        await until("it is stored", lambda: _is(desk, 1))


async def test_where_direct_messages_are_switched_off_nothing_asks_there(discord: DiscordServer, desk: Desk) -> None:
    """No edit of what stands there, and no button below an answer of before."""
    direct = dm_of(ALICE)
    async with desk.listener(discord):
        asked = await discord.dm("q")
        await desk.seen(discord)
        claim = next(claim for claim in await desk.jobs.claim(10) if claim.job.messages[0].text == "q")
        await desk.jobs.release(claim)
        await desk.asked()
    answer = answer_of_ours(discord, direct, button("again", claim.job.id))
    async with desk.listener(discord, access=DiscordAccess(discord.bot_token, direct=False)):
        await discord.edit(asked, f"<@{BOT_USER}> now?")
        await discord.press(answer, f"corral:again:{claim.job.id}")
        await until("Alice is told", lambda: [one.shown for one in discord.ephemerals] == [NOT_DIRECT])
        await discord.mention("q in public")
        await until("it is stored", lambda: _is(desk, 1))
        assert [message.text for message in await desk.asked()] == ["q in public"]


class TestLookingUp:
    """A process that resumed a session was told of no channel."""

    @pytest.fixture(autouse=True)
    async def resumed(self, discord: DiscordServer, desk: Desk) -> None:
        async with desk.listener(discord):

            async def is_whole() -> bool:
                kept = await desk.gateways.load(BOT_USER)
                return bool(kept) and "behind" not in kept

            await until("there is nothing to catch up with", is_whole)

    @pytest.mark.parametrize("status", [429, 403, 502])
    async def test_a_page_of_what_guards_discord_hides_nothing(
        self, discord: DiscordServer, desk: Desk, status: int
    ) -> None:
        """The question waits until Discord itself says where it was asked."""
        discord.break_body(LOOK_UP, status=status, times=2)
        await discord.mention("q", channel=RANDOM)
        async with desk.listener(discord):
            assert await asked(discord, desk) == ["q"]

    async def test_our_role_is_known_once_discord_answers(self, discord: DiscordServer, desk: Desk) -> None:
        """Else a mention of it would be no mention of us."""
        discord.break_body("GET /guilds/{guild_id}/roles", status=429, times=2)
        await discord.say(f"<@&{BOT_ROLE}> why?")
        async with desk.listener(discord):
            assert await asked(discord, desk) == ["why?"]

    async def test_what_is_hidden_is_not_asked_for_again_and_again(self, discord: DiscordServer, desk: Desk) -> None:
        """Nor for ever taken for hidden: Discord tells when that changes."""
        discord.fail(LOOK_UP, 403, code=50001)
        await discord.mention("q", channel=RANDOM)
        await discord.mention("r", channel=RANDOM)
        async with desk.listener(discord):
            assert await asked(discord, desk) == []
            assert len([call for call in discord.calls_of(LOOK_UP) if call.channel == RANDOM]) == 1
            discord.send_event("CHANNEL_UPDATE", discord.home.payload_of(discord.channel(RANDOM)))
            await discord.mention("s", channel=RANDOM)
            assert await asked(discord, desk) == ["s"]


async def test_a_deletion_is_taken_in_however_much_waits(
    discord: DiscordServer, redis_client: Redis, valkey_url: str
) -> None:
    """It makes nobody wait: what is said in that channel next is heard, and told that it must wait."""
    async with desk_of(valkey_url, max_mailbox=1) as desk, desk.listener(discord):
        question = await discord.dm("q")
        assert await asked(discord, desk) == ["q"]
        await discord.dm("r")
        await desk.seen(discord)
        await discord.delete(question)
        await discord.dm("s")
        await until("Alice is told of the last", lambda: len(discord.bot_messages(dm_of(ALICE))) == 1)
        conversation = await desk.inbox.conversation(ThreadId("discord", "@me", dm_of(ALICE), dm_of(ALICE)))
        waiting = [job.messages[0].command for job in await desk.inbox.pending(conversation or "")]
        assert waiting == [Command.ASK, Command.REMOVE]
