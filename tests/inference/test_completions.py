"""What is each server's own on /v1/completions."""

from __future__ import annotations

import pytest

from conversation.errors import ModelRefused, ModelUnavailable
from conversation.ports import Chunk, ModelCard, Prompt, Sampling
from inference.completions import CompletionsGenerator, Dialect, Usage, _cached
from inference.http import ModelServer
from tests.servers.behaviour import Behaviour
from tests.servers.completions import CompletionsServer, LlamaCppServer
from tests.servers.toy_model import decode, encode

TEXT = "[INST] What is a queue? [/INST]"
IDS = (1, *encode(TEXT, parse_special=False))


async def read(generator: CompletionsGenerator, prompt: Prompt, sampling: Sampling) -> list[Chunk]:
    return [chunk async for chunk in generator.stream(prompt, sampling)]


async def test_ids_are_sent_where_there_are_any_else_text() -> None:
    """The prompt goes as ids, or as text when no tokenizer was at hand, and the answer is the same."""
    async with CompletionsServer() as far:
        generator = CompletionsGenerator(ModelServer(far.url))
        by_ids = await read(generator, Prompt("never sent", IDS, len(IDS)), Sampling(9, temperature=0))
        by_text = await read(generator, Prompt(TEXT, None, len(IDS)), Sampling(9, temperature=0))
        assert far.requests[0]["prompt"] == list(IDS)
        assert far.requests[1]["prompt"] == TEXT
        assert by_ids == by_text
        await generator.aclose()


async def test_the_servers_model_is_asked_for_by_its_name() -> None:
    """vLLM refuses a request without its model's name; without a setting it is asked for first."""
    async with CompletionsServer() as far:
        generator = CompletionsGenerator(ModelServer(far.url))
        assert await generator.card() == ModelCard("toy", 4096, provider="vllm")
        assert (await generator.served()).dialect is Dialect.VLLM
        await read(generator, Prompt(TEXT, IDS, 9), Sampling(3))
        assert far.requests[-1]["model"] == "toy"
        other = CompletionsGenerator(ModelServer(far.url), model="another")
        with pytest.raises(ModelRefused, match="does not exist"):
            await read(other, Prompt(TEXT, IDS, 9), Sampling(3))
        await generator.aclose()
        await other.aclose()


async def test_a_smaller_window_may_be_set_but_no_larger() -> None:
    """CONTEXT_TOKENS bounds what the server says."""
    async with LlamaCppServer() as far:
        generator = CompletionsGenerator(ModelServer(far.url))
        assert (await generator.card(1000)).context_tokens == 1000
        assert (await generator.card(100_000)).context_tokens == 4096
        await generator.aclose()


async def test_what_an_answer_cost_is_reported() -> None:
    """Usage comes with the last frame or after it, cached tokens included."""
    for kind in (CompletionsServer, LlamaCppServer):
        costs: list[Usage] = []
        async with kind() as far:
            generator = CompletionsGenerator(ModelServer(far.url), on_usage=costs.append)
            await read(generator, Prompt(TEXT, IDS, len(IDS)), Sampling(6, temperature=0))
            assert costs == [Usage(prompt=len(IDS), cached=len(IDS) // 2, completion=6)]
            await generator.aclose()


async def test_the_last_piece_tells_what_was_cached() -> None:
    """In the usage, or in llama.cpp's timings; a server that does not tell says nothing, which is not 0."""
    for kind in (CompletionsServer, LlamaCppServer):
        async with kind() as far:
            generator = CompletionsGenerator(ModelServer(far.url))
            for sampling in (Sampling(6, temperature=0), Sampling(6, temperature=0, stop=("\n\n\n",))):
                chunks = [chunk async for chunk in generator.stream(Prompt(TEXT, IDS, len(IDS)), sampling)]
                assert [chunk.cached_tokens for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
                assert chunks[-1].cached_tokens == len(IDS) // 2
            await generator.aclose()
    frame = {"choices": [], "timings": {"cache_n": 7}}
    assert _cached(frame, None) == 7
    assert _cached({"usage": {"prompt_tokens": 9}}, None) is None
    assert _cached({"usage": {"prompt_tokens": 9, "prompt_tokens_details": None}}, 3) == 3
    assert _cached({"usage": {"prompt_tokens_details": {"cached_tokens": 0}}}, None) == 0


async def test_ids_that_llama_cpp_keeps_back_are_found_again() -> None:
    """llama.cpp sends one frame for a character of several tokens, with the last one's id; the others come from
    /tokenize."""
    text = " größer ☃ index"
    async with LlamaCppServer(Behaviour(text=text)) as far:
        generator = CompletionsGenerator(ModelServer(far.url))
        chunks = await read(generator, Prompt(TEXT, IDS, 9), Sampling(100))
        assert decode([token for chunk in chunks for token in chunk.token_ids]) == text
        assert [chunk.tokens for chunk in chunks if chunk.text == "☃"] == [3]
        await generator.aclose()


async def test_ids_that_are_not_certain_are_not_given() -> None:
    """When /tokenize writes the text in another way, the piece has no ids rather than wrong ones."""

    async with LlamaCppServer(Behaviour(text=" ☃")) as far:
        far.tokenized = [5, 6, 7, 8]
        generator = CompletionsGenerator(ModelServer(far.url))
        chunks = await read(generator, Prompt(TEXT, IDS, 9), Sampling(100))
        assert [(chunk.text, chunk.token_ids) for chunk in chunks if chunk.text == "☃"] == [("☃", ())]
        await generator.aclose()


async def test_vllm_is_told_not_to_delay_its_text() -> None:
    """With stop strings vLLM would hold text back behind its ids; the ids would then run ahead of the text."""
    async with CompletionsServer() as far:
        generator = CompletionsGenerator(ModelServer(far.url))
        await read(generator, Prompt(TEXT, IDS, 9), Sampling(3, stop=("zzz",)))
        assert far.requests[-1]["include_stop_str_in_output"] is True
        assert far.requests[-1]["return_token_ids"] is True
        await generator.aclose()


async def test_a_server_without_a_list_of_models_is_asked_all_the_same() -> None:
    """An unknown server gets the plain request, and its window is a setting."""

    class Plain(CompletionsServer):
        owner = "somebody"

    async with Plain() as far:
        generator = CompletionsGenerator(ModelServer(far.url), model="toy")
        assert (await generator.served()).dialect is Dialect.OTHER
        chunks = await read(generator, Prompt(TEXT, IDS, 9), Sampling(4))
        assert "".join(chunk.text for chunk in chunks)
        assert not {"logprobs", "return_token_ids", "no_stop_trim"} & set(far.requests[-1])
        await generator.aclose()


async def test_a_window_that_nobody_knows_is_asked_for() -> None:
    """Without the server's word and without CONTEXT_TOKENS the error names the setting."""

    class Silent(CompletionsServer):
        owner = "somebody"
        context_tokens = None

    async with Silent() as far:
        generator = CompletionsGenerator(ModelServer(far.url))
        with pytest.raises(ModelUnavailable, match="CONTEXT_TOKENS"):
            await generator.card()
        assert (await generator.card(2048)).context_tokens == 2048
        await generator.aclose()
