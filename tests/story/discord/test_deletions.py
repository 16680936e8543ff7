"""What a deleted question leaves behind: nothing that tells what was asked."""

from __future__ import annotations

from conversation.model import ThreadId
from storage.inbox import RedisInbox
from storage.threads import RedisThreads
from tests.servers.discord import ALICE, BOB, GENERAL, GUILD, DiscordServer, dm_of
from tests.servers.discord.routes import THREAD_FROM_MESSAGE
from tests.story.discord.conftest import AT_ONCE, OTHER_QUESTION, QUESTION, Office
from tests.waiting import until


async def test_the_thread_of_a_deleted_question_loses_its_name(office: Office, discord: DiscordServer) -> None:
    """Deleted while it is answered, afterwards, and after the thread was archived: nothing stands in it, and no word of
    the question in its name."""
    async with office.replica():
        running = await discord.mention(QUESTION)
        await office.begun(running)
        await discord.delete(running)
        await office.settled()
        office.model.behaviour = AT_ONCE
        ended, archived = await discord.mention(QUESTION), await discord.mention(OTHER_QUESTION)
        await office.settled()
        await discord.archive(archived)
        for asked in ended, archived:
            await discord.delete(asked)
        await office.settled()
    assert [(thread.name, thread.archived) for thread in discord.threads] == [("Deleted question", True)] * 3
    for asked in running, ended, archived:
        assert office.thread(asked) == []


async def test_a_thread_with_more_in_it_stays_when_its_question_is_deleted(
    office: Office, discord: DiscordServer
) -> None:
    """What people wrote there, and a thread that somebody else opened, are not ours to close."""
    office.model.behaviour = AT_ONCE
    async with office.replica():
        asked = await discord.mention(QUESTION)
        theirs = await discord.mention(OTHER_QUESTION, user=BOB)
        await discord.open_thread("Bob's", message=theirs, user=BOB)
        await office.settled()
        await discord.say(f"<@{ALICE}> look at sorted()", channel=asked, user=BOB)
        await office.settled()
        for question in asked, theirs:
            await discord.delete(question)
        await office.settled()
    assert {(thread.name, thread.archived) for thread in discord.threads} == {(QUESTION, False), ("Bob's", False)}
    assert [office.thread(question) for question in (asked, theirs)] == [[], []]


async def test_nobody_is_told_of_a_question_that_was_deleted_before_we_heard_of_it(
    office: Office, discord: DiscordServer
) -> None:
    """Its thread cannot be opened any more; what its author took back is not quoted to them, nor remembered."""
    async with office.replica():
        discord.hang(THREAD_FROM_MESSAGE, times=2)
        asked = await discord.mention(QUESTION)
        await until("the thread is to be opened", lambda: discord.calls_of(THREAD_FROM_MESSAGE) != [])
        del discord.home.channels[GENERAL].messages[asked]  # the gateway is late with it
        discord.release()
        await office.settled()
    assert discord.bot_messages() == []
    assert dm_of(ALICE) not in [call.channel for call in discord.calls]
    inbox = RedisInbox(office.redis, office.redis, office.keys)
    conversation = await inbox.conversation(ThreadId("discord", GUILD, GENERAL, asked))
    assert conversation is not None
    assert await RedisThreads(office.redis, office.keys).turns(conversation) == ()
