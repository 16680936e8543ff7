"""A writer of answers at work: our SlackReplies on a local Slack and a real book of rates, and the jobs it is given."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from redis.asyncio import Redis

from adapters.slack.api import SlackApi
from adapters.slack.destination import destination_of
from adapters.slack.replies import SlackReplies
from conversation.errors import Paced
from conversation.model import Action, Ending, InboundMessage, Job, Offer, Segment, SegmentState, ThreadId
from conversation.ports import Content
from storage.keys import Keys
from storage.rates import RedisRates
from tests.servers.slack import ALICE, GENERAL, Message, SlackServer

_ids = itertools.count(1)


@dataclass
class Desk:
    """One process's writer. Several desks on one server and one store are several processes."""

    slack: SlackServer
    rates: RedisRates
    api: SlackApi
    replies: SlackReplies
    segments: dict[str, Segment] = field(default_factory=dict)

    async def asked(
        self, text: str = "How?", *, channel: str = GENERAL, user: str = ALICE, thread_ts: str | None = None
    ) -> Job:
        """The job of a question that somebody asks now."""
        ts = await self.slack.say(text, channel=channel, user=user, thread_ts=thread_ts)
        return job(self.slack, ts, channel=channel, user=user, thread_ts=thread_ts or ts, text=text)

    async def show(self, job: Job, content: Content, index: int = 0) -> Segment:
        """Post the content, or edit the job's message; who is told to wait waits, as Delivery does."""
        segment = self.segment(job, index)
        while True:
            try:
                if segment.message_id is None:
                    written = await self.replies.post(job, segment, content)
                    segment = replace(segment, message_id=written.message_id, mode=written.mode)
                else:
                    await self.replies.edit(job, segment, content)
            except Paced as paced:
                await asyncio.sleep(paced.retry_after_seconds or 0.0)
            else:
                self.segments[segment.key] = segment
                return segment

    def segment(self, job: Job, index: int = 0) -> Segment:
        """The job's message as this process knows it."""
        key = f"{job.id}:{index}"
        return self.segments.get(key) or Segment(key, 0, SegmentState.PLANNED)

    def shown(self, job: Job) -> list[Message]:
        """Our messages below the question."""
        at = destination_of(job)
        return self.slack.thread(at.channel, at.thread_ts)

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.slack.calls]


def job(
    slack: SlackServer, ts: str, *, channel: str, user: str, thread_ts: str, text: str = "How?", **reply_to: str
) -> Job:
    """A job as the listener and the store make it."""
    message = InboundMessage(
        address=ThreadId("slack", slack.team, channel, thread_ts),
        message_id=ts,
        author_id=user,
        author_name="Alice",
        text=text,
        sent_at=float(ts) if ts.replace(".", "").isdigit() else 0.0,
        reply_to={"thread_ts": thread_ts, "user": user, "team": slack.team, **reply_to},
    )
    return Job(f"job{next(_ids)}", "conversation", (message,), message.sent_at)


def growing(text: str, closer: str = "") -> Content:
    """An answer that is being written."""
    return Content(text + closer, closer=closer, offers=(Offer(Action.STOP, "Stop", "j"),))


def ended(text: str, notice: str = "") -> Content:
    """An answer that has ended, with what can be pressed below it."""
    offers = tuple(Offer(action, action.value, "x1") for action in (Action.AGAIN, Action.GOOD, Action.BAD))
    return Content(text, notice=notice, final=True, ending=Ending.COMPLETE.value, offers=offers)


@asynccontextmanager
async def desk(slack: SlackServer, redis: Redis, **api: Any) -> AsyncIterator[Desk]:
    """A desk on a Slack that runs already."""
    # No margin: the server counts calls as they come, and those of a test come at once.
    rates = RedisRates(redis, Keys(), margin_seconds=0.5)
    async with SlackApi(slack.bot_token, rates, base_url=slack.api_url, **api) as client:
        yield Desk(slack, rates, client, SlackReplies(client))
