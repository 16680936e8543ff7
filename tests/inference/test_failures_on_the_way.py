"""What an adapter makes of servers that are away, busy, broken or not what they seem: the same for all of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from conversation.errors import ModelError, ModelOverloaded, ModelRefused, ModelUnavailable, StreamCut
from conversation.ports import Chunk, FinishReason, Prompt, Sampling, TextGenerator
from inference.completions import CompletionsGenerator
from inference.http import ModelServer, Timeouts
from inference.tgi import TgiClient, TgiGenerator
from tests.inference.conftest import Subject, open_connections
from tests.servers.behaviour import Behaviour, ModelWebServer
from tests.servers.completions import CompletionsServer
from tests.servers.tgi import TgiServer
from tests.servers.toy_model import encode
from tests.waiting import until

SAMPLING = Sampling(max_new_tokens=12, temperature=0.0)
# Only where silence is the fault: on a busy machine a healthy server can be silent for so long.
PATIENT = Timeouts()
QUICK = Timeouts(first_token=0.5, between_tokens=0.3)


@dataclass(frozen=True, slots=True)
class Pair:
    """An adapter and its scripted server."""

    far: ModelWebServer
    generator: TextGenerator
    server: ModelServer

    def prompt(self, question: str = "What is a queue?") -> Prompt:
        text = f"[INST] {question} [/INST]"
        ids = (1, *encode(text, parse_special=False))
        return Prompt(text, None if isinstance(self.far, TgiServer) else ids, len(ids))

    async def read(self, sampling: Sampling = SAMPLING) -> tuple[list[Chunk], ModelError | None]:
        """What came, and how it failed."""
        chunks: list[Chunk] = []
        try:
            async for chunk in self.generator.stream(self.prompt(), sampling):
                chunks.append(chunk)  # noqa: PERF401 - what came before a failure is kept
        except ModelError as exc:
            return chunks, exc
        return chunks, None


@pytest.fixture(params=["tgi", "vllm"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """TGI and /v1/completions, each with its own server."""
    if request.param == "tgi":
        async with TgiServer() as far:
            client = TgiClient(far.url)
            yield Pair(far, TgiGenerator(client), client.server)
            await client.aclose()
    else:
        async with CompletionsServer() as other:
            server = ModelServer(other.url)
            generator = CompletionsGenerator(server, on_usage=lambda usage: None)
            await generator.served()
            yield Pair(other, generator, server)
            await server.aclose()


async def test_a_refused_connection_is_unavailable(own_subject: Subject) -> None:
    """A server that is gone is ModelUnavailable, with a sentence for the person."""
    prompt = await own_subject.ask("What is a queue?")
    await own_subject.stop()
    with pytest.raises(ModelUnavailable) as caught:
        await anext(own_subject.generator.stream(prompt, SAMPLING))
    assert "not running" in caught.value.user_notice


@pytest.mark.parametrize(
    ("status", "body", "content_type", "expected"),
    [
        (503, b"", "text/plain", ModelUnavailable),
        (503, b'{"error":{"message":"Loading","type":"unavailable_error"}}', "application/json", ModelUnavailable),
        (500, b"oops", "text/plain", ModelUnavailable),
        (502, b"<html>Bad Gateway</html>", "text/html", ModelUnavailable),
        (404, b"<html>no such page</html>", "text/html", ModelUnavailable),
        (200, b"<html>please log in</html>", "text/html", ModelUnavailable),
        (424, b'{"error":"Request failed","error_type":"generation"}', "application/json", ModelUnavailable),
        (302, b"", "text/html", ModelUnavailable),
        (429, b'{"error":"Model is overloaded","error_type":"overloaded"}', "application/json", ModelOverloaded),
        (429, b"<html>slow down</html>", "text/html", ModelOverloaded),
        (422, b'{"error":"`inputs` too long","error_type":"validation"}', "application/json", ModelRefused),
        (400, b'{"error":{"message":"too long","type":"BadRequestError"}}', "application/json", ModelRefused),
        (413, b"<html>Request Entity Too Large</html>", "text/html", ModelRefused),
        (401, b"", "text/plain", ModelRefused),
        (403, b"<html>Forbidden</html>", "text/html", ModelRefused),
    ],
)  # fmt: skip
async def test_a_status_becomes_the_decision_it_asks_for(
    pair: Pair, status: int, body: bytes, content_type: str, expected: type[ModelError]
) -> None:
    """Each HTTP answer that is no stream becomes the one error that says what to do."""
    pair.far.behaviour = Behaviour(status=status, body=body, content_type=content_type)
    chunks, error = await pair.read()
    assert chunks == []
    assert type(error) is expected
    assert open_connections(pair.server) == 0


async def test_a_wrong_key_is_named_for_the_operator_only(pair: Pair) -> None:
    """The detail of a 401 names MODEL_TOKEN; the person's notice does not."""
    pair.far.token = "right"
    _, error = await pair.read()
    assert isinstance(error, ModelRefused)
    assert "MODEL_TOKEN" in str(error)
    assert "MODEL_TOKEN" not in error.user_notice


async def test_the_key_is_sent_as_a_bearer_token() -> None:
    """A server that asks for a key answers when it is given."""
    async with TgiServer(token="right") as far:
        client = TgiClient(far.url, token="right")
        chunks = [chunk async for chunk in TgiGenerator(client).stream(Prompt("[INST] a [/INST]", None, 5), SAMPLING)]
        assert chunks[-1].finish is not None
        await client.aclose()


async def test_the_servers_wish_for_a_pause_is_passed_on(pair: Pair) -> None:
    """Retry-After becomes retry_after_seconds, and no more than ten minutes."""
    for header, seconds in (("7", 7.0), ("99999", 600.0), ("soon", None)):
        pair.far.behaviour = Behaviour(status=429, headers={"Retry-After": header})
        _, error = await pair.read()
        assert error is not None
        assert error.retry_after_seconds == seconds


def _faults() -> list[Any]:
    return [
        pytest.param({"cut_after": 0}, id="cut"),
        pytest.param({"error_after": 0}, id="error"),
        pytest.param({"stall_after": 0}, id="stall"),
        pytest.param({"garbage_after": 0}, id="garbage"),
        pytest.param({"garbage_after": 0, "garbage": b'{"token": {"text": "\xff\xfe"}}'}, id="invalid UTF-8"),
        pytest.param({"garbage_after": 0, "garbage": b"[1, 2]"}, id="JSON of another shape"),
        pytest.param({"text": "", "omit_final": True}, id="no final frame"),
    ]


@pytest.mark.parametrize("fault", _faults())
async def test_a_stream_that_breaks_before_its_first_piece_is_a_cut(pair: Pair, fault: dict[str, Any]) -> None:
    """The server had taken the question, so it is not simply away: nothing came, and it broke off."""
    pair.server.timeouts = QUICK if "stall_after" in fault else PATIENT
    pair.far.behaviour = Behaviour(**fault)
    chunks, error = await pair.read()
    assert chunks == []
    assert type(error) is StreamCut
    assert open_connections(pair.server) == 0


@pytest.mark.parametrize("fault", _faults())
async def test_the_same_fault_after_a_piece_is_a_cut(pair: Pair, fault: dict[str, Any]) -> None:
    """What came is kept, and the error is StreamCut."""
    pair.server.timeouts = QUICK if "stall_after" in fault else PATIENT
    after: dict[str, Any] = {name: 3 if value == 0 else value for name, value in fault.items() if name != "text"}
    pair.far.behaviour = Behaviour(text=" one two three four" if "omit_final" in fault else None, **after)
    chunks, error = await pair.read(replace(SAMPLING, max_new_tokens=100))
    assert "".join(chunk.text for chunk in chunks)
    assert type(error) is StreamCut
    assert all(chunk.finish is None for chunk in chunks)
    assert open_connections(pair.server) == 0


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [
        ("overloaded", ModelOverloaded),
        ("validation", ModelRefused),
        ("generation", StreamCut),
        ("incomplete_generation_stream", StreamCut),
        ("odd", StreamCut),
    ],
)
async def test_an_error_inside_a_stream_of_status_200_is_understood(
    error_type: str, expected: type[ModelError]
) -> None:
    """TGI says on streams only in a frame what went wrong."""
    behaviour = Behaviour(error_after=0, error={"error": "no", "error_type": error_type})
    async with TgiServer(behaviour) as far:
        client = TgiClient(far.url)
        with pytest.raises(expected) as caught:
            await anext(TgiGenerator(client).stream(Prompt("[INST] a [/INST]", None, 5), SAMPLING))
        assert type(caught.value) is expected
        await client.aclose()


@pytest.mark.parametrize("after", [0, 3])
async def test_keep_alives_do_not_pass_for_tokens(pair: Pair, after: int) -> None:
    """A server that only sends comments is given up after the time for a first token, or between two, and sees its
    connection closed."""
    pair.server.timeouts = QUICK
    pair.far.behaviour = Behaviour(stall_after=after, keep_alive_every=0.02)
    before = time.monotonic()
    chunks, error = await pair.read()
    assert len(chunks) == after
    assert type(error) is StreamCut
    assert f"no token within {'0.3' if after else '0.5'} s" in str(error)
    assert time.monotonic() - before >= (QUICK.between_tokens if after else QUICK.first_token)
    assert open_connections(pair.server) == 0
    await until("the server sees its client gone", lambda: pair.far.disconnects == 1)


async def test_a_slow_reader_is_not_the_servers_fault(pair: Pair) -> None:
    """The time that the reader takes between two pieces does not count as the server's silence."""
    pair.server.timeouts = QUICK
    chunks = []
    async for chunk in pair.generator.stream(pair.prompt(), replace(SAMPLING, max_new_tokens=3)):
        chunks.append(chunk)
        await asyncio.sleep(QUICK.between_tokens * 1.2)
    assert chunks[-1].finish is not None


@pytest.mark.parametrize("space", [True, False])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("chunk_bytes", [None, 1, 7])
async def test_the_bytes_may_come_in_any_shape(pair: Pair, space: bool, line_end: str, chunk_bytes: int | None) -> None:
    """Spacing, line ends and the network's cuts, also inside characters, change nothing."""
    text = " größer 日本 🎉 naïve\n```py\nx = '\\n'\n```"
    pair.far.behaviour = Behaviour(text=text, space_after_data=space, line_end=line_end, chunk_bytes=chunk_bytes)
    chunks, error = await pair.read(replace(SAMPLING, max_new_tokens=100))
    assert error is None
    assert "".join(chunk.text for chunk in chunks) == text
    assert chunks[-1].finish is FinishReason.STOP


async def test_a_server_that_makes_too_much_is_cut_short(pair: Pair) -> None:
    """Tokens beyond the allowance are not given out, and the answer ends with LENGTH."""
    pair.far.behaviour = Behaviour(overshoot=20)
    chunks, error = await pair.read()
    assert error is None
    assert sum(chunk.tokens for chunk in chunks) == SAMPLING.max_new_tokens
    assert chunks[-1].finish is FinishReason.LENGTH
    await until("the server stops", lambda: pair.far.live == 0)
    assert pair.far.generated <= SAMPLING.max_new_tokens + 20


@pytest.mark.parametrize("frame", [b"3", b"null", b"{}", b'{"choices":[3]}', b'{"choices":{"a":1}}',
                                   b'{"choices":[{"text":5}]}', b'{"choices":[{}]}', b'{"choices":[],"usage":"much"}',
                                   b'{"choices":[{"text":"a","token_ids":["b"]}]}', b'{"token":{"id":"a","text":1}}',
                                   b'{"choices":[{"text":"a"}],"timings":{"predicted_n":"many"}}'])  # fmt: skip
async def test_no_frame_however_odd_ends_the_program(pair: Pair, frame: bytes) -> None:
    """Valid JSON of a wrong shape is a cut stream like any other."""
    pair.far.behaviour = Behaviour(garbage_after=2, garbage=frame)
    chunks, error = await pair.read()
    assert type(error) is StreamCut
    assert len(chunks) == 2


async def test_special_tokens_are_dropped(pair: Pair) -> None:
    """Their text is not given out, wherever in the stream they stand, and what follows them is."""
    pair.far.behaviour = Behaviour(text=" the list", special_after=1)
    chunks, error = await pair.read()
    assert error is None
    assert "".join(chunk.text for chunk in chunks) == " the list"
    assert chunks[-1].finish is FinishReason.STOP


async def test_one_connection_serves_one_question_after_the_other(pair: Pair) -> None:
    """A finished stream gives its connection back."""
    for _ in range(4):
        _, error = await pair.read()
        assert error is None
    assert len(set(pair.far.connections)) == 1


async def test_a_server_that_does_not_end_its_stream_does_not_delay_the_answer(pair: Pair) -> None:
    """After the last frame nothing is waited for but a moment."""
    pair.far.behaviour = Behaviour(linger=True)
    chunks, error = await pair.read()
    assert error is None
    assert chunks[-1].finish is not None
    assert open_connections(pair.server) == 0
