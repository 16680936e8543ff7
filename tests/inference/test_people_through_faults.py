"""What people see of the model's faults: the whole service over a real TGI client, server and store."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.models import ConfiguredModel
from bot.settings import Settings, load_settings
from conversation import generation, notices
from conversation.errors import ModelError, ModelUnavailable
from conversation.generation import Patience
from conversation.language_model import LanguageModel
from conversation.manager import MARGIN_TOKENS
from conversation.model import Ending
from conversation.ports import Sampling
from storage.inbox import RedisInbox
from storage.keys import Keys
from storage.threads import RedisThreads
from tests.fakes import ScriptedModel
from tests.servers.behaviour import Behaviour
from tests.servers.tgi import TgiServer
from tests.servers.toy_model import encode
from tests.story.conftest import Town
from tests.waiting import until

QUESTION = "what is a queue?"


class FarModel(ScriptedModel):
    """The settings' model in the scripted one's place."""

    def __init__(self, configured: ConfiguredModel) -> None:
        super().__init__()
        self.configured = configured

    async def ready(self) -> LanguageModel:
        """See ModelSource.ready."""
        return await self.configured.ready()


@dataclass
class Street:
    """A service and the server that it asks."""

    town: Town
    far: TgiServer
    port: int

    def patient_for(self, seconds: float) -> None:
        self.town.manners = replace(self.town.manners, patience=Patience(seconds))

    async def answered(self, text: str = QUESTION) -> str:
        """The conversation in which a question was asked and settled."""
        accepted = await self.town.ask(text)
        await self.town.settled(accepted.conversation_id)
        return accepted.conversation_id

    @property
    def whole(self) -> str:
        """The uninterrupted answer."""
        return self.far.model.answer_to(QUESTION).strip()


@pytest.fixture
async def street(redis_client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Street]:
    """Everything running, and nothing asked yet."""
    monkeypatch.setattr(generation, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(generation, "LONGEST_PAUSE_SECONDS", 0.02)
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    far = TgiServer(answer_tokens=30)
    await far.start(port)
    configured = ConfiguredModel(load_settings(model_url=far.url, max_new_tokens=100))
    keys = Keys()
    inbox, threads = RedisInbox(redis_client, redis_client, keys), RedisThreads(redis_client, keys)
    yield Street(Town(redis_client, keys, inbox, threads, FarModel(configured)), far, port)
    await configured.close()
    await far.stop()


async def test_who_asks_an_endpoint_that_wakes_up_is_told_and_answered(street: Street) -> None:
    """503 on every route: the status says that the model starts, and once it is awake the answer comes."""
    street.far.behaviour = Behaviour(asleep=True)
    async with street.town.worker():
        accepted = await street.town.ask(QUESTION)
        await until("the notice", lambda: notices.MODEL_STARTING in street.town.platform.statuses)
        street.far.behaviour = Behaviour()
        await street.town.settled(accepted.conversation_id)
    assert street.town.platform.texts == [street.whole]
    assert street.town.platform.statuses[-1] == ""


async def test_a_model_that_never_comes_ends_the_wait_with_a_sentence(street: Street) -> None:
    """Patience is bounded, and the person sees an ending."""
    street.far.behaviour = Behaviour(asleep=True)
    street.patient_for(0.2)
    async with street.town.worker():
        await street.answered()
    assert notices.MODEL_STARTING in street.town.platform.statuses
    assert street.town.last.ending == Ending.FAILED
    assert street.town.last.notice == ModelUnavailable.user_notice


@pytest.mark.parametrize("first_asked", [False, True])
async def test_a_question_waits_for_a_server_that_restarts(street: Street, first_asked: bool) -> None:
    """Its port refuses connections, before the model was ever asked and after: the question is told so and kept."""
    async with street.town.worker():
        if first_asked:
            await street.answered("what is a stack?")
        await street.far.stop()
        accepted = await street.town.ask(QUESTION, thread="another")
        await until("the notice", lambda: notices.MODEL_STARTING in street.town.platform.statuses)
        again = TgiServer(answer_tokens=30)
        await again.start(street.port)
        await street.town.settled(accepted.conversation_id)
    assert street.town.platform.texts[-1] == street.whole
    assert street.town.last.ending == Ending.COMPLETE
    await again.stop()


async def test_who_asks_a_busy_server_is_told_and_answered(street: Street) -> None:
    """Overload before the first token, with a status and within the stream, is waited out."""
    in_stream = Behaviour(error_after=0, error={"error": "Model is overloaded", "error_type": "overloaded"})
    street.far.next_behaviours.extend([Behaviour(status=429), in_stream, Behaviour()])
    async with street.town.worker():
        await street.answered()
    assert notices.MODEL_BUSY in street.town.platform.statuses
    assert street.town.platform.texts == [street.whole]


async def test_a_cut_is_gone_on_with_in_the_same_message(street: Street) -> None:
    """The person sees one message whose text grows to the uninterrupted answer, and no notice."""
    street.far.next_behaviours.extend([Behaviour(cut_after=9), Behaviour(cut_after=5), Behaviour()])
    async with street.town.worker():
        await street.answered()
    assert street.town.platform.texts == [street.whole]
    assert (street.town.last.ending, street.town.last.notice) == (Ending.COMPLETE, "")
    assert len(street.far.requests) == 3


async def test_repeated_cuts_end_with_the_text_and_a_notice(street: Street) -> None:
    """What came stays, says that it was cut off, and is remembered; it is no silent end."""
    street.far.behaviour = Behaviour(cut_after=2)
    async with street.town.worker():
        conversation = await street.answered()
    said = street.town.last.text
    assert said
    assert said != street.whole
    assert street.whole.startswith(said)
    assert street.town.last.ending == Ending.CUT
    assert street.town.last.notice == notices.of_ending(Ending.CUT)
    assert len(street.far.requests) == generation.MAX_CUTS
    assert await street.town.turns(conversation) == [("user", QUESTION), ("assistant", said)]


async def test_a_question_that_breaks_the_model_ends_with_a_sentence(street: Street) -> None:
    """No text, no endless repetition, and the next question is answered."""
    street.far.next_behaviours.extend([Behaviour(cut_after=0)] * generation.MAX_BARREN_CUTS + [Behaviour()])
    async with street.town.worker():
        await street.answered("break!")
        assert street.town.last.ending == Ending.FAILED
        assert street.town.last.notice == ModelError.user_notice
        accepted = await street.town.ask(QUESTION, thread="another")
        await street.town.settled(accepted.conversation_id)
    assert street.town.last.text == street.whole


async def test_a_wrong_key_is_the_operators_matter(street: Street) -> None:
    """The person is told that the bot may not ask, without the name of a setting."""
    street.far.token = "another"
    async with street.town.worker():
        await street.answered()
    assert street.town.last.ending == Ending.FAILED
    assert "not allowed" in street.town.last.notice
    assert "MODEL_TOKEN" not in street.town.last.notice


async def test_a_long_thread_stays_below_the_servers_own_bound_of_a_prompt(street: Street) -> None:
    """TGI bounds prompts apart from the window: what would exceed that is cut before it is sent, never refused."""
    street.far.max_input_tokens = 300
    street.town.manners = replace(street.town.manners, sampling=Sampling(max_new_tokens=100))
    async with street.town.worker():
        for number in range(12):
            await street.answered(f"question number {number}, with some words to make it long")
            assert street.town.last.ending == Ending.COMPLETE
    lengths = [len(encode(body["inputs"], parse_special=True)) + 1 for body in street.far.requests]
    assert len(lengths) == 12
    assert 200 < max(lengths) <= 300 - MARGIN_TOKENS
