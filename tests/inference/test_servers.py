"""The test servers themselves: what other tests expect of them is true."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from conversation.ports import Prompt, Sampling, TextGenerator
from inference.completions import CompletionsGenerator
from inference.http import ModelServer
from inference.tgi import TgiClient, TgiGenerator
from tests.servers.toy_model import ToyModel

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def serving(module: str, *arguments: str) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        line = await process.stdout.readline()
    yield line.decode().strip()
    process.terminate()
    async with asyncio.timeout(20):
        assert await process.wait() == 0


async def text_of(generator: TextGenerator, prompt: str) -> str:
    return "".join([chunk.text async for chunk in generator.stream(Prompt(prompt, None, 1), Sampling(100))])


@pytest.mark.parametrize("module", ["tests.servers.tgi", "tests.servers.completions"])
async def test_a_server_process_answers_and_goes_on_as_the_model_would(module: str) -> None:
    """The whole answer can be known before, whatever the system text, and goes on from any of its words."""
    question = "Why is the sky <b>blue</b>?"
    whole = ToyModel(answer_tokens=12).answer_to(question)
    asked = f"[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n{question} [/INST]"
    async with serving(module, "--answer-tokens", "12", "--token-delay", "0.001") as url:
        generator: TgiGenerator | CompletionsGenerator
        generator = TgiGenerator(TgiClient(url)) if "tgi" in module else CompletionsGenerator(ModelServer(url))
        assert await text_of(generator, asked) == whole
        words = whole.split(" ")
        for count in (1, 5, 12):
            begun = " ".join(words[: count + 1])
            assert begun + await text_of(generator, asked + begun) == whole
        assert "no beginning" in await text_of(generator, asked + " something else")
        await generator.aclose()
