"""Answers that one person sees alone: while the interaction's token lives, after it, and never in public."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from adapters.discord import ephemeral, messages, private
from adapters.discord.private import ENDS_HERE, GOES_ON
from conversation.errors import DeliveryError, Paced, Unwritable
from conversation.model import Command, Ending, Job, Segment, SegmentState
from conversation.ports import Attachment
from tests.adapters.delivering import Answer
from tests.adapters.discord.writing import Writer, ended, growing, writer
from tests.servers.discord import ALICE, DiscordServer, Message, dm_of
from tests.servers.discord.routes import EDIT_RESPONSE, FOLLOW_UP
from tests.waiting import until


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often answers are written is no matter here."""
    for module in messages, ephemeral:
        monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(messages, "STEADY_PAUSE_SECONDS", 0.0)


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Writer]:
    """A writer. Whatever a test lets it write, nothing of it is public."""
    async with DiscordServer() as discord, writer(discord, redis_client) as opened:
        yield opened
        public = [one for one in discord.bot_messages() if one.channel != dm_of(ALICE)]
        assert public == []
        assert discord.pings == []


def directly(at_work: Writer) -> list[Message]:
    """Our direct messages to the person."""
    return at_work.discord.bot_messages(dm_of(ALICE))


def expire(at_work: Writer, asked: Job, seconds_left: float) -> Job:
    """The job when its token has so long to live."""
    message = asked.messages[0]
    token = message.reply_to["interaction"]
    interaction = at_work.discord.home.tokens[token]
    interaction.at = time.time() + seconds_left - at_work.discord.home.token_seconds
    late = {**message.reply_to, "expires": str(time.time() + seconds_left)}
    return replace(asked, messages=(replace(message, reply_to=late),))


async def test_the_answer_takes_the_place_of_thinking(at_work: Writer) -> None:
    """It grows and ends there, with its buttons; no thread is opened and nobody types."""
    asked = await at_work.asked_privately()
    assert not at_work.replies.needs_place(asked)
    await at_work.replies.status(asked, "Thinking…")
    for content in growing("Use"), growing("Use a"), ended("Use a list.", notice="Stopped."):
        await at_work.show(asked, content)
    (message,) = at_work.discord.ephemerals
    assert not message.loading
    assert (message.body, message.notice) == ("Use a list.", "Stopped.")
    assert [button.label for button in message.buttons] == ["Again", "👍", "👎"]
    assert at_work.routes() == [EDIT_RESPONSE] * 3


async def test_a_long_answer_goes_on_in_messages_that_nobody_else_sees(at_work: Writer) -> None:
    """A file, too."""
    asked = await at_work.asked_privately()
    answer = Answer(at_work.replies, asked)
    answer.draft.text = "```python\n" + "x = 1\n" * 600 + "```"
    await answer.delivery.close(Ending.COMPLETE, "")
    *parts, file = at_work.discord.ephemerals
    assert len(parts) == 3
    assert all(part.ephemeral_for == ALICE and part.body.startswith("```python") for part in parts)
    assert file.ephemeral_for == ALICE
    assert at_work.discord.home.files[file.attachments[0]].data == b"x = 1\n" * 600


async def test_a_first_message_whose_reply_was_lost_is_written_again(at_work: Writer) -> None:
    """There is one such place, so nothing is doubled."""
    asked = await at_work.asked_privately()
    at_work.discord.lose_reply(EDIT_RESPONSE)
    with pytest.raises(DeliveryError):
        await at_work.replies.post(asked, at_work.segment(asked), growing("Use"))
    assert await at_work.replies.find(asked, at_work.segment(asked)) is None
    await at_work.show(asked, ended("Use a list."))
    assert [message.body for message in at_work.discord.ephemerals] == ["Use a list."]


async def test_what_goes_on_with_an_answer_does_not_take_its_place(at_work: Writer) -> None:
    """Continue was pressed below it: the pressed message is what Discord calls the original then."""
    asked = await at_work.asked_privately()
    await at_work.show(asked, ended("The beginning"))
    goes_on = replace(asked, id="f" * 32, messages=(replace(asked.messages[0], command=Command.CONTINUE),))
    await at_work.show(goes_on, growing("and the", goes_on.id))
    await at_work.show(goes_on, ended("and the end."))
    assert [message.body for message in at_work.discord.ephemerals] == ["The beginning", "and the end."]
    assert len(at_work.discord.calls_of(FOLLOW_UP)) == 1


async def test_shortly_before_the_token_expires_the_answer_moves_to_direct_messages(at_work: Writer) -> None:
    """As a whole, and its old place says so; from then on it grows there."""
    asked = await at_work.asked_privately()
    await at_work.show(asked, growing("Use"))
    late = expire(at_work, asked, seconds_left=private.LAST_SECONDS - 5)
    await at_work.show(late, growing("Use a"))
    (left,) = at_work.discord.ephemerals
    assert (left.body, left.notice, left.buttons) == ("Use a", GOES_ON, [])
    await at_work.show(late, growing("Use a list"))
    await at_work.show(late, ended("Use a list."))
    assert [message.body for message in directly(at_work)] == ["Use a list."]
    assert left.notice == GOES_ON


async def test_a_token_that_discord_takes_no_more_is_no_end(at_work: Writer, redis_client: Redis) -> None:
    """Whoever takes over later finds what was moved."""
    asked = await at_work.asked_privately()
    await at_work.show(asked, growing("Use"))
    late = expire(at_work, asked, seconds_left=-1)
    segment = await at_work.show(late, growing("Use a"))
    assert [message.body for message in directly(at_work)] == ["Use a"]
    at_work.discord.home.nonces.clear()
    async with writer(at_work.discord, redis_client) as other:
        other.segments[segment.key] = segment
        await other.show(late, ended("Use a list."))
    assert [message.body for message in directly(at_work)] == ["Use a list."]


async def test_full_parts_stay_where_they_are_when_the_rest_moves(at_work: Writer, redis_client: Redis) -> None:
    """Also when somebody else goes on with the answer: only the part that is not finished is written elsewhere."""
    asked = await at_work.asked_privately()
    first = Answer(at_work.replies, asked)
    async with first.being_shown():
        first.say("word " * 400)
        await until("two parts are shown", lambda: len(at_work.discord.ephemerals) == 2)
        await until("that is stored", lambda: first.claim.checkpoint.segments[0].state is SegmentState.CLOSED)
    late = expire(at_work, asked, seconds_left=-1)
    at_work.discord.home.nonces.clear()
    async with writer(at_work.discord, redis_client) as other:
        second = Answer(other.replies, late, first.claim.checkpoint)
        second.draft.text = "word " * 410
        await second.delivery.close(Ending.COMPLETE, "")
    full, _ = at_work.discord.ephemerals
    (rest,) = directly(at_work)
    assert f"{full.body} {rest.body}".split() == ["word"] * 410


async def test_an_answer_that_begins_late_begins_in_direct_messages(at_work: Writer) -> None:
    """It stood in line for long; "thinking" ends with a sentence."""
    asked = await at_work.asked_privately(seconds_left=30)
    segment = await at_work.show(asked, growing("Use", asked.id))
    assert await at_work.replies.find(asked, replace(segment, message_id=None)) is not None
    await at_work.show(asked, ended("Use a list."))
    assert [message.body for message in directly(at_work)] == ["Use a list."]
    assert [message.shown for message in at_work.discord.ephemerals] == [GOES_ON]
    assert segment.mode == private.DIRECT


@pytest.mark.parametrize("begun", [False, True])
async def test_who_takes_no_direct_messages_is_told_that_it_ends(at_work: Writer, begun: bool) -> None:
    """What there is stays, with a mark that it is not all."""
    await at_work.discord.refuse_dms()
    asked = await at_work.asked_privately()
    if begun:
        await at_work.show(asked, growing("Use"))
    late = expire(at_work, asked, seconds_left=30)
    with pytest.raises(Unwritable) as error:
        await at_work.show(late, growing("Use a"))
    assert error.value.user_notice == "You take no direct messages from me."
    (left,) = at_work.discord.ephemerals
    assert left.shown == (f"Use a\n-# {ENDS_HERE}" if begun else ENDS_HERE)
    assert directly(at_work) == []


async def test_a_message_that_the_person_dismissed_is_left_alone(at_work: Writer) -> None:
    """It does not come back, and is no error."""
    asked = await at_work.asked_privately()
    segment = await at_work.show(asked, growing("Use"))
    assert segment.message_id is not None
    at_work.discord.home.ephemerals.clear()
    await at_work.show(asked, ended("Use a list."))
    assert at_work.discord.ephemerals == []
    await at_work.replies.delete(asked, segment.message_id)


async def test_a_part_that_another_token_wrote_is_shown_anew(at_work: Writer) -> None:
    """Regenerate gives a new token, which reaches no message but the one that was pressed."""
    asked = await at_work.asked_privately()
    again = replace(asked, id="e" * 32, messages=(replace(asked.messages[0], command=Command.AGAIN),))
    unreachable = Segment(f"{again.id}:1", 9, SegmentState.SENT, at_work.discord.home.snowflakes.next())
    at_work.segments[unreachable.key] = unreachable
    await at_work.show(again, growing("Use", again.id), index=1)
    await at_work.show(again, ended("Use a tuple."), index=1)
    assert "Use a tuple." in [message.body for message in at_work.discord.ephemerals]
    await at_work.replies.delete(again, unreachable.message_id or "")
    assert "Use a tuple." not in [message.body for message in at_work.discord.ephemerals]


async def test_a_file_comes_directly_when_the_token_is_over(at_work: Writer) -> None:
    """And is found there."""
    asked = await at_work.asked_privately(seconds_left=-1)
    segment = Segment(f"{asked.id}:file0", 0, SegmentState.PLANNED, mode="file")
    written = await at_work.replies.attach(asked, segment, Attachment("code-1", "", "x" * 3000))
    assert [message.id for message in directly(at_work)] == [written.message_id]
    assert await at_work.replies.find(asked, segment) == written
    await at_work.replies.delete(asked, written.message_id)
    assert directly(at_work) == []


async def test_the_limits_of_an_interaction_are_kept_and_its_end_has_room(redis_client: Redis) -> None:
    """As many edits as a channel has."""
    async with DiscordServer(limits=True) as discord, writer(discord, redis_client) as at_work:
        asked = await at_work.asked_privately()
        segment = await at_work.show(asked, growing("Use"))
        for count in range(2):
            await at_work.replies.edit(asked, segment, growing("Use " + "a " * count))
        with pytest.raises(Paced):
            await at_work.replies.edit(asked, segment, growing("Use a list"))
        await at_work.replies.edit(asked, segment, ended("Use a list."))
        assert [message.body for message in discord.ephemerals] == ["Use a list."]
        assert discord.rate_limited == 0


async def test_the_token_is_in_no_key_and_no_log_line(
    at_work: Writer, redis_client: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has it can write as us."""
    caplog.set_level(logging.DEBUG)
    asked = await at_work.asked_privately()
    token = asked.messages[0].reply_to["interaction"]
    at_work.discord.lose_reply(EDIT_RESPONSE)
    with pytest.raises(DeliveryError) as error:
        await at_work.replies.post(asked, at_work.segment(asked), growing("Use"))
    assert token not in f"{error.value!r} {error.value}"
    assert token not in caplog.text
    assert all(token not in str(key) for key in await redis_client.keys())
