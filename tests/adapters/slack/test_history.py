"""What is read of people's earlier messages, and what is not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.slack import history as history_module
from adapters.slack.attachments import Attachments
from adapters.slack.history import SlackHistory
from adapters.slack.limits import limit_of
from adapters.slack.people import People
from conversation import earlier
from conversation.model import Job, Role
from conversation.pacing import Use
from tests.adapters.slack.desk import Desk, desk, ended
from tests.servers.slack import ALICE, BOB, ELSEWHERE, GENERAL, MPIM, OTHER_BOT, PRIVATE, RANDOM, SlackServer, dm_of

NAMES = {ALICE: "Alice", BOB: "Bob", OTHER_BOT: "deploybot"}


class Names(People):
    """The listener's names, in short."""

    async def name_of(self, user_id: str) -> str:
        """See Directory.name_of."""
        return NAMES.get(user_id, user_id)


NOT_ALLOWED = "I may not read the linked message."
NOT_READ = "I could not read the earlier messages here."


@pytest.fixture
async def at_work(redis_client: Redis) -> AsyncIterator[Desk]:
    """A writer, whose API the history reads with."""
    async with SlackServer(limits=True) as slack, desk(slack, redis_client) as opened:
        yield opened
        assert slack.rate_limited == 0


async def asked(at_work: Desk, *above: str, **where: str) -> Job:
    """A question that points to earlier messages."""
    job = await at_work.asked("Why?", **where)
    return replace(job, messages=(replace(job.messages[0], above=above),))


async def read(at_work: Desk, job: Job, *known: str) -> list[tuple[str, str]]:
    """(name, text) of what the job points to."""
    return (await look(at_work, job, *known))[0]


async def look(at_work: Desk, job: Job, *known: str) -> tuple[list[tuple[str, str]], str]:
    """The same, and what the person is told of what could not be read."""
    history = SlackHistory(at_work.api, Names(at_work.api), Attachments(at_work.api))
    found = await history.earlier(job, {job.messages[0].message_id, *known})
    assert all(turn.role is Role.USER and turn.message_ids == (turn.id,) for turn in found.turns)
    return [(turn.author_name, turn.text) for turn in found.turns], found.notice


async def test_a_thread_is_read_up_to_the_question(at_work: Desk) -> None:
    """Oldest first, as people typed it; ours and what came later are left out."""
    slack = at_work.slack
    root = await slack.say("`a < b` fails for <@U0HUMAN001>", user=ALICE)
    await slack.say("see <https://example.com|the docs> & ask", user=BOB, thread_ts=root, raw=True)
    await slack.say("build failed", user=OTHER_BOT, thread_ts=root)
    before = await at_work.asked(thread_ts=root)
    await at_work.show(before, ended("An answer of ours."))
    job = await asked(at_work, f"thread:{root}", thread_ts=root)
    await slack.say("too late", user=BOB, thread_ts=root)
    assert await read(at_work, job, before.messages[0].message_id) == [
        ("Alice", "`a < b` fails for @Bob"),
        ("Bob", "see the docs (https://example.com) & ask"),
        ("deploybot", "build failed"),
    ]


async def test_of_a_long_thread_the_root_and_the_newest_are_read(
    at_work: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, and a bounded number."""
    root = await at_work.slack.say("the root", user=BOB)
    for number in range(410):
        await at_work.slack.say(str(number), thread_ts=root)
    job = await asked(at_work, f"thread:{root}", thread_ts=root)
    texts = [text for _, text in await read(at_work, job)]
    assert texts == ["the root", *(str(number) for number in range(211, 410))]
    assert len(at_work.slack.calls_of("conversations.replies")) == 3
    monkeypatch.setattr(earlier, "MAX_CHARACTERS", 10)
    assert [text for _, text in await read(at_work, job)] == ["407", "408", "409"]


async def test_a_bare_mention_reads_the_ten_messages_above_it(at_work: Desk) -> None:
    """Of the channel itself, not of its threads."""
    for number in range(12):
        ts = await at_work.slack.say(str(number), user=BOB)
    await at_work.slack.say("in a thread", user=BOB, thread_ts=ts)
    await at_work.show(await at_work.asked("known", thread_ts=ts), ended("Ours."))
    job = await asked(at_work, "channel")
    await at_work.slack.say("too late", user=BOB)
    assert await read(at_work, job) == [("Bob", str(number)) for number in range(2, 12)]
    assert await read(at_work, job, ts) == [("Bob", str(number)) for number in range(2, 11)]


async def test_what_stands_an_hour_above_is_not_meant(at_work: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare mention points to what is being talked about."""
    monkeypatch.setattr(history_module, "ABOVE_SECONDS", -1.0)
    await at_work.slack.say("old", user=BOB)
    assert await read(at_work, await asked(at_work, "channel")) == []


async def test_a_linked_message_of_a_public_channel_is_read(at_work: Desk) -> None:
    """Also one inside a thread, and without the messages around it."""
    slack = at_work.slack
    before = await slack.say("before", channel=RANDOM, user=BOB)
    top = await slack.say("at the top", channel=RANDOM, user=BOB)
    inside = await slack.say("in a thread", channel=RANDOM, user=BOB, thread_ts=before)
    await slack.say("after", channel=RANDOM, user=BOB, thread_ts=before)
    job = await asked(at_work, f"link:{RANDOM}:{top}", f"link:{RANDOM}:{inside}:{before}")
    assert await read(at_work, job) == [("Bob", "at the top"), ("Bob", "in a thread")]


@pytest.mark.parametrize("more", [(), ("groups:read", "im:read", "mpim:read")], ids=["as installed", "may look"])
@pytest.mark.parametrize("channel", [PRIVATE, MPIM, dm_of(BOB)])
async def test_a_link_out_of_a_private_place_is_not_read_to_others(
    at_work: Desk, channel: str, more: tuple[str, ...]
) -> None:
    """We are there; those who ask here may not be, whatever an admin granted besides."""
    at_work.slack.api.scopes |= {*more}
    secret = await at_work.slack.say("a secret", channel=channel, user=BOB)
    assert await look(at_work, await asked(at_work, f"link:{channel}:{secret}")) == (
        [],
        NOT_ALLOWED,
    )
    assert [call.method for call in at_work.slack.calls] == ["conversations.info"]


async def test_a_link_within_the_same_private_channel_is_read(at_work: Desk) -> None:
    """Everybody there can read it."""
    ts = await at_work.slack.say("among us", channel=PRIVATE, user=BOB)
    job = await asked(at_work, f"link:{PRIVATE}:{ts}", channel=PRIVATE)
    assert await read(at_work, job) == [("Bob", "among us")]


async def test_files_above_are_read_with_their_messages(at_work: Desk) -> None:
    """The newest five; what is none of text is told."""
    slack = at_work.slack
    root = await slack.say("look", files=[("old.py", "o = 0")])
    await slack.say("", thread_ts=root, user=BOB, files=[("a.py", "a = 1"), ("b.zip", b"PK\x03\x04...")])
    await slack.say("and", thread_ts=root, files=[("c.sh", "ls"), ("d.sh", "ls"), ("e.sh", "ls")])
    said, notice = await look(at_work, await asked(at_work, f"thread:{root}", thread_ts=root))
    assert [text for _, text in said] == [
        "look",
        "a.py:\n```python\na = 1\n```",
        "and\n\nc.sh:\n```bash\nls\n```\n\nd.sh:\n```bash\nls\n```\n\ne.sh:\n```bash\nls\n```",
    ]
    assert notice.startswith("b.zip is a ZIP archive")


async def test_a_link_that_cannot_be_read_takes_nothing_from_the_others(at_work: Desk) -> None:
    """What can be read is."""
    ts = await at_work.slack.say("here", user=BOB)
    there = await at_work.slack.say("there", channel=ELSEWHERE, user=BOB)
    job = await asked(at_work, f"link:{ELSEWHERE}:{there}", f"link:{GENERAL}:{ts}", "link:C0NOTHING:1.000001")
    assert await look(at_work, job) == ([("Bob", "here")], NOT_ALLOWED)
    assert await look(at_work, await asked(at_work, f"link:{ELSEWHERE}:{there}")) == (
        [],
        NOT_ALLOWED,
    )


async def test_a_slack_that_is_away_is_told_in_a_sentence(at_work: Desk) -> None:
    """The question is answered without what stands above it."""
    root = await at_work.slack.say("the root", user=BOB)
    at_work.slack.fail("conversations.replies", status=503)
    assert await look(at_work, await asked(at_work, f"thread:{root}", thread_ts=root)) == (
        [],
        NOT_READ,
    )


async def test_reading_waits_for_room_and_leaves_some_to_those_who_look_for_their_messages(
    at_work: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for ever."""
    root = await at_work.slack.say("the root", user=BOB)
    job = await asked(at_work, f"thread:{root}", thread_ts=root)
    limit = limit_of(at_work.slack.team, "conversations.replies")
    await at_work.rates.pause(limit, 0.2)
    assert await read(at_work, job) == [("Bob", "the root")]
    for _ in range(limit.limit - history_module.SPARE):
        await at_work.rates.take(Use(limit))
    monkeypatch.setattr(earlier, "WAIT_SECONDS", 0.1)
    assert await look(at_work, job) == ([], NOT_READ)
    assert await at_work.replies.find(job, at_work.segment(job)) is None  # it may still look


async def test_without_its_scope_a_link_is_not_read(redis_client: Redis) -> None:
    """An older installation of the app lacks what was asked for later; the person is told, and the answer comes."""
    async with SlackServer(scopes={"channels:history", "chat:write"}) as slack, desk(slack, redis_client) as at_work:
        ts = await slack.say("there", channel=RANDOM, user=BOB)
        assert await look(at_work, await asked(at_work, f"link:{RANDOM}:{ts}")) == ([], NOT_ALLOWED)
        assert slack.calls_of("conversations.info")[0].error == "missing_scope"


@pytest.mark.parametrize("entry", ["thread", "channel"])
async def test_what_was_said_to_us_as_a_sign_is_no_part_of_the_conversation(at_work: Desk, entry: str) -> None:
    """Nor what we said to it, nor a mention alone; people who talk about such words are read."""
    slack = at_work.slack
    root = await slack.say("the build hangs")
    where: dict[str, Any] = {"thread_ts": root} if entry == "thread" else {}
    for sign in ("quiet", "Help!", "forget", "back", ""):
        await slack.mention(sign, **where)
    await slack.say("stop", **where)
    await slack.say("help!", user=BOB, **where)
    await slack.say("quiet, he is thinking", user=BOB, **where)
    job = await asked(at_work, f"thread:{root}" if entry == "thread" else "channel", **where)
    said = [text for _, text in await read(at_work, job)]
    assert said == ["the build hangs", "help!", "quiet, he is thinking"]


@pytest.mark.parametrize("what", ["is_restricted", "is_ultra_restricted", "of another team", "nobody knows"])
async def test_who_is_no_full_member_reads_behind_links_only_where_they_are(at_work: Desk, what: str) -> None:
    """A guest would else read every public channel through us."""
    slack = at_work.slack
    if what == "of another team":
        slack.home.users[ALICE]["team_id"] = "T0OTHER001"
    elif what == "nobody knows":
        slack.fail("users.info", "user_not_found", times=4)
    else:
        slack.home.users[ALICE][what] = True
    ts = await slack.say("there", channel=RANDOM, user=BOB)
    assert await read(at_work, await asked(at_work, f"link:{RANDOM}:{ts}")) == [("Bob", "there")]
    slack.home.channels[RANDOM].members.remove(ALICE)
    assert await look(at_work, await asked(at_work, f"link:{RANDOM}:{ts}")) == ([], NOT_ALLOWED)
    assert await read(at_work, await asked(at_work, f"link:{RANDOM}:{ts}", user=BOB)) == [("Bob", "there")]
