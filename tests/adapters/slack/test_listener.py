"""The listener beside a local Slack, over real sockets, with a real store and nobody who answers."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from redis.asyncio import Redis

from adapters.languages import language_named
from adapters.slack.api import SlackApi
from adapters.slack.asides import PROMISE
from adapters.slack.commands import ANSWER_COMES, HELP, HELP_DIRECTLY
from adapters.slack.home import PROMPTS
from adapters.slack.identity import SlackAccess, SlackRefused
from adapters.slack.limits import SPARE_BESIDE, limit_of
from adapters.slack.listener import SlackListener
from adapters.slack.people import People
from adapters.slack.receiving import STORE_AT_ONCE
from adapters.understanding import ASK_ABOUT_IT
from conversation import notices
from conversation.access import Rules
from conversation.errors import CorralError, StoreUnavailable
from conversation.intake import Intake
from conversation.model import Checkpoint, Claim, Command, Ending, Role, Settlement, StopReason, ThreadId, Turn
from conversation.pacing import Use
from conversation.preference_desk import PreferenceDesk
from conversation.reception import Heard, Reception
from storage.client import open_redis
from storage.embedded import EmbeddedValkey
from storage.feedback import RedisFeedback
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.lanes import errands
from storage.preferences import RedisPreferences
from storage.rates import RedisRates
from storage.threads import RedisThreads
from tests.adapters.slack import odd_payloads
from tests.servers.slack import ALICE, BOB, BOT_USER, GENERAL, MPIM, OTHER_BOT, RANDOM, STRANGER, SlackServer, dm_of
from tests.waiting import until

KEYS = Keys()


@dataclass
class Desk:
    """The store as the listeners and a worker see it."""

    inbox: RedisInbox
    jobs: RedisJobs
    threads: RedisThreads
    reception: Reception
    rates: RedisRates
    preferences: PreferenceDesk

    async def claims(self) -> list[Claim]:
        """What a worker is given now."""
        return await self.jobs.claim(50)

    async def claim(self) -> Claim:
        """The one job there is."""
        claims: list[Claim] = []

        async def found() -> bool:
            claims.extend(await self.claims())
            return bool(claims)

        await until("a job is claimed", found)
        assert len(claims) == 1
        return claims[0]

    async def answer(self, claim: Claim, text: str = "Because.") -> None:
        """Settle a question as a worker does."""
        asked = [
            Turn(
                id=f"{claim.job.id}:{number}",
                exchange=claim.job.id,
                role=Role.USER,
                text=message.text,
                at=message.sent_at,
                message_ids=(message.message_id,),
            )
            for number, message in enumerate(claim.job.messages)
        ]
        answered = Turn(
            id=f"{claim.job.id}:answer",
            exchange=claim.job.id,
            role=Role.ASSISTANT,
            text=text,
            at=claim.job.accepted_at,
            ending=Ending.COMPLETE,
        )
        await self.jobs.finish(claim, Settlement(Ending.COMPLETE, turns=(*asked, answered)))

    async def depth(self) -> int:
        return await self.inbox.depth()


@asynccontextmanager
async def desk_of(url: str, *, max_mailbox: int = 100) -> AsyncIterator[Desk]:
    redis, fast = open_redis(url), open_redis(url, fast=True)
    # Messages of a test come within a second of each other, and are not meant to join.
    inbox = RedisInbox(redis, fast, KEYS, join_seconds=0.0, max_mailbox=max_mailbox)
    threads = RedisThreads(redis, KEYS)
    feedback = RedisFeedback(redis, KEYS, threads)
    reception = Reception(inbox, Intake(inbox, 10_000), threads, feedback, Rules())
    yield Desk(
        inbox,
        RedisJobs(redis, KEYS, lanes=["slack", *errands(["slack"])]),
        threads,
        reception,
        RedisRates(redis, KEYS),
        PreferenceDesk(RedisPreferences(redis, KEYS), Rules(), language_named, 1024),
    )
    await fast.aclose()
    await redis.aclose()


def access(slack: SlackServer, **more: str) -> SlackAccess:
    tokens = {"bot_token": slack.bot_token, "app_token": slack.app_token, "api_url": slack.api_url}
    return SlackAccess(**{**tokens, **more})


@asynccontextmanager
async def listening(tokens: SlackAccess, desk: Desk, **more: Any) -> AsyncIterator[SlackListener]:
    """A replica's listener, with what it shares with the rest of its process."""
    async with SlackApi(tokens.bot_token, desk.rates, base_url=tokens.api_url) as api:
        people = People(api)
        try:
            async with SlackListener(tokens, desk.reception, api, people, desk.preferences, **more) as listener:
                yield listener
        finally:
            await people.aclose()


@pytest.fixture
async def desk(redis_client: Redis, valkey_url: str) -> AsyncIterator[Desk]:
    async with desk_of(valkey_url) as desk:
        yield desk


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(retry_delays=(0.0, 0.2, 0.5)) as slack:
        yield slack


@pytest.fixture
async def listener(slack: SlackServer, desk: Desk) -> AsyncIterator[SlackListener]:
    async with listening(access(slack), desk) as listener:
        yield listener


async def all_acked(slack: SlackServer) -> None:
    """Slack has been told that everything arrived."""
    await until("everything is acknowledged", lambda: not slack.unacked)


def job_messages(claim: Claim) -> list[str]:
    return [message.text for message in claim.job.messages]


@pytest.mark.usefixtures("listener")
class TestHearing:
    async def test_a_mention_is_one_job(self, slack: SlackServer, desk: Desk) -> None:
        """It comes twice, with names in place of ids."""
        ts = await slack.mention(f"why <@{BOB}>? `a < b`")
        await all_acked(slack)
        assert len([event for event in slack.events if event.event["ts"] == ts]) == 2
        message = (await desk.claim()).job.messages[0]
        assert message.text == "why @bob? `a < b`"
        assert (message.author_id, message.author_name) == (ALICE, "alice")
        assert message.address == ThreadId("slack", slack.team, GENERAL, ts)
        assert message.reply_to == {"thread_ts": ts, "user": ALICE, "team": slack.team}

    async def test_a_redelivery_is_no_second_job(self, slack: SlackServer, desk: Desk) -> None:
        """Also after the answer has ended."""
        await slack.mention("q")
        await all_acked(slack)
        for event in slack.events:
            await slack.redeliver(event.id)
        await desk.answer(await desk.claim())
        for event in slack.events:
            await slack.redeliver(event.id)
        await until("all came three times", lambda: all(len(event.sent) == 3 for event in slack.events))
        await slack.mention("another")
        await all_acked(slack)
        assert job_messages(await desk.claim()) == ["another"]
        assert await desk.depth() == 1

    async def test_two_replicas_make_one_job(self, slack: SlackServer, desk: Desk) -> None:
        """The twins go to one each."""
        async with listening(access(slack), desk):
            for number in range(6):
                await slack.mention(f"q{number}", user=ALICE, channel=RANDOM)
            await all_acked(slack)
            assert await desk.depth() == 6

    async def test_only_what_concerns_us_is_stored(self, slack: SlackServer, desk: Desk) -> None:
        """People talk; we do not listen."""
        root = await slack.say("lunch?")
        await slack.say("yes", thread_ts=root, user=BOB)
        await slack.say("hello", channel=MPIM)
        await slack.say(f"<@{BOT_USER}> deployed", user=OTHER_BOT)
        await slack.say(f"<@{BOB}> look", thread_ts=root)
        await all_acked(slack)
        assert await desk.depth() == 0

    async def test_a_follow_up_needs_no_mention(self, slack: SlackServer, desk: Desk) -> None:
        """In a thread that we take part in, unless it is said to somebody else."""
        root = await slack.mention("q")
        await all_acked(slack)
        await slack.say(f"<@{ALICE}> I know this", thread_ts=root, user=BOB)
        await slack.say("and then?", thread_ts=root, user=BOB)
        await all_acked(slack)
        first = await desk.claim()
        await desk.answer(first)
        follow_up = await desk.claim()
        assert job_messages(follow_up) == ["and then?"]
        assert follow_up.job.conversation_id == first.job.conversation_id
        await desk.answer(follow_up)
        assert await desk.depth() == 0

    async def test_quiet_and_back(self, slack: SlackServer, desk: Desk) -> None:
        """A muted thread is left alone until somebody mentions us."""
        root = await slack.mention("q")
        await all_acked(slack)
        await desk.answer(await desk.claim())

        async def said(text: str, *, mention: bool = False) -> list[tuple[Command, str]]:
            await (slack.mention if mention else slack.say)(text, thread_ts=root)
            await all_acked(slack)
            jobs = await desk.claims()
            for job in jobs:
                await desk.answer(job)
            return [(job.job.messages[0].command, job.job.messages[0].text) for job in jobs]

        assert await said("quiet", mention=True) == [(Command.TELL, notices.QUIET)]
        assert await said("between us") == []
        assert await said("you may speak", mention=True) == [(Command.ASK, "you may speak")]
        assert await said("between us again") == []
        assert await said("back", mention=True) == [(Command.TELL, notices.BACK)]
        assert await said("so?") == [(Command.ASK, "so?")]

    async def test_direct_messages(self, slack: SlackServer, desk: Desk) -> None:
        """Each begins a thread of its own."""
        ts = await slack.dm("q", user=BOB)
        await slack.dm("more", user=BOB, thread_ts=ts)
        await all_acked(slack)
        first = (await desk.claim()).job
        assert first.messages[0].address == ThreadId("slack", slack.team, dm_of(BOB), ts)
        assert first.messages[0].reply_to["dm"] == "1"
        assert [job.messages[0].text for job in await desk.inbox.pending(first.conversation_id)] == ["q", "more"]

    async def test_a_stranger_is_told_so(self, slack: SlackServer, desk: Desk) -> None:
        """Once, though a mention comes twice, and alone. People of other workspaces cost nothing."""
        await slack.mention("q", external=True)
        await all_acked(slack)
        await until("the stranger is told", lambda: bool(slack.ephemerals))
        assert [(one.ephemeral_for, one.shown) for one in slack.ephemerals] == [(STRANGER, notices.OUTSIDER)]
        assert await desk.inbox.depth() == 0

    async def test_an_edit_changes_the_question_and_a_deletion_removes_it(self, slack: SlackServer, desk: Desk) -> None:
        """While it waits."""
        kept, gone = await slack.mention("q"), await slack.mention("oops", channel=RANDOM)
        await all_acked(slack)
        await slack.edit(kept, f"<@{BOT_USER}> better q")
        await slack.delete(gone)
        await all_acked(slack)
        assert job_messages(await desk.claim()) == ["better q"]
        assert await desk.depth() == 1

    async def test_an_edit_of_an_answered_question_offers_to_answer_again(self, slack: SlackServer, desk: Desk) -> None:
        """Once, however often it is delivered; a preview of a link is no edit."""
        ts = await slack.mention("q")
        await all_acked(slack)
        first = await desk.claim()
        await desk.answer(first)
        await slack.edit(ts, f"<@{BOT_USER}> better q")
        await all_acked(slack)
        await slack.redeliver(slack.events[-1].id)
        slack.home.change(slack.message(ts), reactions={"eyes": [BOB]})
        await all_acked(slack)
        edit = await desk.claim()
        message = edit.job.messages[0]
        assert (message.command, message.target, message.text) == (Command.EDITED, ts, "better q")
        await desk.answer(edit)
        assert await desk.depth() == 0

    async def test_a_deleted_answered_question_is_purged(self, slack: SlackServer, desk: Desk) -> None:
        """Also when it has replies, and Slack keeps a tombstone."""
        ts = await slack.mention("q")
        await all_acked(slack)
        await desk.answer(await desk.claim())
        slack.home.post(slack.home.own(GENERAL, text="Because.", thread_ts=ts))
        await slack.delete(ts)
        await all_acked(slack)
        message = (await desk.claim()).job.messages[0]
        assert (message.command, message.target) == (Command.REMOVE, ts)

    async def test_our_own_messages_ask_nothing(self, slack: SlackServer, desk: Desk) -> None:
        """Neither when they are posted nor when they change; not even what looks like a mention of us."""
        message = slack.home.own(dm_of(ALICE), text=f"<@{BOT_USER}> hello")
        slack.home.post(message)
        slack.home.change(message, text=f"<@{BOT_USER}> hello again", edited_at=slack.home.now())
        await all_acked(slack)
        assert await desk.depth() == 0

    async def test_no_name_costs_nobody_an_answer(self, slack: SlackServer, desk: Desk) -> None:
        """A lookup that fails leaves the id, one that hangs is not waited for."""
        slack.fail("users.info", "internal_error", times=1)
        await slack.mention("q", user=ALICE)
        await all_acked(slack)
        claim = await desk.claim()
        assert claim.job.messages[0].author_name == ALICE
        await desk.answer(claim)
        slack.hang("users.info", times=1)
        await slack.mention("q", user=BOB)
        await all_acked(slack)
        assert (await desk.claim()).job.messages[0].author_name == BOB
        slack.release()

    async def test_an_edit_is_stored_after_what_it_edits(self, slack: SlackServer, desk: Desk) -> None:
        """However long the name of its author takes."""
        slack.hang("users.info", times=1)
        ts = await slack.mention("q")
        await slack.edit(ts, f"<@{BOT_USER}> better q")
        await all_acked(slack)
        assert job_messages(await desk.claim()) == ["better q"]
        slack.release()

    async def test_a_person_is_looked_up_once(self, slack: SlackServer, desk: Desk) -> None:
        """However many ask at once, and afterwards."""
        for number in range(10):
            await slack.mention(f"q{number}", channel=RANDOM)
        await all_acked(slack)
        await slack.mention("later")
        await all_acked(slack)
        assert len(slack.calls_of("users.info")) == 1


@pytest.mark.usefixtures("listener")
class TestActing:
    @pytest.fixture
    async def answered(self, slack: SlackServer, desk: Desk) -> tuple[str, str, str]:
        """(its question's ts, its own ts, its exchange) of an answer with buttons."""
        root = await slack.mention("q")
        await all_acked(slack)
        claim = await desk.claim()
        await desk.answer(claim)
        return root, self.with_buttons(slack, root, claim.job.id), claim.job.id

    @staticmethod
    def with_buttons(slack: SlackServer, root: str, exchange: str) -> str:
        def button(action: str) -> dict[str, object]:
            label = {"type": "plain_text", "text": action}
            return {"type": "button", "action_id": f"corral:{action}", "value": exchange, "text": label}

        def opinion(name: str) -> dict[str, object]:
            return {"text": {"type": "plain_text", "text": name}, "value": f"{name}:{exchange}"}

        feedback: dict[str, object] = {"type": "feedback_buttons", "action_id": "corral:feedback"}
        feedback |= {"positive_button": opinion("good"), "negative_button": opinion("bad")}
        blocks = [
            {"type": "markdown", "text": "Because."},
            {"type": "actions", "elements": [button("again"), button("continue"), button("stop")]},
            {"type": "context_actions", "elements": [feedback]},
        ]
        message = slack.home.own(GENERAL, blocks=blocks, thread_ts=root)
        slack.home.post(message)
        return message.ts

    async def test_regenerate(self, slack: SlackServer, desk: Desk, answered: tuple[str, str, str]) -> None:
        """Pressed twice it is made anew once, and the second press says so."""
        root, ts, exchange = answered
        assert (await slack.press(ts, "corral:again")).acked
        assert (await slack.press(ts, "corral:again")).acked
        message = (await desk.claim()).job.messages[0]
        assert (message.command, message.target, message.shown_in) == (Command.AGAIN, exchange, (ts,))
        assert message.address.thread == root
        assert message.reply_to == {"thread_ts": root, "user": ALICE, "team": slack.team}
        await until(
            "the second press is told", lambda: [one.text for one in slack.ephemerals] == [notices.ALREADY_ASKED]
        )
        assert (slack.ephemerals[0].ephemeral_for, slack.ephemerals[0].thread_ts) == (ALICE, root)

    async def test_feedback(self, slack: SlackServer, desk: Desk, answered: tuple[str, str, str]) -> None:
        """Two buttons with one id; their values say which is which."""
        _, ts, exchange = answered
        assert (await slack.press(ts, "corral:feedback", value=f"bad:{exchange}")).acked
        await until("thanks are said", lambda: [one.text for one in slack.ephemerals] == [notices.THANKS])

    async def test_stop(self, slack: SlackServer, desk: Desk, answered: tuple[str, str, str]) -> None:
        """The button stops its own answer only; Slack's stop button whatever runs in the thread."""
        root, ts, _ = answered
        await slack.say("more", thread_ts=root)
        await all_acked(slack)
        claim = await desk.claim()
        await slack.press(ts, "corral:stop")  # of the answer before
        await until(
            "it is said that nothing runs", lambda: [one.text for one in slack.ephemerals] == [notices.NOTHING_RUNS]
        )
        assert await desk.jobs.checkpoint(claim, Checkpoint(text="B")) is None
        await slack.stop_button(root)
        await all_acked(slack)
        assert await desk.jobs.checkpoint(claim, Checkpoint(text="Be")) is StopReason.STOPPED

    async def test_slacks_stop_button_is_for_those_who_may_ask(self, slack: SlackServer, desk: Desk) -> None:
        """The event says who pressed it and not where they belong; Slack is asked."""
        root = await slack.mention("q")
        await all_acked(slack)
        claim = await desk.claim()
        await slack.stop_button(root, user=STRANGER)
        await all_acked(slack)
        assert await desk.jobs.checkpoint(claim, Checkpoint(text="B")) is None
        await slack.stop_button(root, user=BOB)
        await all_acked(slack)
        assert await desk.jobs.checkpoint(claim, Checkpoint(text="B")) is StopReason.STOPPED

    async def test_a_stop_that_comes_late_stops_nothing(
        self, slack: SlackServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Brought again a minute later, it would hit the next answer."""
        monkeypatch.setattr("adapters.slack.receiving.STOP_SECONDS", 0.0)
        root = await slack.mention("q")
        await all_acked(slack)
        claim = await desk.claim()
        await slack.stop_button(root)
        await all_acked(slack)
        assert await desk.jobs.checkpoint(claim, Checkpoint(text="B")) is None

    async def test_the_shortcut_asks_in_the_messages_thread(self, slack: SlackServer, desk: Desk) -> None:
        """About a message of people that talk among themselves."""
        ts = await slack.say("why is this slow?", user=BOB)
        assert (await slack.shortcut("corral_ask", message_ts=ts)).acked
        message = (await desk.claim()).job.messages[0]
        assert (message.text, message.author_id, message.address.thread) == (ASK_ABOUT_IT, ALICE, ts)
        assert message.above == (f"link:{GENERAL}:{ts}",)

    async def test_a_command_asks(self, slack: SlackServer, desk: Desk) -> None:
        """Its author is told at once that the answer comes."""
        delivery = await slack.command("/code", "python sort a < b")
        assert delivery.reply == {"response_type": "ephemeral", "text": ANSWER_COMES}
        message = (await desk.claim()).job.messages[0]
        assert message.text.startswith("Write a code snippet in Python")
        assert message.text.endswith("\n\nsort a < b")
        assert message.reply_to["command"] == "/code"
        assert message.reply_to["asked"] == "python sort a < b"
        assert message.author_name == "alice"

    async def test_help_comes_with_the_acknowledgement(self, slack: SlackServer, desk: Desk) -> None:
        """Nothing is stored for it."""
        assert (await slack.command("/corral", "help")).reply["text"] == HELP
        directly = await slack.command("/corral", "help", channel=dm_of(ALICE))
        assert directly.reply["text"] == HELP_DIRECTLY
        assert await desk.depth() == 0

    async def test_prompts_are_suggested_once(self, slack: SlackServer) -> None:
        """To each person who opens our messages; the home tab has none."""
        await slack.open_home(user=ALICE, tab="home")
        await slack.open_home(user=ALICE)
        await until("prompts are there", lambda: len(slack.suggested_prompts) == 1)
        await slack.open_home(user=ALICE)
        await slack.open_home(user=BOB)
        await until("both have them", lambda: len(slack.suggested_prompts) == 2)
        await all_acked(slack)
        assert [args["channel_id"] for args in slack.suggested_prompts] == [dm_of(ALICE), dm_of(BOB)]
        assert [prompt["title"] for prompt in slack.suggested_prompts[0]["prompts"]] == [title for title, _ in PROMPTS]
        assert "thread_ts" not in slack.suggested_prompts[0]

    async def test_a_thread_of_direct_messages_is_called_after_its_question(
        self, slack: SlackServer, desk: Desk
    ) -> None:
        """Once: what follows in the thread does not rename it."""
        ts = await slack.dm("  how do I\nsort a list? " + "x" * 80, user=ALICE)
        await until("it has a title", lambda: ts in slack.titles)
        assert slack.titles[ts] == ("how do I sort a list? " + "x" * 80)[:60]
        await slack.say("and a tuple?", channel=dm_of(ALICE), user=ALICE, thread_ts=ts)
        await all_acked(slack)
        assert len(slack.calls_of("assistant.threads.setTitle")) == 1

    async def test_what_is_only_nice_to_have_is_left_out_when_calls_are_short(
        self, slack: SlackServer, desk: Desk, caplog: pytest.LogCaptureFixture
    ) -> None:
        """All replicas share what Slack allows; the question is stored all the same."""
        caplog.set_level(logging.INFO)
        for method in "assistant.threads.setTitle", "assistant.threads.setSuggestedPrompts":
            limit = limit_of(slack.team, method)
            for _ in range(limit.limit - SPARE_BESIDE):
                assert (await desk.rates.take(Use(limit))).wait_seconds == 0
        await slack.open_home(user=ALICE)
        await slack.dm("q", user=ALICE)
        await until("the title is left out", lambda: "a thread's title could not be shown" in caplog.text)
        await until("the prompts are left out", lambda: "the suggested prompts could not be shown" in caplog.text)
        assert {call.method for call in slack.calls} <= {"auth.test", "apps.connections.open", "users.info"}
        await all_acked(slack)
        assert await desk.depth() == 1

    async def test_what_nobody_knows_is_acknowledged(self, slack: SlackServer, desk: Desk) -> None:
        """Slack would show a warning sign, or bring it again."""
        assert (await slack.shortcut("something_else")).acked
        assert (await slack.command("/other")).acked
        slack.deliveries.announce({"type": "team_join", "user": {"id": "U7"}}, None)
        await all_acked(slack)
        assert await desk.depth() == 0


class TestTheStoreIsDown:
    @pytest.mark.usefixtures("listener")
    async def test_a_burst_is_stored_few_at_a_time(
        self, slack: SlackServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """All at once, each would wait for all others, and all would come too late."""
        hear, running, most = desk.reception.hear, 0, 0

        async def counted(heard: Heard) -> object:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                return await hear(heard)
            finally:
                running -= 1

        monkeypatch.setattr(desk.reception, "hear", counted)
        for number in range(60):
            await slack.mention(f"q{number}")
        await all_acked(slack)
        assert await desk.depth() == 60
        assert most == STORE_AT_ONCE

    async def test_a_question_is_answered_when_the_store_is_back(
        self, slack: SlackServer, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """It is not acknowledged before, so that Slack brings it again, and makes one job; the person is told once."""
        slack.deliveries.ack_seconds, slack.deliveries.retry_delays = 0.5, (0.0, *[0.3] * 40)
        server = redis_server_factory()
        async with desk_of(server.start()) as desk, listening(access(slack), desk):
            server.stop()
            ts = await slack.mention("q")
            await slack.say("chat", channel=RANDOM)
            await until("the mention came thrice", lambda: all(len(event.sent) > 2 for event in slack.events[:2]))
            assert all(event.acked is None for event in slack.events[:2])
            assert slack.events[2].acked is not None  # chatter needs no store
            server.start()
            await all_acked(slack)
            assert job_messages(await desk.claim()) == ["q"]
            assert await desk.depth() == 1
            assert [message.text for message in slack.thread(GENERAL, ts)] == [PROMISE]

    async def test_what_comes_only_once_is_told(
        self, slack: SlackServer, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """Commands, buttons and shortcuts are acknowledged with a sentence."""
        server = redis_server_factory()
        async with desk_of(server.start()) as desk, listening(access(slack), desk):
            ts = await slack.say("why?")
            await all_acked(slack)
            server.stop()
            assert (await slack.command("/corral", "q")).reply["text"] == StoreUnavailable.user_notice
            assert (await slack.shortcut("corral_ask", message_ts=ts)).acked
            assert (await slack.command("/corral", "explain")).reply["text"] == StoreUnavailable.user_notice
            assert (await slack.command("/corral", "settings")).reply["text"] == StoreUnavailable.user_notice
            assert (await slack.shortcut("corral_form", message_ts=ts)).acked
            await until("the person is told", lambda: len(slack.ephemerals) == 5)
            assert {one.text for one in slack.ephemerals} == {StoreUnavailable.user_notice}

    async def test_a_form_waits_for_the_store(
        self, slack: SlackServer, redis_server_factory: Callable[..., EmbeddedValkey]
    ) -> None:
        """It stays open with all that was entered."""
        server = redis_server_factory()
        async with desk_of(server.start()) as desk, listening(access(slack), desk):
            await slack.command("/corral", "explain")
            await slack.command("/corral", "settings", user=BOB)
            server.stop()
            await slack.submit(code="x = 1")
            assert slack.modal().errors == {"code": StoreUnavailable.user_notice}
            await slack.submit(user=BOB, person__language="go")
            assert slack.modal(BOB).errors == {"person.language": StoreUnavailable.user_notice}
            server.start()
            await slack.submit(code="x = 1")
            assert job_messages(await desk.claim())[0].endswith("```\nx = 1\n```")
            await slack.submit(user=BOB, person__language="go")
            assert slack.modal(BOB).said.startswith("Set for you: code in Go.")

    async def test_a_store_that_hangs_costs_no_acknowledgement(
        self, slack: SlackServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Slack is not acknowledged when the store takes longer than Slack waits."""
        monkeypatch.setattr("adapters.slack.in_time.STORE_SECONDS", 0.2)
        slack.deliveries.ack_seconds, slack.deliveries.retry_delays = 0.5, (0.0, *[0.3] * 40)
        async with listening(access(slack), desk), AsyncExitStack() as stack:
            hung = asyncio.Event()
            stack.callback(hung.set)

            async def hang(_: object) -> None:
                await hung.wait()

            with monkeypatch.context() as patch:
                patch.setattr(desk.reception, "hear", hang)
                await slack.mention("q")
                await until("it is brought again", lambda: all(len(event.sent) > 1 for event in slack.events[:2]))
            await all_acked(slack)
            assert job_messages(await desk.claim()) == ["q"]

    async def test_a_full_queue_is_told_to_its_author_alone(
        self, slack: SlackServer, redis_client: Redis, valkey_url: str
    ) -> None:
        """And acknowledged: bringing it again would not help."""
        async with desk_of(valkey_url, max_mailbox=1) as desk, listening(access(slack), desk):
            root = await slack.mention("q")
            await all_acked(slack)
            await slack.say("more", thread_ts=root, user=BOB)
            await until("Bob is told", lambda: [one.ephemeral_for for one in slack.ephemerals] == [BOB])
            assert slack.ephemerals[0].thread_ts == root
            await all_acked(slack)
            assert await desk.depth() == 1


class TestStarting:
    async def test_it_waits_for_slack(self, slack: SlackServer, desk: Desk) -> None:
        """What breaks for a while at the start is tried again."""
        slack.break_body("auth.test")
        slack.fail("auth.test", "internal_error")
        slack.fail("apps.connections.open", "ratelimited", status=429, retry_after=1)
        async with listening(access(slack), desk) as listener:
            await listener.ready()
            await slack.mention("q")
            await all_acked(slack)
            assert await desk.depth() == 1

    async def test_it_starts_without_slack(self, slack: SlackServer, desk: Desk) -> None:
        """The rest of the program need not wait, and hears when Slack is there."""
        slack.fail("auth.test", "service_unavailable", times=2)
        async with listening(access(slack), desk, contact_seconds=0.01) as listener:
            with pytest.raises(CorralError, match="Slack has not answered yet"):
                await listener.ready()
            await slack.mention("q")
            await all_acked(slack)
            await listener.ready()
            assert await desk.depth() == 1

    @pytest.mark.parametrize(
        ("wrong", "told"),
        [("bot_token", "SLACK_BOT_TOKEN .invalid_auth"), ("app_token", "SLACK_APP_TOKEN .invalid_auth")],
    )
    async def test_a_wrong_token_is_said(self, slack: SlackServer, desk: Desk, wrong: str, told: str) -> None:
        """With what to do about it, and without the token."""
        with pytest.raises(SlackRefused, match=told) as refused:
            async with listening(access(slack, **{wrong: "xoxb-wrong-secret"}), desk):
                pass
        assert "secret" not in str(refused.value)

    async def test_a_token_that_is_revoked_later_is_reported(self, slack: SlackServer, desk: Desk) -> None:
        """The operator hears of it; nobody waits for it."""
        refusals: list[SlackRefused] = []
        async with listening(access(slack), desk, on_refused=refusals.append) as listener:
            slack.fail("apps.connections.open", "token_revoked")
            slack.cut()
            await until("it is reported", lambda: len(refusals) == 1)
            assert "token_revoked" in str(refusals[0])
            with pytest.raises(CorralError, match="no socket"):
                await listener.ready()

    async def test_the_end_takes_in_nothing_more(self, slack: SlackServer, desk: Desk) -> None:
        """What was taken in is acknowledged, what comes later goes to another replica."""
        async with listening(access(slack), desk):
            await slack.mention("q")
            await all_acked(slack)
        await slack.mention("too late")
        await until("its socket is gone", lambda: not slack.sockets.sockets)
        async with listening(access(slack), desk):
            await all_acked(slack)
        assert await desk.depth() == 2


class TestSockets:
    async def asked_and_stored(self, slack: SlackServer, desk: Desk, already: int = 0) -> None:
        await slack.mention("q")
        await all_acked(slack)
        assert await desk.depth() == already + 1

    @pytest.mark.usefixtures("listener")
    async def test_slack_replaces_a_socket(self, slack: SlackServer, desk: Desk) -> None:
        """The new one is there before the old one is closed."""
        old = slack.sockets.sockets.copy()
        await slack.disconnect("refresh_requested", linger=30.0)
        await until("there is a new socket", lambda: len(slack.sockets.sockets) == 1)
        assert slack.sockets.sockets != old
        assert not old[0].response.closed
        await self.asked_and_stored(slack, desk)

    @pytest.mark.usefixtures("listener")
    async def test_a_cut_socket_is_replaced(self, slack: SlackServer, desk: Desk) -> None:
        """Without a word from the other side."""
        slack.cut()
        await self.asked_and_stored(slack, desk)

    async def test_a_half_open_socket_is_replaced(self, slack: SlackServer, desk: Desk) -> None:
        """Nothing comes and nothing breaks: only the missing answer to a ping tells."""
        slack.deliveries.ack_seconds = 0.3
        slack.deliveries.retry_delays = (0.3,) * 40
        async with listening(access(slack), desk, ping_seconds=0.2):
            old = slack.sockets.sockets.copy()
            slack.freeze()
            await self.asked_and_stored(slack, desk)
            await until("the frozen socket is gone", lambda: slack.sockets.sockets != old)

    async def test_a_ticket_is_used_once(self, slack: SlackServer, desk: Desk) -> None:
        """A connection that failed at first is tried with a new address."""
        given = slack.api._open_socket
        slack.api._open_socket = lambda: f"{given()}x"  # an address that Slack does not know any more
        async with listening(access(slack), desk, contact_seconds=0.3):
            slack.api._open_socket = given
            await self.asked_and_stored(slack, desk)

    async def test_too_many_sockets_are_waited_for(
        self, slack: SlackServer, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The eleventh comes back later, and not in a hurry."""
        monkeypatch.setattr("adapters.slack.socket_mode.CROWDED_SECONDS", 0.4)
        monkeypatch.setattr("adapters.slack.socket_mode.growing_waits", lambda: itertools.repeat(0.0))
        async with AsyncExitStack() as others:
            for _ in range(10):
                await others.enter_async_context(listening(access(slack), desk))
            before = len(slack.calls_of("apps.connections.open"))
            async with listening(access(slack), desk, contact_seconds=1.0) as eleventh:
                with pytest.raises(CorralError, match="no socket"):
                    await eleventh.ready()
                assert len(slack.calls_of("apps.connections.open")) - before <= 3
                await others.aclose()
                await until("it has a socket", lambda: len(slack.sockets.sockets) == 1)
                await self.asked_and_stored(slack, desk)

    @pytest.mark.parametrize("address", ["ws://{there}/link/?ticket=SECRET", "SECRET://no address"])
    async def test_no_ticket_is_logged(
        self, slack: SlackServer, desk: Desk, caplog: pytest.LogCaptureFixture, address: str
    ) -> None:
        """Whoever has it can listen in our place; logs are read by more people than that."""
        caplog.set_level(logging.DEBUG)
        given = slack.api._open_socket
        slack.api._open_socket = lambda: address.format(there=slack.url.removeprefix("http://"))
        async with listening(access(slack), desk, contact_seconds=0.3):
            assert "a socket to Slack ended" in caplog.text
            slack.api._open_socket = given
            await self.asked_and_stored(slack, desk)
        assert "SECRET" not in caplog.text
        assert slack.app_token not in caplog.text

    @pytest.mark.usefixtures("listener")
    async def test_an_envelope_that_is_none_breaks_nothing(self, slack: SlackServer, desk: Desk) -> None:
        """The socket goes on."""
        for text in ("no json", "[]", '{"type": "events_api"}', '{"type": "x", "envelope_id": "1", "payload": 3}'):
            await slack.sockets.sockets[0].response.send_str(text)
        await self.asked_and_stored(slack, desk)

    @pytest.mark.usefixtures("listener")
    async def test_an_envelope_with_odd_things_in_it_breaks_nothing(
        self, slack: SlackServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The very same socket goes on, and the log tells nothing of what stood there."""
        (socket,) = slack.sockets.sockets
        kinds = {"press": "interactive", "shortcut": "interactive", "command": "slash_commands"}
        for text in odd_payloads.BODIES:
            await socket.response.send_str(text)
        envelope = {"type": "events_api", "envelope_id": "1", "payload": odd_payloads.PAYLOADS["mention"]}
        for text in odd_payloads.odd(envelope):
            await socket.response.send_str(text)
        for kind, payload in odd_payloads.PAYLOADS.items():
            for text in odd_payloads.odd(payload):
                head = f'{{"type":"{kinds.get(kind, "events_api")}","envelope_id":"1","payload":'
                await socket.response.send_str(head + text + "}")
        await slack.mention("q", channel=RANDOM)
        await all_acked(slack)
        assert slack.sockets.sockets == [socket]
        assert odd_payloads.SECRET_WORDS not in caplog.text
