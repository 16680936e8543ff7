"""One answer out of a model that may be starting, busy, or cut off in the middle."""

from __future__ import annotations

import pytest

from conversation import generation
from conversation.errors import ModelOverloaded, ModelRefused, ModelUnavailable, StreamCut
from conversation.generation import Draft, Patience, generate
from conversation.model import Checkpoint, Ending, Message, Role
from conversation.ports import Chunk, Sampling
from tests.fakes import ScriptedModel

QUESTION = [Message(Role.USER, "a b c d")]
WHOLE = " You asked: a b c d"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses' growth is tested by their number, not by waiting."""
    monkeypatch.setattr(generation, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(generation, "LONGEST_PAUSE_SECONDS", 0.002)


async def run(model: ScriptedModel, draft: Draft, *, tokens: int = 100, patience: float = 5.0) -> tuple[Ending, int]:
    """(ending, times it had to wait)"""
    waits: list[object] = []
    ending = await generate(
        await model.ready(),
        QUESTION,
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
    model.cuts.append((pieces, StreamCut("gone") if pieces else ModelUnavailable("gone")))
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
