"""A stand-in for Text Generation Inference that costs little: prepared frames on a raw asyncio protocol, in a process
of its own, so that what is measured is the reader.

Each stream has a clock and a phase of its own, the dearest case for a reader: every token wakes it. (A real server
sends the tokens of a batch together.) Frames as TGI 3 writes them, chunked, over HTTP/1.1 with keep-alive.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import uvloop

START_SECONDS = 20.0
WORDS = (" the", " list", " of", " files", " is", " read", "\n", " and", " for", " each")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
INFO = {
    "model_id": "codellama/CodeLlama-34b-Instruct-hf",
    "max_input_tokens": 14_336,
    "max_total_tokens": 16_384,
    "max_concurrent_requests": 512,
}


def frames(tokens: int) -> list[bytes]:
    """A whole answer, one HTTP chunk for each token; the last one ends the stream too."""
    made, text = [], ""
    for index in range(1, tokens + 1):
        word = WORDS[index % len(WORDS)]
        text += word
        last = index == tokens
        frame = {
            "index": index,
            "token": {"id": 300 + index % len(WORDS), "text": word, "logprob": -0.25, "special": False},
            "generated_text": text if last else None,
            "details": {"finish_reason": "length", "generated_tokens": tokens, "seed": None} if last else None,
        }
        data = b"data: " + json.dumps(frame, separators=(",", ":")).encode() + b"\n\n"
        made.append(b"%x\r\n%s\r\n%s" % (len(data), data, b"0\r\n\r\n" if last else b""))
    return made


class Connection(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, prepared: list[bytes], tokens_per_second: float) -> None:
        self._frames, self._pause = prepared, 1 / tokens_per_second
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's says so of itself only by its methods

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, ended, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        size = int(length[1]) if length else 0
        if ended and len(body) >= size:
            self._received = body[size:]
            self._answer(head.split(b" ")[1], body[:size])

    def _answer(self, path: bytes, body: bytes) -> None:
        if path in {b"/generate_stream", b"/"}:  # the package's client asks at the root
            self._transport.write(HEAD)
            self._next_at = self._loop.time() + random.uniform(0, self._pause)
            self._speak(0)
        elif path == b"/tokenize":
            text = json.loads(body)["inputs"]
            words = [(found.group(), found.start(), found.end()) for found in re.finditer(r" ?\w+|\W", text)]
            self._reply([{"id": 1, "text": word, "start": start, "stop": stop} for word, start, stop in words])
        else:
            self._reply(INFO)

    def _speak(self, index: int) -> None:
        if index:
            self._transport.write(self._frames[index - 1])
        if index < len(self._frames):
            self._next_at += self._pause
            self._timer = self._loop.call_at(self._next_at, self._speak, index + 1)

    def _reply(self, answer: object) -> None:
        data = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        self._transport.write(head.encode() + data)


async def serve(tokens: int, tokens_per_second: float) -> None:
    """Serve on a free port, which is printed, until stdin ends: so also when the benchmark was killed."""
    loop = asyncio.get_running_loop()
    prepared = frames(tokens)
    server = await loop.create_server(lambda: Connection(prepared, tokens_per_second), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def running(tokens: int, tokens_per_second: float) -> AsyncIterator[str]:
    """The address of such a server, whose answers have so many tokens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.model_server", str(tokens), str(tokens_per_second)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(await asyncio.wait_for(process.stdout.readline(), START_SECONDS))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        await process.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
