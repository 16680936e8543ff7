"""What whoever runs the service is shown of the opinions that people have of answers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr

from bot.feedback import print_feedback
from bot.settings import Settings
from conversation.model import Action
from conversation.pseudonyms import pseudonym
from tests.story.conftest import Town


async def printed(url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, Any]]:
    """The verb's lines."""
    capfdbinary.readouterr()
    assert await print_feedback(Settings(_env_file=None, redis_url=SecretStr(url))) == 0  # type: ignore[call-arg]
    return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


async def test_ratings_are_printed(town: Town, valkey_url: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """With the question and the answer as long as they are remembered, and never with who it was."""
    async with town.worker():
        asked = await town.ask("why is this list None?")
        await town.settled(asked.conversation_id)
        assert await printed(valkey_url, capfdbinary) == []
        await town.press(Action.GOOD, asked.job_id)
        await town.press(Action.BAD, asked.job_id)
        (line,) = await printed(valkey_url, capfdbinary)
        turns = await town.threads.turns(asked.conversation_id)
        assert (line["opinion"], line["person"], line["exchange"]) == ("bad", pseudonym("ada"), asked.job_id)
        assert (line["question"], line["answer"]) == ("why is this list None?", turns[-1].said)
        assert line["made_with"]["model_id"] == "codellama/CodeLlama-34b-Instruct-hf"
        await town.threads.forget(asked.conversation_id)
        (forgotten,) = await printed(valkey_url, capfdbinary)
    assert (forgotten["opinion"], forgotten["question"], forgotten["answer"]) == ("bad", None, None)
