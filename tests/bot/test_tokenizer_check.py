"""The model that the settings name."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.models import ConfiguredModel
from bot.settings import Settings, load_settings
from conversation.prompts.canonical import CANONICAL_IDS
from tests.servers.behaviour import Behaviour
from tests.servers.tgi import TgiServer


@pytest.fixture
async def far() -> AsyncIterator[TgiServer]:
    async with TgiServer() as server:
        yield server


@pytest.fixture
async def model(far: TgiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ConfiguredModel]:
    """TGI's, by its address alone."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("MODEL_URL", far.url)
    model = ConfiguredModel(load_settings())
    yield model
    await model.close()


Warnings = Callable[[], list[str]]


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Warnings:
    """What was logged for the operator so far."""
    return lambda: [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_server_that_tokenizes_as_meta_did_is_taken_without_a_word(
    far: TgiServer, model: ConfiguredModel, warnings: Warnings
) -> None:
    """The canonical dialog has the known ids."""
    far.tokenized = list(CANONICAL_IDS)
    assert (await model.ready()).card.prompt_tokens == far.max_input_tokens
    assert warnings() == []


async def test_another_tokenizer_is_told_loudly_and_used_all_the_same(
    far: TgiServer, model: ConfiguredModel, warnings: Warnings
) -> None:
    """The warning says what differs and what to check; the model can be asked."""
    far.tokenized = [1, *CANONICAL_IDS]
    assert (await model.ready()).card.model_id == far.model_id
    (warning,) = warnings()
    assert far.model_id in warning
    assert "twice" in warning
    assert "MODEL_ID" in warning
    assert "tokenizer.json" in warning


async def test_a_server_that_cannot_tokenize_does_not_fail_the_start(
    far: TgiServer, model: ConfiguredModel, warnings: Warnings
) -> None:
    """An old server, or a proxy that passes only some routes, answers questions nevertheless."""
    far.behaviour = Behaviour(status=404, body=b"<html>no such page</html>", content_type="text/html")
    assert (await model.ready()).card.model_id == far.model_id
    (warning,) = warnings()
    assert "cannot check" in warning
