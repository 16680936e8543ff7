"""One answer out of a model that may be starting, busy, or cut off in the middle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from conversation import generation
from conversation.asking import Dialog
from conversation.errors import ModelError, ModelOverloaded, ModelRefused, ModelUnavailable, StreamCut
from conversation.generation import Draft, Patience, Pauses, generate, patiently
from conversation.language_model import LanguageModel
from conversation.model import Checkpoint, Ending, Message, Role
from conversation.ports import Chunk, Piece, Sampling
from conversation.prompts import Llama2Template, PromptFormat
from tests.fakes import ScriptedModel

QUESTION = (Message(Role.USER, "a b c d"),)
WHOLE = " You asked: a b c d"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses' growth is tested by their number, not by waiting."""
    monkeypatch.setattr(generation, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(generation, "LONGEST_PAUSE_SECONDS", 0.002)


async def run(model: ScriptedModel, draft: Draft, *, tokens: int = 100, patience: float = 5.0) -> tuple[Ending, int]:
    """(ending, times it had to wait)"""
    waits: list[object] = []
    known = await model.ready()
    ending = await generate(
        known.generator,
        Dialog(known.format, QUESTION),
        draft,
        Sampling(tokens),
        patience=Patience(patience),
        on_piece=lambda: None,
        on_wait=waits.append,
    )
    return ending, len(waits)


@pytest.mark.parametrize("pieces", range(6))
async def test_a_stream_cut_after_any_piece_is_continued(pieces: int) -> None:
    """For every place of the cut the answer is the uninterrupted one."""
    model, draft = ScriptedModel(), Draft()
    model.cuts.append((pieces, StreamCut("gone")))
    assert (await run(model, draft))[0] is Ending.COMPLETE
    assert draft.text == WHOLE
    assert draft.tokens_used == 6


async def test_repeated_cuts_without_a_new_token_end_the_answer_as_cut() -> None:
    """A server that breaks at once every time is not asked for ever."""
    model, draft = ScriptedModel(), Draft()
    model.cuts.extend([(2, StreamCut("x"))] + [(0, StreamCut("x"))] * 20)
    assert (await run(model, draft))[0] is Ending.CUT
    assert draft.text == " You asked:"
    assert len(model.prompts) == 1 + generation.MAX_BARREN_CUTS


async def test_repeated_breaks_before_the_first_word_are_a_failure() -> None:
    """There is nothing to mark as cut, and a question that breaks the model is not asked for ever."""
    model = ScriptedModel()
    model.cuts.extend([(0, StreamCut("out of memory"))] * 20)
    with pytest.raises(ModelError, match="out of memory") as caught:
        await run(model, Draft())
    assert type(caught.value) is ModelError
    assert "try again" in caught.value.user_notice
    assert len(model.prompts) == generation.MAX_BARREN_CUTS


async def test_a_stream_that_breaks_at_every_token_still_has_an_end() -> None:
    """Progress is forgiven, but not without a bound."""
    model, draft = ScriptedModel(answer=lambda question: "word " * 50), Draft()
    model.cuts.extend([(1, StreamCut("x"))] * 100)
    assert (await run(model, draft))[0] is Ending.CUT
    assert len(model.prompts) == generation.MAX_CUTS


async def test_the_allowance_counts_what_an_earlier_worker_used() -> None:
    """A resume has what is left of the reply's tokens, not a new allowance."""
    model = ScriptedModel()
    draft = Draft.resume(Checkpoint(text=" You asked:", tokens_used=2))
    assert (await run(model, draft, tokens=4))[0] is Ending.LENGTH
    assert draft.text == " You asked: a b"


async def test_an_allowance_that_is_used_up_asks_nothing() -> None:
    """The crash came between the last token and the settlement."""
    model = ScriptedModel()
    assert await run(model, Draft.resume(Checkpoint(text=WHOLE, tokens_used=6)), tokens=6) == (Ending.LENGTH, 0)
    assert model.prompts == []


async def test_an_immediate_end_after_a_partial_answer_is_success() -> None:
    """The partial answer was the whole one."""
    draft = Draft.resume(Checkpoint(text=WHOLE, tokens_used=6))
    assert (await run(ScriptedModel(), draft))[0] is Ending.COMPLETE
    assert draft.text == WHOLE


async def test_a_busy_or_starting_model_is_waited_for() -> None:
    """Each failure before the first piece is one wait."""
    model = ScriptedModel()
    model.failures.extend([ModelUnavailable("refused"), ModelOverloaded("busy", retry_after_seconds=0.001)])
    assert await run(model, Draft()) == (Ending.COMPLETE, 2)


async def test_patience_ends() -> None:
    """Without a word of the answer the error is the caller's; with one the answer ends as cut."""
    model = ScriptedModel()
    model.failures.extend([ModelUnavailable("refused")] * 500)
    with pytest.raises(ModelUnavailable):
        await run(model, Draft(), patience=0.02)
    assert (await run(model, Draft.resume(Checkpoint(text=" You", tokens_used=1)), patience=0.02))[0] is Ending.CUT


async def test_a_refusal_is_not_repeated() -> None:
    """Asking again would change nothing."""
    model = ScriptedModel()
    model.failures.append(ModelRefused("wrong key"))
    with pytest.raises(ModelRefused):
        await run(model, Draft())
    assert len(model.prompts) == 1


async def test_a_refusal_to_go_on_keeps_what_was_shown() -> None:
    """A server that takes the question but not question and partial answer together leaves a cut answer."""
    model, draft = ScriptedModel(), Draft()
    model.cuts.extend([(2, StreamCut("gone")), (0, ModelRefused("inputs too long"))])
    assert (await run(model, draft))[0] is Ending.CUT
    assert draft.text == " You asked:"


class CountingServer:
    """A tokenizer that is as far away as its model: it fails as often as it is told to, and counts characters."""

    fingerprint = "far"

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """See Tokenizer."""
        if self.failures:
            self.failures -= 1
            raise ModelUnavailable("refused")
        return [ord(character) for piece in pieces for character in piece.text]


async def test_a_server_that_cannot_count_yet_is_waited_for_as_well() -> None:
    """Building the prompt asks the server too, and its being away is no failure either."""

    class Counted(ScriptedModel):
        async def ready(self) -> LanguageModel:
            prompts = PromptFormat(Llama2Template(), CountingServer(3), "text", server_adds_bos=True, exact_ids=False)
            return replace(await super().ready(), format=prompts)

    draft = Draft()
    assert await run(Counted(), draft) == (Ending.COMPLETE, 3)
    assert draft.text == WHOLE


async def test_whatever_asks_the_server_can_wait_for_it() -> None:
    """`patiently` asks again until there is an answer, and gives up with the last error."""
    server, waits = CountingServer(2), list[object]()
    assert await patiently(lambda: server.encode([Piece("a")]), Patience(5), waits.append) == [97]
    assert len(waits) == 2
    with pytest.raises(ModelUnavailable):
        await patiently(lambda: CountingServer(9).encode([]), Patience(0), waits.append)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were asked for; no time passes."""
    seconds: list[float] = []

    async def sleep(delay: float) -> None:
        seconds.append(delay)

    monkeypatch.setattr(generation, "FIRST_PAUSE_SECONDS", 0.25)
    monkeypatch.setattr(generation, "LONGEST_PAUSE_SECONDS", 5.0)
    monkeypatch.setattr("conversation.generation.asyncio.sleep", sleep)
    return seconds


async def test_pauses_grow_and_are_spread(slept: list[float]) -> None:
    """Each is between half of its step and the whole; steps double up to five seconds; two waiters' differ."""
    for _ in range(2):
        pauses = Pauses(1000)
        for _ in range(8):
            await pauses.wait(None)
    steps = [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert all(step / 2 <= pause <= step for step, pause in zip(steps * 2, slept, strict=True))
    assert slept[:8] != slept[8:]


@pytest.mark.parametrize("hint", [0.0, 7.0])
async def test_a_hint_is_kept_and_spread_as_well(slept: list[float], hint: float) -> None:
    """Never earlier than the other side asked for, never all at once after it, and a hint of 0 is no busy loop."""
    for _ in range(2):
        await Pauses(1000).wait(hint)
    assert all(hint + 0.125 <= pause <= hint + 0.25 for pause in slept)
    assert slept[0] != slept[1]


async def test_a_pause_is_never_longer_than_patience(slept: list[float]) -> None:
    """A server that asks for ten minutes does not make an hour of them."""
    await Pauses(3).wait(600)
    assert slept[0] <= 3


def test_ids_count_only_when_every_piece_has_them() -> None:
    """A draft with a gap in its ids is continued from its text."""
    draft = Draft()
    draft.add(Chunk(" a", token_ids=(7,)))
    assert draft.ids == (7,)
    draft.add(Chunk(" b"))
    assert not draft.ids
    assert Draft.resume(Checkpoint(text=" a b", tokens_used=2)).ids_known is False


def test_people_do_not_see_the_space_that_belongs_to_the_template() -> None:
    """But the raw text keeps it, for the prompt that goes on."""
    draft = Draft()
    draft.add(Chunk(" Hello"))
    assert (draft.text, draft.visible) == (" Hello", "Hello")
