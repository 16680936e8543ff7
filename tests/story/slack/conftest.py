"""Slack as people meet it: a local Slack, the program wired as `python -m bot run` wires it, a model server of our own.

Everything between them goes over real sockets; `processes` beside this file has the same with real processes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.roles import Role
from bot.settings import Settings
from conversation.model import ThreadId
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.threads import RedisThreads
from tests.servers.behaviour import Behaviour
from tests.servers.slack import GENERAL, Message, SlackServer
from tests.servers.slack.cast import PEOPLE
from tests.servers.tgi import TgiServer
from tests.story.acquaintances import acquaint
from tests.story.replicas import replica
from tests.waiting import until

QUESTION = "how do I sort a list?"
ANSWER_TOKENS = 30
# Slow enough that a stream is written several times: one pause between two writes is 0.3 s.
SPEAKING = Behaviour(token_delay=0.03)
AT_ONCE = Behaviour()

AGAIN, CONTINUE, STOP, FEEDBACK = "corral:again", "corral:continue", "corral:stop", "corral:feedback"


@dataclass
class Office:
    """A workspace, the program in it, and what tests want to know of both."""

    slack: SlackServer
    model: TgiServer
    redis: Redis
    settings: dict[str, object]
    keys: Keys = field(default_factory=Keys)

    def replica(self, role: Role = Role.ALL, **settings: object) -> AbstractAsyncContextManager[str]:
        """One process's worth of the program, within this one; gives its address, for Slack without Socket Mode."""
        return replica({**self.settings, **settings}, role)

    # What there is to see

    def thread(self, root_ts: str, channel: str = GENERAL) -> list[Message]:
        """Our messages below this one."""
        return self.slack.thread(channel, root_ts)

    def answer(self, root_ts: str, channel: str = GENERAL) -> Message:
        """Our only message below this one."""
        (message,) = self.thread(root_ts, channel)
        return message

    async def settled(self) -> None:
        """Wait until everything that was said is stored, and came to its end."""

        async def nothing_is_left() -> bool:
            return not self.slack.unacked and not await self.redis.zcard(self.keys.backlog())

        await until("every question came to its end", nothing_is_left, deadline_seconds=30)

    async def begun(self, root_ts: str, channel: str = GENERAL, *, words: int = 1) -> Message:
        """Wait until so many words of an answer stand below this message, and more are to come."""

        def is_shown() -> bool:
            shown = self.thread(root_ts, channel)
            return bool(shown) and len(shown[-1].body.split()) >= words

        await until("an answer has begun", is_shown)
        return self.thread(root_ts, channel)[-1]

    async def turns(self, root_ts: str, channel: str = GENERAL) -> list[tuple[str, str]]:
        """(role, text) of what is remembered of the thread below this message."""
        inbox = RedisInbox(self.redis, self.redis, self.keys)
        conversation = await inbox.conversation(ThreadId("slack", self.slack.team, channel, root_ts))
        if conversation is None:
            return []
        turns = await RedisThreads(self.redis, self.keys).turns(conversation)
        return [(turn.role.value, turn.text.strip()) for turn in turns]

    def last_prompt(self) -> str:
        """What the model was asked last, without what it had said already."""
        prompt: str = self.model.requests[-1]["inputs"]
        return prompt[: prompt.rindex("[/INST]") + len("[/INST]")]

    def expected(self, question: str = QUESTION) -> str:
        """What the model says to a question."""
        return self.model.model.answer_to(question).strip()

    def expected_now(self) -> str:
        """What people see of what the model says to what it was asked last."""
        whole = "".join(token.text for token in self.model.model.go_on(self.last_prompt()) if not token.special)
        said: str = self.model.requests[-1]["inputs"].rpartition("[/INST]")[2]
        opened = re.match(r"\s*```(\w*)", said)
        return f"```{opened[1] or 'python'}\n{whole}\n```" if opened else whole.strip()

    # What must hold in the end, whatever happened

    def untidy(self) -> list[str]:
        """Whatever nobody should find after the last ending: half messages, stuck statuses, pings. Where we may not
        write any more nothing can be tidied."""
        channels = self.slack.home.channels.values()
        ours = [channel for channel in channels if channel.is_member and not channel.is_archived]
        messages = [message for channel in ours for message in self.slack.bot_messages(channel.id)]
        left = [f"still streams: {one.ts}" for one in messages if one.streaming]
        left += [f"can still be stopped: {one.ts}" for one in messages if STOP in actions(one)]
        left += [f"pings: {one.shown!r}" for one in self.slack.pings]
        for channel in ours:
            for thread_ts in channel.messages.keys() & self.slack.statuses.keys():
                said = [one for one in self.slack.statuses[thread_ts] if one not in {"processing", "active"}]
                left += [f"{thread_ts} still says {said[-1]!r}"] if said and said[-1] else []
            for (place, thread_ts), session in self.slack.sessions.items():
                if place == channel.id and session["status"] != "active":
                    left.append(f"the session of {thread_ts} is {session['status']}")
        return left


def actions(message: Message) -> list[str]:
    """What can be pressed below a message."""
    return [button.action_id for button in message.buttons]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of whoever runs the tests, and none of their variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    """A workspace where nothing was said yet."""
    async with SlackServer(retry_delays=(0.2, 0.5, 1.0, 2.0, 4.0)) as server:
        yield server


@pytest.fixture
async def model() -> AsyncIterator[TgiServer]:
    """A model server that speaks as fast as people read."""
    async with TgiServer(SPEAKING, answer_tokens=ANSWER_TOKENS) as server:
        yield server


@pytest.fixture
async def office(
    slack: SlackServer, model: TgiServer, redis_client: Redis, valkey_url: str, tmp_path: Path
) -> AsyncIterator[Office]:
    """A workspace with nobody of ours in it yet. When the test has gone well nothing may be left half done there."""
    made = Office(
        slack,
        model,
        redis_client,
        {
            "slack_bot_token": slack.bot_token,
            "slack_app_token": slack.app_token,
            "slack_signing_secret": slack.signing_secret,
            "slack_api_url": slack.api_url,
            "redis_url": valkey_url,
            "data_dir": tmp_path,
            "model_url": model.url,
            "lease_seconds": 1.0,
            "drain_seconds": 10.0,
        },
    )
    await acquaint(redis_client, "slack", [slack.team], PEOPLE)
    yield made
    assert not made.untidy()
