"""What networks and proxies make of a stream, sent byte for byte over a real socket."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace

import pytest

from conversation.errors import ModelError, ModelRefused, ModelUnavailable, StreamCut
from conversation.ports import Chunk, FinishReason, Prompt, Sampling
from inference import sse
from inference.http import Timeouts
from inference.tgi import TgiClient, TgiGenerator
from tests.inference.conftest import open_connections
from tests.servers.behaviour import as_json
from tests.servers.raw import STREAM, RawServer, serving
from tests.waiting import until

MIB = 1 << 20
QUICK = Timeouts(connect=2.0, first_token=5.0, between_tokens=5.0, request=2.0)
TEXTS = [" größer", " 日本", " 🎉"]


def frame(text: str, number: int = 1, *, ends: bool = False) -> bytes:
    """One of TGI's token frames."""
    details = {"finish_reason": "length", "generated_tokens": number, "seed": None, "input_length": 3}
    token = {"id": 300 + number, "text": text, "logprob": -0.5, "special": False}
    body = {"index": number, "token": token}
    body |= {"generated_text": "all of it", "details": details} if ends else {"generated_text": None, "details": None}
    return f"data:{as_json(body)}\n\n".encode()


ANSWER = b":\n\n" + b"".join(
    frame(text, number, ends=number == len(TEXTS)) for number, text in enumerate(TEXTS, start=1)
)


def chunked(data: bytes) -> bytes:
    """`data` as one chunk of HTTP's chunked encoding."""
    return b"%x\r\n%s\r\n" % (len(data), data)


async def read(far: RawServer, timeouts: Timeouts = QUICK) -> tuple[list[Chunk], ModelError | None]:
    """What came, and how it failed; whatever that was, no connection stays in use."""
    client = TgiClient(far.url, timeouts=timeouts)
    chunks: list[Chunk] = []
    try:
        async for chunk in TgiGenerator(client).stream(Prompt("[INST] a [/INST]", None, 5), Sampling(50)):
            chunks.append(chunk)  # noqa: PERF401 - what came before a failure is kept
    except ModelError as exc:
        return chunks, exc
    else:
        return chunks, None
    finally:
        assert open_connections(client.server) == 0
        await client.aclose()


def texts(chunks: Sequence[Chunk]) -> list[str]:
    return [chunk.text for chunk in chunks]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What each read of the socket gave."""
    seen: list[bytes] = []
    feed = sse.SseReader.feed

    def noting(self: sse.SseReader, data: bytes) -> list[bytes]:
        seen.append(data)
        return feed(self, data)

    monkeypatch.setattr(sse.SseReader, "feed", noting)
    return seen


async def test_a_stream_may_come_byte_by_byte(reads: list[bytes]) -> None:
    """Every byte in a packet of its own, characters and line ends divided: the same pieces."""
    async with serving([STREAM, *(bytes([byte]) for byte in ANSWER)]) as far:
        chunks, error = await read(far)
    assert error is None
    assert texts(chunks) == TEXTS
    assert chunks[-1].finish is FinishReason.LENGTH
    assert max(map(len, reads)) == 1, "the client did not see the bytes one by one"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
async def test_a_stream_may_be_divided_anywhere(reads: list[bytes], line_end: bytes) -> None:
    """For every place of the cut, characters of two, three and four bytes included: the same pieces."""
    data = ANSWER.replace(b"\n", line_end)
    for at in range(1, len(data)):
        reads.clear()
        async with serving([STREAM, data[:at], data[at:]]) as far:
            chunks, error = await read(far)
        assert (texts(chunks), error) == (TEXTS, None)
        assert reads[:2] == [data[:at], data[at:]]


async def test_a_line_of_ten_mebibytes_is_refused_and_not_collected() -> None:
    """The stream is cut at one MiB, the memory stays flat, and the server sees its connection closed."""
    block = b"x" * 65536
    parts = [STREAM, frame(" a"), b"data:", *[block] * (10 * MIB // len(block))]
    async with serving(parts, hold=True) as far:
        tracemalloc.start()
        try:
            chunks, error = await read(far)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        await until("the server sees its client gone", far.left.is_set)
    assert texts(chunks) == [" a"]
    assert type(error) is StreamCut
    assert "a line of more than 1048576 bytes" in str(error)
    assert peak < 5 * MIB


@pytest.mark.parametrize("status", [b"401 Unauthorized", b"200 OK"])
async def test_an_error_page_without_end_is_read_for_its_first_words_only(status: bytes) -> None:
    """A proxy's endless page costs some kilobytes, and its status still decides."""
    block = b"<p>" + b"go away " * 8192
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
    async with serving([head, *[block] * 200], hold=True) as far:
        chunks, error = await read(far)
        await until("the server sees its client gone", far.left.is_set)
    assert chunks == []
    assert type(error) is (ModelRefused if status.startswith(b"401") else ModelUnavailable)
    assert "go away" in str(error)
    assert len(str(error)) < 1000


async def test_frames_after_the_last_one_are_not_collected_for_ever() -> None:
    """A server that goes on after its final frame neither delays the answer nor fills the memory."""
    async with serving([STREAM, ANSWER, *[frame(" more")] * 20_000], hold=True) as far:
        chunks, error = await read(far)
        await until("the server sees its client gone", far.left.is_set)
    assert (texts(chunks), error) == (TEXTS, None)
    assert far.sent < 20_000 * len(frame(" more"))


@pytest.mark.parametrize(
    ("parts", "pieces"),
    [
        pytest.param([b"ZZ\r\nnonsense"], 0, id="no size at the start"),
        pytest.param([chunked(frame(" a")), b"ZZ\r\nnonsense"], 1, id="no size in the middle"),
        pytest.param([chunked(frame(" a")), chunked(frame(" b"))[:60]], 1, id="an end within a chunk"),
        pytest.param([chunked(frame(" a"))], 1, id="an end without the last chunk"),
    ],
)
async def test_broken_http_within_a_stream_is_a_cut(parts: list[bytes], pieces: int) -> None:
    """Chunked encoding that makes no sense any more is a broken stream, and what came before it is kept.

    aiohttp does not tell the reader of a body about a chunk without a size, so there the watchdog ends it.
    """
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving([head, *parts]) as far:
        chunks, error = await read(far, replace(QUICK, first_token=0.5, between_tokens=0.5))
    assert texts(chunks) == [" a"] * pieces
    assert type(error) is StreamCut


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"",
    ],
    ids=["another protocol", "senseless length", "endless header", "nothing"],
)
async def test_what_is_no_http_is_no_server(answer: bytes) -> None:
    """Whatever else listens at the address, the model is not there."""
    async with serving([answer]) as far:
        chunks, error = await read(far)
    assert chunks == []
    assert type(error) is ModelUnavailable


async def test_a_server_that_takes_questions_and_says_nothing_is_given_up() -> None:
    """Not even a status line within the time for a first token: the model is not there, and its connection is
    closed."""
    async with serving([], hold=True) as far:
        _, error = await read(far, replace(QUICK, first_token=0.3))
        await until("the server sees its client gone", far.left.is_set)
    assert type(error) is ModelUnavailable
    assert "silence" in str(error)


async def test_a_key_that_is_refused_with_an_empty_body_is_told_in_words() -> None:
    """TGI's 401 has no body and no type; the error says what to set all the same."""
    async with serving([b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"], hold=True) as far:
        _, error = await read(far)
    assert isinstance(error, ModelRefused)
    assert "MODEL_TOKEN" in str(error)


async def test_an_answer_is_never_asked_for_compressed() -> None:
    """A proxy that compresses would hold tokens back until its block is full."""
    async with serving([STREAM, ANSWER]) as far:
        await read(far)
    assert "Accept-Encoding: identity" in far.heads[0]
