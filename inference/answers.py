"""From a server's raw pieces to the answer that the port promises; the same for every adapter."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from conversation.errors import ModelError, StreamCut
from conversation.ports import Chunk, FinishReason, Sampling
from inference.failures import after_first_piece
from inference.stops import StopStrings


async def answer(raw: AsyncGenerator[Chunk], sampling: Sampling) -> AsyncGenerator[Chunk]:
    """`raw` up to its finish, a stop string or `max_new_tokens`, whichever comes first.

    Closing it closes `raw`. An error after the first piece is a StreamCut, and so is an end without a finish.
    """
    given = finished = False
    async with aclosing(_shaped(raw, sampling)) as pieces:
        try:
            async for chunk in pieces:
                given = True
                finished = chunk.finish is not None
                yield chunk
        except ModelError as exc:
            if not given:
                raise
            raise after_first_piece(exc) from exc
    if not finished:
        raise StreamCut("the stream ended without its final frame")


async def _shaped(raw: AsyncGenerator[Chunk], sampling: Sampling) -> AsyncGenerator[Chunk]:
    stops = StopStrings(sampling.stop)
    used = 0
    async with aclosing(raw):
        async for piece in raw:
            if used + piece.tokens > sampling.max_new_tokens:
                # TGI works in steps of many tokens and can give more than it was asked for.
                yield _last(stops.rest(), FinishReason.LENGTH)
                return
            used += piece.tokens
            chunk = stops.push(piece if piece.finish is None else replace(piece, finish=None))
            finish = FinishReason.STOP if stops.hit else piece.finish
            if finish is not None:
                yield _last(chunk if stops.hit else _joined(chunk, stops.rest()), finish, piece.cached_tokens)
                return  # after a stop string the server would go on: leaving closes its stream
            if chunk is not None:
                yield chunk


def _last(chunk: Chunk | None, finish: FinishReason, cached_tokens: int | None = None) -> Chunk:
    return replace(chunk or Chunk("", tokens=0), finish=finish, cached_tokens=cached_tokens)


def _joined(first: Chunk | None, second: Chunk | None) -> Chunk | None:
    if first is None or second is None:
        return first or second
    known = all(part.token_ids or not part.tokens for part in (first, second))
    return Chunk(
        first.text + second.text, first.token_ids + second.token_ids if known else (), first.tokens + second.tokens
    )
