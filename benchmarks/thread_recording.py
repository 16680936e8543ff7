"""Records the thread of the README's picture: `python -m benchmarks.thread_recording docs/thread.json`.

The whole program in the local Slack of the tests, with the demo model. It is killed in mid-answer and started again.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import programs
from benchmarks.slack_stage import local_slack
from benchmarks.stage import Message
from tests.servers.slack.cast import ALICE, BOB, GENERAL

MODEL = "SmolLM2-135M-Instruct"
QUESTIONS = (
    (ALICE, "Ada", "How do I read a file line by line in Python?"),
    (BOB, "Ben", "And how do I count its lines?"),
)
KILLED_AFTER_CHARACTERS = 120  # of the first answer
SECONDS = 120.0
# Longer than a lease, and than the restart takes: what has not moved for so long has ended.
STILL_SECONDS = 12.0


async def record() -> dict[str, Any]:
    """What people and the program said, in order. Each entry has `who`, `text` and `killed_at`: the
    characters that stood there when the process was killed, or null."""
    entries: list[dict[str, Any]] = []
    async with local_slack() as slack:
        settings = {**slack.settings, "MODEL_API": "embedded", "MODEL_URL": "", "METRICS_PORT": "0"}
        async with programs.corral("", settings) as program, aiohttp.ClientSession() as session:
            root: str | None = None
            for number, (person, name, text) in enumerate(QUESTIONS):
                verb, where = ("say", {"thread_ts": root}) if root else ("mention", {})
                body = {"text": text, "channel": GENERAL, "user": person, **where}
                async with session.post(f"{slack.settings['SLACK_API_URL'][:-5]}/_ctl/{verb}", json=body) as response:
                    asked = (await response.json())["result"]
                root = root or asked
                killed_at = None
                if number == 0:
                    await _last(slack.messages, number, KILLED_AFTER_CHARACTERS, still_seconds=0.0)
                    await program.kill()
                    killed_at = len((await slack.messages())[-1].body)
                    await program.start()
                answer = await _last(slack.messages, number, killed_at or 0, STILL_SECONDS)
                entries.append({"who": name, "text": text if number else f"@Corral {text}", "killed_at": None})
                entries.append({"who": "Corral", "text": answer.body.strip(), "killed_at": killed_at})
    return {"model": MODEL, "entries": entries}


async def _last(
    messages: Callable[[], Awaitable[list[Message]]], before: int, characters: int, still_seconds: float
) -> Message:
    """The newest of our messages, once there are more than `before`, and it has more than so many characters and has
    not changed for so long."""
    end = time.monotonic() + SECONDS
    shown, since = "", time.monotonic()
    while time.monotonic() < end:
        ours = await messages()
        if len(ours) > before and len(ours[-1].body) > characters:
            if ours[-1].body != shown:
                shown, since = ours[-1].body, time.monotonic()
            is_over = ours[-1].has_ended or not still_seconds
            if is_over and time.monotonic() - since >= still_seconds:
                return ours[-1]
        await asyncio.sleep(0.05)
    raise TimeoutError(f"no such message within {SECONDS:g} s")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(asyncio.run(record()), indent=1, ensure_ascii=False) + "\n")
