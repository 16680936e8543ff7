"""A write to a terminal's screen that was on its way while its worker lost the job."""

from __future__ import annotations

import asyncio

from redis.asyncio import Redis

from adapters.terminal.replies import TerminalReplies
from conversation.model import Checkpoint, Ending, Segment, SegmentState
from conversation.ports import Content
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.jobs import RedisJobs
from storage.keys import Keys
from storage.screen import RedisScreen
from tests.chaos.passage import open_passage
from tests.chaos.questions import question
from tests.storage.questions import answer, claim_one
from tests.waiting import until

KEYS = Keys()


async def test_a_late_write_does_not_come_over_the_end_of_an_answer(redis_client: Redis, valkey_url: str) -> None:
    """It arrives after another worker has shown the end and settled the job, and changes nothing."""
    inbox = RedisInbox(redis_client, redis_client, KEYS)
    jobs = RedisJobs(redis_client, KEYS, lanes=["terminal"])
    accepted = await inbox.accept(question("late", 1))
    claim = await claim_one(jobs)
    segment = Segment(f"{accepted.job_id}:0", 0, SegmentState.SENT)
    async with open_passage(valkey_url) as passage, open_redis(passage.url) as cut_off:
        slow, fast = TerminalReplies(RedisScreen(cut_off, KEYS)), TerminalReplies(RedisScreen(redis_client, KEYS))
        await slow.edit(claim.job, segment, Content("beg"))  # so that the server knows the script
        passage.close()
        late = asyncio.create_task(slow.edit(claim.job, segment, Content("beginn")))
        await until("the write is on its way", lambda: passage.held > 0)
        await jobs.checkpoint(claim, Checkpoint(text="beginning and end", tokens_used=3, ending=Ending.COMPLETE))
        await fast.edit(claim.job, segment, Content("beginning and end", final=True, ending="complete"))
        await jobs.finish(claim, answer(claim))
        passage.open()
        await asyncio.wait_for(late, 10)
    (record,) = await RedisScreen(redis_client, KEYS).read(accepted.conversation_id)
    assert record["text"] == "beginning and end"
