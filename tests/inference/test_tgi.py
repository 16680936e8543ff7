"""What is TGI's own: its parameters, its prompt, its information, and the package's client as the measure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from text_generation.client import AsyncClient as StockClient
from text_generation.errors import OverloadedError

from conversation.errors import ModelError, ModelOverloaded, ModelRefused, ModelUnavailable
from conversation.ports import FinishReason, Prompt, Sampling
from inference.tgi import TgiClient, TgiGenerator, TgiInfo
from tests.servers.behaviour import Behaviour
from tests.servers.tgi import TgiServer

PROMPT = "[INST] What is a queue? [/INST]"


@pytest.fixture
async def far() -> AsyncIterator[TgiServer]:
    async with TgiServer() as server:
        yield server


@pytest.fixture
async def client(far: TgiServer) -> AsyncIterator[TgiClient]:
    client = TgiClient(far.url)
    yield client
    await client.aclose()


async def ask(client: TgiClient, sampling: Sampling, text: str = PROMPT) -> list[str]:
    return [chunk.text async for chunk in TgiGenerator(client).stream(Prompt(text, None, 9), sampling)]


async def test_temperature_0_is_greedy_and_sent_without_a_temperature(far: TgiServer, client: TgiClient) -> None:
    """TGI refuses temperature 0, and samples or not by what else is there unless do_sample says it."""
    await ask(client, Sampling(5, temperature=0.0, seed=7))
    sent = far.requests[-1]["parameters"]
    assert sent["do_sample"] is False
    assert sent["seed"] == 7
    assert sent["max_new_tokens"] == 5
    assert not {"temperature", "top_p", "truncate"} & set(sent)


async def test_sampling_is_asked_for_in_words(far: TgiServer, client: TgiClient) -> None:
    """Temperature and top_p are sent with do_sample; a top_p of 1, which TGI refuses, is left out."""
    await ask(client, Sampling(5, temperature=0.3, top_p=0.9))
    sent = far.requests[-1]["parameters"]
    assert (sent["do_sample"], sent["temperature"], sent["top_p"], sent["details"]) == (True, 0.3, 0.9, True)
    await ask(client, Sampling(5, temperature=0.3, top_p=1.0))
    assert "top_p" not in far.requests[-1]["parameters"]


async def test_more_stop_strings_than_tgi_takes_still_all_work(far: TgiServer, client: TgiClient) -> None:
    """Only as many as TGI's default allows are sent, and the others are looked for here."""
    whole = "".join(await ask(client, Sampling(30, temperature=0)))
    stop = whole[20:27]
    text = await ask(client, Sampling(30, temperature=0, stop=("1#", "2#", "3#", "4#", "5#", stop)))
    assert "".join(text) == whole[: whole.index(stop)]
    assert len(far.requests[-1]["parameters"]["stop"]) == 4


async def test_the_server_adds_the_bos_itself(far: TgiServer, client: TgiClient) -> None:
    """A prompt that begins with `<s>` is sent without it; the one between turns stays."""
    await ask(client, Sampling(3), "<s>[INST] a [/INST] b </s><s>[INST] c [/INST]")
    assert far.requests[-1]["inputs"] == "[INST] a [/INST] b </s><s>[INST] c [/INST]"


@pytest.mark.parametrize("old", [False, True])
async def test_info_is_read_in_both_of_its_forms(far: TgiServer, client: TgiClient, old: bool) -> None:
    """max_input_length of the first versions is max_input_tokens."""
    far.old_info = old
    assert await client.info() == TgiInfo("codellama/CodeLlama-7b-Instruct-hf", 3072, 4096, 64)
    card = await TgiGenerator(client).card()
    assert (card.model_id, card.context_tokens) == ("codellama/CodeLlama-7b-Instruct-hf", 4096)


async def test_tokens_come_with_the_one_that_the_server_adds(client: TgiClient) -> None:
    """/tokenize gives BOS first, as a token of no characters."""
    tokens = await client.tokenize(" list</s>")
    assert [(token.text, token.start, token.stop) for token in tokens] == [
        ("<s>", 0, 0),
        (" list", 0, 5),
        ("</s>", 5, 9),
    ]


HEALTHY = {
    "the end token, which is special": Behaviour(text=" größer 日本 🎉 naïve\n```py\nx = '\\n'\n```"),
    "the allowance": Behaviour(end=False),
    "a stop string": Behaviour(text=" the list zzz index"),
    "special tokens in the middle": Behaviour(text=" the list", special_after=1),
    "no space after data:": Behaviour(space_after_data=False),
    "byte by byte": Behaviour(chunk_bytes=1),
    "keep-alives in between": Behaviour(token_delay=0.005, keep_alive_every=0.002),
    "no text at all": Behaviour(text=""),
}


@pytest.mark.filterwarnings("ignore:The `dict` method:DeprecationWarning")
@pytest.mark.parametrize("name", HEALTHY)
async def test_our_client_gives_what_the_packages_own_does(far: TgiServer, client: TgiClient, name: str) -> None:
    """On healthy streams every response equals the stock client's, field by field, and so does what was sent."""
    far.behaviour = HEALTHY[name]
    stock = StockClient(far.url)
    asked: dict[str, Any] = {"max_new_tokens": 60, "stop_sequences": ["zzz"], "seed": 3}
    theirs = [response async for response in stock.generate_stream(PROMPT, **asked)]
    ours = [response async for response in client.generate_stream(PROMPT, **asked)]
    assert ours == theirs
    assert theirs[-1].details is not None
    assert far.requests[0]["inputs"] == far.requests[1]["inputs"]
    sent, by_stock = far.requests[1]["parameters"], far.requests[0]["parameters"]
    assert sent == {name: value for name, value in by_stock.items() if value is not None}
    # And what the port makes of them is their text, without the special tokens and from the stop string on.
    pieces = await ask(client, Sampling(60, temperature=0, stop=("zzz",), seed=3))
    text = "".join(response.token.text for response in theirs if not response.token.special)
    assert "".join(pieces) == text.partition("zzz")[0]
    assert theirs[-1].generated_text == text


@pytest.mark.filterwarnings("ignore:The `dict` method:DeprecationWarning")
async def test_an_answer_in_one_piece_is_the_packages_as_well(far: TgiServer, client: TgiClient) -> None:
    """POST /generate, with its details and tokens."""
    theirs = await StockClient(far.url).generate(PROMPT, max_new_tokens=12)
    ours = await client.generate(PROMPT, max_new_tokens=12)
    assert ours == theirs
    assert ours.details.generated_tokens == 12


async def test_the_packages_error_is_the_cause_of_ours(far: TgiServer, client: TgiClient) -> None:
    """An error frame that the package has a class for keeps it as its cause."""
    far.behaviour = Behaviour(error_after=0, error={"error": "Model is overloaded", "error_type": "overloaded"})
    with pytest.raises(ModelOverloaded) as caught:
        await ask(client, Sampling(5))
    assert isinstance(caught.value.__cause__, OverloadedError)


async def test_a_prompt_that_is_too_long_is_refused_with_words(client: TgiClient) -> None:
    """Validation comes inside a 200, and is ModelRefused with a sentence for the person."""
    with pytest.raises(ModelRefused) as caught:
        await ask(client, Sampling(4000), "[INST] " + "x " * 2000 + "[/INST]")
    assert "too large" in str(caught.value)
    assert "shorter" in caught.value.user_notice


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"model_id": 3}', b"nonsense"])
async def test_a_server_that_is_no_tgi_is_unavailable(far: TgiServer, body: bytes) -> None:
    """An /info of another shape does not pass for a model."""
    far.behaviour = Behaviour(status=200, body=body)
    client = TgiClient(far.url + "/health?")
    with pytest.raises(ModelError) as caught:
        await client.info()
    assert type(caught.value) is ModelUnavailable
    await client.aclose()


async def test_a_final_frame_without_details_still_ends_the_answer(far: TgiServer, client: TgiClient) -> None:
    """`generated_text` alone is an end: some proxies drop the details."""
    far.drop_details = True
    chunks = [chunk async for chunk in TgiGenerator(client).stream(Prompt(PROMPT, None, 9), Sampling(200))]
    assert chunks[-1].finish is FinishReason.STOP
