"""Whole answers over real sockets from a server that fails in every way: what a person would read is the same."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from conversation import generation
from conversation.asking import Dialog
from conversation.errors import ModelError, ModelOverloaded, ModelUnavailable
from conversation.generation import Draft, Patience, generate
from conversation.language_model import LanguageModel
from conversation.model import Ending, Message, Role
from conversation.ports import Sampling
from conversation.prompts import Llama2Template, PromptFormat
from inference.completions import CompletionsGenerator
from inference.http import ModelServer, Timeouts
from inference.tgi import TgiClient, TgiGenerator
from inference.tokenizers import ServerTokenizer, TokenizeApi
from tests.inference.conftest import open_connections
from tests.servers.behaviour import Behaviour, ModelWebServer
from tests.servers.completions import LlamaCppServer
from tests.servers.tgi import TgiServer
from tests.servers.toy_model import Token, ToyModel, decode, tokens_of
from tests.waiting import until

QUESTION = (Message(Role.USER, "How do I read a file?"),)
# Words of one token, and characters of one, two, three and four.
WHOLE = " the file is naïve\n```\nx = ['ö☃🎉']\n```"
TOKENS = list(tokens_of(WHOLE))
# Only where silence is the fault: on a busy machine a healthy server can be silent for so long.
QUICK = Timeouts(first_token=0.4, between_tokens=0.25)
GREEDY = Sampling(max_new_tokens=200, temperature=0.0)


class OneAnswer(ToyModel):
    """Answers everything with WHOLE, and goes on from any beginning of it."""

    def answer_to(self, question: str) -> str:
        """See ToyModel."""
        return WHOLE


def text_of(tokens: list[Token]) -> str:
    return "".join(token.text for token in tokens)


@dataclass
class Line:
    """A far side and our whole way to it."""

    far: ModelWebServer
    model: LanguageModel
    server: ModelServer

    async def ask(
        self, draft: Draft, sampling: Sampling = GREEDY, *, patience: float = 20.0, waits: list[Any] | None = None
    ) -> Ending:
        """Let the draft grow to its end; `waits` gets the errors that made the question wait."""
        return await generate(
            self.model.generator,
            Dialog(self.model.format, QUESTION),
            draft,
            sampling,
            patience=Patience(patience),
            on_piece=lambda: None,
            on_wait=(waits if waits is not None else []).append,
        )

    def fail_once(self, **fault: Any) -> None:
        """The next answer has this fault, those after it none."""
        self.far.requests.clear()
        self.far.next_behaviours.extend([Behaviour(**fault), Behaviour()])

    @property
    def inputs(self) -> list[str]:
        """The prompts that the far side was asked."""
        return [body["inputs"] if "inputs" in body else decode(body["prompt"]) for body in self.far.requests]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(generation, "LONGEST_PAUSE_SECONDS", 0.02)


async def _line(kind: str, url: str, far: ModelWebServer) -> Line:
    far.model = OneAnswer()
    if kind == "tgi":
        client = TgiClient(url)
        generator = TgiGenerator(client)
        tokenizer = ServerTokenizer(client.server, TokenizeApi.TGI, "toy")
        prompts = PromptFormat(Llama2Template(), tokenizer, "text", server_adds_bos=True, exact_ids=False)
        return Line(far, LanguageModel(await generator.card(), generator, prompts), client.server)
    server = ModelServer(url)
    other = CompletionsGenerator(server)
    prompts = PromptFormat(
        Llama2Template(), ServerTokenizer(server, TokenizeApi.LLAMA_CPP, "toy"), "ids", server_adds_bos=True
    )
    return Line(far, LanguageModel(await other.card(), other, prompts), server)


@pytest.fixture
async def tgi() -> AsyncIterator[Line]:
    """TGI, asked in text."""
    async with TgiServer() as far:
        line = await _line("tgi", far.url, far)
        yield line
        await line.server.aclose()


@pytest.fixture(params=["tgi", "llamacpp"])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    """TGI, asked in text, and llama.cpp, asked in ids."""
    async with TgiServer() if request.param == "tgi" else LlamaCppServer() as far:
        one = await _line(request.param, far.url, far)
        yield one
        await one.server.aclose()


@pytest.mark.parametrize("fault", ["cut_after", "error_after", "garbage_after"])
async def test_an_answer_cut_after_any_token_is_the_uninterrupted_one(line: Line, fault: str) -> None:
    """For every n: nothing is lost or said twice, also within characters, and the second prompt is exactly the first
    one and what was there of the answer."""
    in_text = isinstance(line.far, TgiServer)
    # llama.cpp has no frame for a token within a character, and these two faults count frames.
    visible = [token for token in TOKENS if token.text or in_text or fault == "cut_after"]
    for n in range(len(visible) + 1):
        line.fail_once(**{fault: n})
        draft = Draft()
        assert await line.ask(draft) is Ending.COMPLETE
        assert draft.text == WHOLE
        first, second = line.inputs
        assert second.startswith(first)
        begun = second.removeprefix(first)
        # While llama.cpp is asked for the ids of a character, a reset loses the frame that came behind it.
        assert text_of(visible[:n]) == begun if in_text else text_of(visible[:n]).startswith(begun)
    line.fail_once(**{fault: len(visible) + 2})  # after the end: there is nothing to break
    assert await line.ask(Draft()) is Ending.COMPLETE
    assert len(line.inputs) == 1


async def test_a_text_prompt_is_gone_on_with_to_the_letter(tgi: Line) -> None:
    """What TGI is sent after a cut, written out."""
    tgi.fail_once(cut_after=3)
    await tgi.ask(Draft())
    assert tgi.inputs == ["[INST] How do I read a file? [/INST]", "[INST] How do I read a file? [/INST] the file is"]


@pytest.mark.parametrize("n", [0, 1, 9])
async def test_an_answer_goes_on_after_a_stall(line: Line, n: int) -> None:
    """A server that sends keep-alives but no tokens is left, sees that, and is asked to go on."""
    line.server.timeouts = QUICK
    line.fail_once(stall_after=n, keep_alive_every=0.02)
    draft = Draft()
    assert await line.ask(draft) is Ending.COMPLETE
    assert draft.text == WHOLE
    assert len(line.inputs) == 2
    await until("the server saw its first client leave", lambda: line.far.disconnects == 1)
    assert open_connections(line.server) == 0


async def test_a_missing_final_frame_is_made_up_for(line: Line) -> None:
    """The whole text without its last frame is asked for its end, which comes at once."""
    line.fail_once(omit_final=True)
    draft = Draft()
    assert await line.ask(draft) is Ending.COMPLETE
    assert draft.text == WHOLE
    assert line.inputs[1].endswith(WHOLE)


async def test_a_stop_string_works_through_every_cut(line: Line) -> None:
    """Cut within a stop string that is held back, before it or after: what is given out ends where it begins."""
    sampling = replace(GREEDY, stop=("\n```\nx", "never in it"))
    for n in range(12):
        line.fail_once(cut_after=n)
        draft = Draft()
        assert await line.ask(draft, sampling) is Ending.COMPLETE
        assert draft.text == " the file is naïve"


@pytest.mark.parametrize("cut", [None, 3])
async def test_the_allowance_holds_against_a_server_that_makes_too_much(tgi: Line, cut: int | None) -> None:
    """Cut or not, at most max_new_tokens are used, and after a cut only what is left is asked for."""
    tgi.far.next_behaviours.extend([Behaviour(overshoot=9, cut_after=cut), Behaviour(overshoot=9)])
    draft = Draft()
    assert await tgi.ask(draft, replace(GREEDY, max_new_tokens=5)) is Ending.LENGTH
    assert draft.tokens_used == 5
    assert draft.text == text_of(TOKENS[:5])
    assert tgi.far.requests[-1]["parameters"]["max_new_tokens"] == (5 if cut is None else 2)


@pytest.mark.parametrize(
    "busy",
    [
        {"status": 429, "body": b'{"error":"Model is overloaded","error_type":"overloaded"}'},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"error_after": 0, "error": {"error": "Model is overloaded", "error_type": "overloaded"}},
    ],
    ids=["429", "429 with Retry-After", "in the stream"],
)
async def test_a_busy_server_is_asked_again_before_the_first_token(tgi: Line, busy: dict[str, Any]) -> None:
    """Each refusal is one wait, the same prompt is sent again, and the answer is whole."""
    tgi.far.next_behaviours.extend([Behaviour(**busy)] * 3 + [Behaviour()])
    draft, waits = Draft(), list[Any]()
    assert await tgi.ask(draft, waits=waits) is Ending.COMPLETE
    assert draft.text == WHOLE
    assert [type(error) for error in waits] == [ModelOverloaded] * 3
    assert len(tgi.inputs) == 4
    assert len(set(tgi.inputs)) == 1


async def test_overload_after_the_first_token_is_a_cut_like_any_other(tgi: Line) -> None:
    """The answer is never begun anew once a part of it was shown."""
    tgi.fail_once(error_after=3, error={"error": "Model is overloaded", "error_type": "overloaded"})
    draft, waits = Draft(), list[Any]()
    assert await tgi.ask(draft, waits=waits) is Ending.COMPLETE
    assert draft.text == WHOLE
    assert waits == []
    assert tgi.inputs[1] == tgi.inputs[0] + text_of(TOKENS[:3])


@pytest.mark.parametrize("said", [0, 3])
async def test_a_server_that_restarts_is_waited_for(said: int) -> None:
    """Its port refuses connections until the weights are loaded; then the answer comes, from where it was."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before = TgiServer(Behaviour(stall_after=said))
    await before.start(port)
    line = await _line("tgi", before.url, before)
    draft, waits = Draft(), list[Any]()
    if not said:
        await before.stop()
    asking = asyncio.create_task(line.ask(draft, waits=waits))
    if said:
        await until("the answer began", lambda: draft.tokens_used == said)
        await before.stop()
    await until("the question waits", lambda: len(waits) > 2)
    assert all(isinstance(error, ModelUnavailable) for error in waits)
    after = TgiServer()
    await after.start(port)
    after.model = OneAnswer()
    async with asyncio.timeout(10):
        assert await asking is Ending.COMPLETE
    assert draft.text == WHOLE
    assert after.requests[-1]["inputs"].endswith("[/INST]" + text_of(TOKENS[:said]))
    await line.server.aclose()
    await after.stop()


async def test_an_endpoint_that_wakes_up_is_waited_for_but_not_for_ever(tgi: Line) -> None:
    """503 on every route is a wait that patience bounds; once it is awake the question is answered."""
    tgi.far.behaviour = Behaviour(asleep=True)
    waits: list[Any] = []
    with pytest.raises(ModelUnavailable, match="503"):
        await tgi.ask(Draft(), patience=0.1, waits=waits)
    assert waits
    waits.clear()
    draft = Draft()
    asking = asyncio.create_task(tgi.ask(draft, waits=waits))
    await until("the question waits", lambda: len(waits) > 2)
    tgi.far.behaviour = Behaviour()
    async with asyncio.timeout(10):
        assert await asking is Ending.COMPLETE
    assert draft.text == WHOLE


async def test_a_server_that_breaks_after_every_token_is_given_up(line: Line) -> None:
    """The answer ends as cut, with all that came, after a bounded number of requests."""
    line.far.behaviour = Behaviour(cut_after=1)
    draft = Draft()
    assert await line.ask(draft) is Ending.CUT
    assert draft.text == text_of(TOKENS[: generation.MAX_CUTS])
    assert len(line.inputs) == generation.MAX_CUTS


async def test_a_server_that_no_longer_goes_on_is_given_up_sooner(line: Line) -> None:
    """What came stays, and a stream that breaks at once every time is tried a few times only."""
    line.far.next_behaviours.append(Behaviour(cut_after=4))
    line.far.next_behaviours.extend([Behaviour(cut_after=0)] * 9)
    draft = Draft()
    assert await line.ask(draft) is Ending.CUT
    assert draft.text == text_of(TOKENS[:4])
    assert len(line.inputs) == 1 + generation.MAX_BARREN_CUTS


async def test_a_question_that_breaks_the_server_is_not_asked_for_ever(line: Line) -> None:
    """Without a word there is nothing to mark as cut: the question fails, long before patience ends."""
    line.far.behaviour = Behaviour(error_after=0, error={"error": "CUDA out of memory", "error_type": "generation"})
    with pytest.raises(ModelError, match="CUDA out of memory"):
        await line.ask(Draft(), patience=3600)
    assert len(line.inputs) == generation.MAX_BARREN_CUTS


async def test_an_answer_that_outgrows_the_servers_input_bound_ends_as_cut() -> None:
    """TGI may take a question, but not the question with most of its answer; what was shown is kept."""
    async with TgiServer() as far:
        one = await _line("tgi", far.url, far)
        far.max_input_tokens = len(tokens_in("[INST] How do I read a file? [/INST]")) + 1 + 3
        far.next_behaviours.extend([Behaviour(cut_after=2), Behaviour(cut_after=4), Behaviour()])
        draft = Draft()
        assert await one.ask(draft) is Ending.CUT
        assert draft.text == text_of(TOKENS[:6])
        await one.server.aclose()


def tokens_in(text: str) -> list[Token]:
    return list(tokens_of(text))


@pytest.mark.parametrize(
    ("pace", "tokens_before"),
    [
        pytest.param({"token_delay": 0.002}, 5, id="between tokens"),
        pytest.param({"stall_after": 5}, 5, id="while it is silent"),
        pytest.param({"first_token_delay": 60.0}, 0, id="in its prefill"),
    ],
)
async def test_the_server_sees_at_once_that_an_answer_was_stopped(
    line: Line, pace: dict[str, Any], tokens_before: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cancelling the answer closes its connection, which is how a server learns to stop; the time is printed."""
    await line.model.format.build(QUESTION)  # what the server's slow tokenizer says is remembered
    clock = asyncio.get_running_loop().time
    delays: list[float] = []
    for number in range(1, 11):
        line.far.behaviour = Behaviour(end=False, **pace)
        draft = Draft()
        asking = asyncio.create_task(line.ask(draft, replace(GREEDY, max_new_tokens=2000)))
        await until("the answer is under way", lambda: line.far.live == 1 and draft.tokens_used >= tokens_before)  # noqa: B023 - awaited here
        cancelled_at = clock()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until("the server saw it", lambda: line.far.disconnects == number)  # noqa: B023 - awaited here
        delays.append(line.far.disconnected_at[-1] - cancelled_at)
    with capsys.disabled():
        worst = max(delays) * 1000
        print(f"\nseen by the server after a cancel: {min(delays) * 1000:.1f} to {worst:.1f} ms, 10 answers")
    assert max(delays) < 2.0
    assert open_connections(line.server) == 0
