"""The model that the settings name, and how many answers it is asked for at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.models import ConfiguredModel
from bot.settings import Settings, load_settings
from conversation.language_model import LanguageModel
from inference.embedded import EmbeddedModel
from tests.servers.completions import LlamaCppServer
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
