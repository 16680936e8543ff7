"""One model behind each adapter, for the suite that they all have to pass."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio

from conversation.errors import ModelUnavailable
from conversation.model import Message, Role
from conversation.ports import Prompt, TextGenerator
from inference.completions import CompletionsGenerator
from inference.embedded import EmbeddedModel
from inference.http import ModelServer
from inference.tgi import TgiClient, TgiGenerator
from tests.servers.behaviour import Behaviour, ModelWebServer
from tests.servers.completions import CompletionsServer, LlamaCppServer
from tests.servers.tgi import TgiServer
from tests.servers.toy_model import decode, encode

# Slow enough that a test can leave a stream in its middle.
PACE = Behaviour(token_delay=0.005)


@dataclass(frozen=True, slots=True)
class Subject:
    """An adapter and its far side."""

    generator: TextGenerator
    ask: Callable[[str], Awaitable[Prompt]]  # the prompt for a question
    go_on: Callable[[Prompt, str, tuple[int, ...]], Awaitable[Prompt]]  # the same with an answer's beginning
    decode: Callable[[tuple[int, ...]], Awaitable[str]] | None  # None: ids say nothing here
    live: Callable[[], Awaitable[int]]  # streams that the far side works on
    stop: Callable[[], Awaitable[None]]  # end the far side
    server: ModelServer  # the adapter's connections
    exact_length: bool = True  # one token a piece
    ends_by_itself: str = "What is a queue?"  # a question with a short answer


def open_connections(server: ModelServer) -> int:
    """Connections in use; those that wait in the pool are none."""
    connector = server.session.connector
    assert connector is not None
    return len(connector._acquired)


async def _toy(kind: str) -> AsyncIterator[Subject]:
    far: ModelWebServer
    generator: TgiGenerator | CompletionsGenerator
    if kind == "tgi":
        far = TgiServer(PACE)
        await far.start()
        generator = TgiGenerator(TgiClient(far.url))
        server = generator.client.server
    else:
        far = LlamaCppServer(PACE) if kind == "llamacpp" else CompletionsServer(PACE)
        await far.start()
        server = ModelServer(far.url)
        generator = CompletionsGenerator(server)

    def prompt(text: str) -> Prompt:
        ids = (1, *encode(text, parse_special=False))
        return Prompt(text, None if kind == "tgi" else ids, len(ids))

    async def ask(question: str) -> Prompt:
        return prompt(f"[INST] {question} [/INST]")

    async def go_on(before: Prompt, text: str, ids: tuple[int, ...]) -> Prompt:
        if before.token_ids is None:
            return prompt(before.text + text)
        return Prompt(before.text + text, before.token_ids + ids, before.tokens + len(ids))

    async def decoded(ids: tuple[int, ...]) -> str:
        return decode(ids)

    async def live() -> int:
        return far.live

    yield Subject(generator, ask, go_on, decoded, live, far.stop, server)
    await generator.aclose()
    await far.stop()


async def _embedded() -> AsyncIterator[Subject]:
    try:
        model = await EmbeddedModel.open(context_tokens=1024)
        await model.start()
    except ModelUnavailable as exc:
        if "not installed" in str(exc) or "libgomp" in str(exc):
            pytest.skip(str(exc))
        raise
    inner = await model.generator()

    async def ask(question: str) -> Prompt:
        pieces = model.template.render([Message(Role.SYSTEM, "Be brief."), Message(Role.USER, question)])
        ids = tuple(await model.encode(pieces))
        return Prompt("", ids, len(ids))

    async def go_on(before: Prompt, text: str, ids: tuple[int, ...]) -> Prompt:
        assert before.token_ids is not None
        return Prompt("", before.token_ids + ids, before.tokens + len(ids))

    async def decoded(ids: tuple[int, ...]) -> str:
        answer = await inner.server.post_json("/detokenize", {"tokens": list(ids)})
        return str(answer["content"])

    async def live() -> int:
        slots = await inner.server.get_json("/slots")
        return sum(bool(slot["is_processing"]) for slot in slots)

    yield Subject(
        model, ask, go_on, decoded, live, model.close, inner.server,
        exact_length=False, ends_by_itself="Say only the word yes.",
    )  # fmt: skip
    await model.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["tgi", "vllm", "llamacpp", "embedded"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """Each adapter in turn; made once for a module, because loading weights takes seconds."""
    async for one in _embedded() if request.param == "embedded" else _toy(request.param):
        yield one


@pytest.fixture(params=["tgi", "vllm", "llamacpp"])
async def own_subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """An adapter that the test may leave broken."""
    async for one in _toy(request.param):
        yield one
