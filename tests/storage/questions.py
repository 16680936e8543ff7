"""What the queue's tests ask with: messages, answers, a condition to wait for, and a connection that loses replies."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha1
from urllib.parse import urlsplit

from conversation.model import Claim, Command, Ending, InboundMessage, Role, Settlement, ThreadId, Turn
from storage.jobs import RedisJobs
from storage.scripts import source

_numbers = itertools.count(1)


def message(
    text: str = "why?",
    *,
    thread: str = "1",
    message_id: str | None = None,
    author: str | None = None,
    command: Command = Command.ASK,
    dedupe_keys: tuple[str, ...] = (),
    platform: str = "slack",
) -> InboundMessage:
    """A message of a new person, so that it joins no other, unless `author` is given."""
    number = next(_numbers)
    return InboundMessage(
        address=ThreadId(platform, "T1", "C1", thread),
        message_id=message_id or f"m{number}",
        author_id=author or f"U{number}",
        author_name="Ada",
        text=text,
        sent_at=1_700_000_000.25,
        command=command,
        dedupe_keys=dedupe_keys,
        reply_to={"channel": "C1"},
    )


def answer(claim: Claim, ending: Ending = Ending.COMPLETE, *, cut: int = 0, tag: str = "") -> Settlement:
    """The question's turns and one answer to them."""
    job = claim.job
    asked = tuple(
        Turn(id=f"{job.id}:{m.message_id}", exchange=job.id, role=Role.USER, text=m.text, at=m.sent_at)
        for m in job.messages
    )
    answered = Turn(
        id=f"{job.id}:answer{tag}", exchange=job.id, role=Role.ASSISTANT, text="because", at=1.0, ending=ending
    )
    return Settlement(ending=ending, turns=(*asked, answered), cut=cut)


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, *, seconds: float = 10.0) -> None:
    """Wait until `condition` holds; AssertionError naming `what` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.01)


async def claim_one(jobs: RedisJobs, *, seconds: float = 10.0) -> Claim:
    """The next job, waited for."""
    deadline = time.monotonic() + seconds
    while True:
        if claims := await jobs.claim(1):
            return claims[0]
        assert time.monotonic() < deadline, f"nothing to claim within {seconds} s"


def sha(name: str) -> bytes:
    """How the client calls a script that the server knows."""
    return sha1(source(name).encode(), usedforsecurity=False).hexdigest().encode()


@dataclass(slots=True)
class LossyServer:
    """A store whose replies can get lost on the way, after the command was done."""

    url: str
    lose: int = 0  # replies to scripts that are still to be lost
    lost: int = 0
    hold: bool = False  # a script's reply is kept back as long as this is set
    connections: int = 0  # made so far
    script: bytes = b"EVALSHA"  # part of the commands that are meant


@asynccontextmanager
async def lossy_server(upstream_url: str) -> AsyncIterator[LossyServer]:
    """Stands before the server at `upstream_url` (unix://)."""
    path = urlsplit(upstream_url).path
    state = LossyServer("")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        up_reader, up_writer = await asyncio.open_unix_connection(path)
        losing, scripted = asyncio.Event(), asyncio.Event()

        async def requests() -> None:
            while data := await reader.read(65536):
                scripted.clear()
                if state.script in data:
                    scripted.set()
                    if state.lose:
                        state.lose -= 1
                        losing.set()
                up_writer.write(data)
                await up_writer.drain()
            up_writer.close()

        async def replies() -> None:
            while data := await up_reader.read(65536):
                if losing.is_set():
                    state.lost += 1
                    break
                while state.hold and scripted.is_set():
                    await asyncio.sleep(0.01)
                writer.write(data)
                await writer.drain()
            writer.close()
            up_writer.close()

        for part in (requests(), replies()):
            task = asyncio.create_task(part)
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield state
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
