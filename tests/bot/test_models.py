"""The model that the settings name, and how many answers it is asked for at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from bot.models import ConfiguredModel
from bot.settings import Settings, load_settings
from conversation.language_model import LanguageModel
from conversation.ports import Sampling
from conversation.prompts import Hole
from inference.embedded import EmbeddedModel
from tests.servers.completions import CompletionsServer, LlamaCppServer
from tests.servers.tgi import TgiServer

Open = Callable[..., Awaitable[LanguageModel]]


@pytest.fixture
async def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Opens the model of some settings; none of the environment's count."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    sources: list[ConfiguredModel] = []

    async def open_model(**settings: Any) -> LanguageModel:
        sources.append(ConfiguredModel(load_settings(data_dir=tmp_path, **settings)))
        return await sources[-1].ready()

    yield open_model
    for source in sources:
        await source.close()


@pytest.fixture
def tokenizer_file(tmp_path: Path) -> Path:
    """A tokenizer.json that knows three words."""
    words = {word: number for number, word in enumerate(["<unk>", "a", "b"])}
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"}}))
    return path


async def test_tgi_is_asked_for_an_eighth_less_than_it_takes(opened: Open) -> None:
    """Its limit stands in /info; MODEL_SLOTS says otherwise."""
    async with TgiServer() as far:
        assert (await opened(model_url=far.url)).card.slots == 56
        assert (await opened(model_url=far.url, model_slots=3)).card.slots == 3


async def test_a_server_that_does_not_say_is_asked_for_sixteen(opened: Open) -> None:
    """Completions servers publish no limit; MODEL_SLOTS says otherwise."""
    async with LlamaCppServer() as far:
        url = {"model_url": far.url, "model_api": "completions", "model_id": "codellama/CodeLlama-7b-Instruct-hf"}
        assert (await opened(**url)).card.slots == 16
        assert (await opened(**url, model_slots=40)).card.slots == 40


async def test_slots_are_shared_by_those_who_ask_the_same_server(opened: Open) -> None:
    """Two processes with one address count together, also with a slash at its end, and the address stays out of the
    name; an embedded model is asked by its own process only."""
    async with TgiServer() as far, TgiServer() as other:
        first, second = await opened(model_url=far.url), await opened(model_url=far.url + "/")
        third = await opened(model_url=other.url)
    assert first.server == second.server != third.server
    assert far.url.rpartition(":")[2] not in first.server
    fourth, fifth = await opened(), await opened()
    assert fourth.server != fifth.server


@pytest.mark.parametrize(("settings", "slots"), [({}, 2), ({"model_slots": 3}, 3)])
async def test_the_embedded_model_has_as_many_slots_as_its_process(
    opened: Open, settings: dict[str, int], slots: int
) -> None:
    """What is counted in the store is what llama.cpp was started with."""
    model = await opened(**settings)
    assert model.card.slots == slots
    assert isinstance(model.generator, EmbeddedModel)
    generator = await model.generator.generator()
    props = await generator.server.get_json("/props")
    assert props["total_slots"] == slots


@pytest.mark.usefixtures("opened")
async def test_a_second_model_has_its_own_token_and_tokenizer(
    tokenizer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the wire, too: its server never hears the first one's token, and is sent ids where a tokenizer is named."""
    monkeypatch.setattr("tests.servers.completions.MODEL", "codellama/CodeLlama-13b-hf")
    async with CompletionsServer() as far:
        infilling = {"infill_model_url": far.url, "infill_model_id": "codellama/CodeLlama-13b-hf"}
        settings = {"model_api": "completions", "model_url": "http://localhost:1", "model_token": "one", **infilling}
        for own, form, authorization in (
            ({}, "text", None),
            ({"infill_model_token": "two", "infill_model_tokenizer": str(tokenizer_file)}, "ids", "Bearer two"),
        ):
            second = load_settings(**settings, **own).of_infilling()
            assert second is not None
            source = ConfiguredModel(second, infilling=True)
            try:
                model = await source.ready()
                prompt = await model.format.build_infill(Hole("a", "b"))
                async with aclosing(model.generator.stream(prompt, Sampling(4))) as chunks:
                    assert [chunk async for chunk in chunks]
            finally:
                await source.close()
            assert model.format.form == form
            assert isinstance(far.requests[-1]["prompt"], list) == (form == "ids")
            assert far.request_headers[-1].get("Authorization") == authorization
