"""What every TextGenerator promises, on TGI, both ways of /v1/completions, and the embedded model."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from conversation.ports import Chunk, FinishReason, Prompt, Sampling
from tests.inference.conftest import Subject, open_connections
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

GREEDY = Sampling(max_new_tokens=24, temperature=0.0)
QUESTION = "Count the naïve 日本 loops in this file."


async def collect(subject: Subject, prompt: Prompt, sampling: Sampling = GREEDY) -> list[Chunk]:
    return [chunk async for chunk in subject.generator.stream(prompt, sampling)]


def text_of(chunks: list[Chunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def test_an_answer_comes_in_pieces_and_only_its_last_says_why_it_ended(subject: Subject) -> None:
    """Several pieces arrive, and exactly the last one has a finish."""
    chunks = await collect(subject, await subject.ask(QUESTION))
    assert len(chunks) > 3
    assert [chunk.finish is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert text_of(chunks).strip()


async def test_the_pieces_ids_are_those_of_the_text(subject: Subject) -> None:
    """After every piece the ids so far, where a server gives any, decode to exactly the text so far."""
    chunks = await collect(subject, await subject.ask(QUESTION))
    if subject.decode is None:
        pytest.skip("this server gives no ids")
    text = ""
    ids: tuple[int, ...] = ()
    for chunk in chunks:
        text += chunk.text
        ids += chunk.token_ids
        assert bool(chunk.text) <= bool(chunk.token_ids)
        assert await subject.decode(ids) == text


async def test_no_more_tokens_come_than_were_asked_for(subject: Subject) -> None:
    """An answer that is longer than the allowance ends with LENGTH at the allowance."""
    chunks = await collect(subject, await subject.ask(QUESTION), replace(GREEDY, max_new_tokens=7))
    assert chunks[-1].finish is FinishReason.LENGTH
    assert sum(chunk.tokens for chunk in chunks) <= 7
    if subject.exact_length:
        assert sum(chunk.tokens for chunk in chunks) == 7


async def test_an_answer_that_is_complete_says_so(subject: Subject) -> None:
    """The model's end token gives STOP, and no text of its own."""
    chunks = await collect(subject, await subject.ask(subject.ends_by_itself), replace(GREEDY, max_new_tokens=400))
    assert chunks[-1].finish is FinishReason.STOP
    assert "</s>" not in text_of(chunks)
    assert "<|im_end|>" not in text_of(chunks)


async def test_a_stop_string_ends_the_answer_and_is_not_in_it(subject: Subject) -> None:
    """A stop string that begins and ends within tokens is found, and nothing of it or after it is given out."""
    prompt = await subject.ask(QUESTION)
    whole = text_of(await collect(subject, prompt))
    stop = whole[9:16]
    chunks = await collect(subject, prompt, replace(GREEDY, stop=("never in it", stop)))
    assert chunks[-1].finish is FinishReason.STOP
    assert text_of(chunks) == whole[: whole.index(stop)]


async def test_an_answer_goes_on_from_any_cut_as_if_it_had_never_been_cut(subject: Subject) -> None:
    """Prompt and beginning give exactly the rest of the uninterrupted greedy answer, at every piece's end."""
    prompt = await subject.ask(QUESTION)
    chunks = await collect(subject, prompt)
    whole = text_of(chunks)
    for cut in (1, 2, 5, len(chunks) // 2, len(chunks) - 2):
        ids = tuple(token for chunk in chunks[:cut] for token in chunk.token_ids)
        used = sum(chunk.tokens for chunk in chunks[:cut])
        begun = text_of(chunks[:cut])
        rest = await collect(
            subject, await subject.go_on(prompt, begun, ids), replace(GREEDY, max_new_tokens=24 - used)
        )
        assert begun + text_of(rest) == whole


async def test_closing_the_stream_stops_the_model(subject: Subject) -> None:
    """After aclose the far side no longer works on the answer, and no connection stays in use."""
    prompt = await subject.ask(QUESTION)
    async with aclosing(subject.generator.stream(prompt, replace(GREEDY, max_new_tokens=900))) as chunks:
        async for _ in chunks:
            break
    assert open_connections(subject.server) == 0

    async def idle() -> bool:
        return await subject.live() == 0

    await until("the far side is idle", idle)


@pytest.mark.parametrize("pieces_before", [0, 1, 4])
async def test_a_cancelled_reader_leaves_nothing_open(subject: Subject, pieces_before: int) -> None:
    """Cancelled before the first piece or after some, the stream's connection is gone and the far side idle."""
    prompt = await subject.ask(QUESTION)
    got: list[Chunk] = []

    async def read() -> None:
        async with aclosing(subject.generator.stream(prompt, replace(GREEDY, max_new_tokens=900))) as chunks:
            async for chunk in chunks:
                got.append(chunk)  # noqa: PERF401

    task = asyncio.create_task(read())
    if pieces_before:
        await until("pieces came", lambda: len(got) >= pieces_before)
    else:
        await until("the request is under way", lambda: open_connections(subject.server) > 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert open_connections(subject.server) == 0

    async def idle() -> bool:
        return await subject.live() == 0

    await until("the far side is idle", idle)


async def test_answers_run_beside_each_other(subject: Subject) -> None:
    """Two questions at once get the answers that each gets alone."""
    prompts = [await subject.ask(question) for question in ("What is a stack?", "What is a queue?")]
    both = await asyncio.gather(*(collect(subject, prompt, replace(GREEDY, max_new_tokens=8)) for prompt in prompts))
    assert all(chunks[-1].finish is not None for chunks in both)
    assert text_of(both[0]) != text_of(both[1])
