"""Text Generation Inference: the `text-generation` package's client on one pooled session, and the port on top of it.

The package's own AsyncClient opens a connection per request, ends every answer after ten seconds and takes a stream
that breaks off for a complete one; its types and its interface are kept, its transport is replaced.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError
from text_generation.client import AsyncClient
from text_generation.errors import parse_error
from text_generation.types import FinishReason as TgiFinish
from text_generation.types import Grammar, Parameters, Request, Response, StreamResponse

from conversation.errors import ModelError, ModelUnavailable
from conversation.ports import Chunk, FinishReason, ModelCard, Prompt, Sampling, TextGenerator
from inference.answers import answer
from inference.failures import from_payload, not_a_frame
from inference.http import ModelServer, Timeouts

MAX_STOP_SEQUENCES = 4  # TGI's default; it refuses a request with more. Ours are looked for on this side anyway.
BOS = "<s>"


@dataclass(frozen=True, slots=True)
class TgiInfo:
    """What GET /info tells that matters here; sizes in tokens."""

    model_id: str
    max_input_tokens: int
    max_total_tokens: int
    max_concurrent_requests: int


@dataclass(frozen=True, slots=True)
class TgiToken:
    """One token of POST /tokenize. `start` and `stop` count characters; a token that the server added has none."""

    id: int
    text: str
    start: int
    stop: int


class TgiClient(AsyncClient):
    """The package's client with every request on one pooled session. Errors are ModelErrors, with the package's own
    as their cause where it has one."""

    def __init__(self, base_url: str, *, token: str | None = None, timeouts: Timeouts | None = None) -> None:
        self.server = ModelServer(base_url, token=token, timeouts=timeouts)
        super().__init__(base_url, headers=dict(self.server.headers))

    async def aclose(self) -> None:
        """Close the connections."""
        await self.server.aclose()

    async def info(self) -> TgiInfo:
        """What the server can do. Raises ModelError."""
        data = await self.server.get_json("/info")
        try:
            return TgiInfo(
                model_id=str(data["model_id"]),
                max_input_tokens=int(data.get("max_input_tokens") or data["max_input_length"]),  # before v2: _length
                max_total_tokens=int(data["max_total_tokens"]),
                max_concurrent_requests=int(data.get("max_concurrent_requests", 128)),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as exc:
            raise ModelUnavailable("/info is not TGI's", quoted=repr(exc)) from exc

    async def tokenize(self, text: str) -> list[TgiToken]:
        """The tokens of `text`, after the ones the server adds. Control tokens in it are parsed. Raises ModelError."""
        data = await self.server.post_json("/tokenize", {"inputs": text})
        try:
            return [TgiToken(int(t["id"]), str(t["text"]), int(t["start"]), int(t["stop"])) for t in data]
        except (KeyError, TypeError, ValueError) as exc:
            raise ModelUnavailable("/tokenize is not TGI's", quoted=repr(exc)) from exc

    async def generate(
        self,
        prompt: str,
        do_sample: bool = False,
        max_new_tokens: int = 20,
        best_of: int | None = None,
        repetition_penalty: float | None = None,
        frequency_penalty: float | None = None,
        return_full_text: bool = False,
        seed: int | None = None,
        stop_sequences: list[str] | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        truncate: int | None = None,
        typical_p: float | None = None,
        watermark: bool = False,
        decoder_input_details: bool = False,
        top_n_tokens: int | None = None,
        grammar: Grammar | None = None,
    ) -> Response:
        """As the package's, in one piece; it may take as long as a stream's first token. Raises ModelError."""
        parameters = Parameters(
            details=True,
            do_sample=do_sample,
            max_new_tokens=max_new_tokens,
            best_of=best_of,
            repetition_penalty=repetition_penalty,
            frequency_penalty=frequency_penalty,
            return_full_text=return_full_text,
            seed=seed,
            stop=stop_sequences or [],
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            truncate=truncate,
            typical_p=typical_p,
            watermark=watermark,
            decoder_input_details=decoder_input_details,
            top_n_tokens=top_n_tokens,
            grammar=grammar,
        )
        body = Request(inputs=prompt, stream=False, parameters=parameters).model_dump(exclude_none=True)
        data = await self.server.post_json("/generate", body, timeout=self.server.timeouts.first_token)
        try:
            return Response.model_validate(data[0] if isinstance(data, list) else data)
        except (ValidationError, IndexError) as exc:
            raise ModelUnavailable("/generate is not TGI's", quoted=str(exc)) from exc

    async def generate_stream(
        self,
        prompt: str,
        do_sample: bool = False,
        max_new_tokens: int = 20,
        repetition_penalty: float | None = None,
        frequency_penalty: float | None = None,
        return_full_text: bool = False,
        seed: int | None = None,
        stop_sequences: list[str] | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        truncate: int | None = None,
        typical_p: float | None = None,
        watermark: bool = False,
        top_n_tokens: int | None = None,
        grammar: Grammar | None = None,
    ) -> AsyncGenerator[StreamResponse]:
        """As the package's: one StreamResponse per token, the last one with `generated_text` and `details`. Ends
        where the server ends, so a caller has to see whether the last one came. Raises ModelError."""
        parameters = Parameters(
            details=True,  # else no finish reason is sent
            do_sample=do_sample,
            max_new_tokens=max_new_tokens,
            repetition_penalty=repetition_penalty,
            frequency_penalty=frequency_penalty,
            return_full_text=return_full_text,
            seed=seed,
            stop=stop_sequences or [],
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            truncate=truncate,
            typical_p=typical_p,
            watermark=watermark,
            top_n_tokens=top_n_tokens,
            grammar=grammar,
        )
        body = Request(inputs=prompt, stream=True, parameters=parameters).model_dump(exclude_none=True)
        async with self.server.stream("/generate_stream", body) as frames:
            async for payload in frames:
                response = _response(payload)
                if response.generated_text is not None:
                    await frames.finish()
                yield response
                frames.token()


class TgiGenerator:
    """TextGenerator over a TgiClient. Prompts go as text, without the BOS that TGI always adds."""

    def __init__(self, client: TgiClient) -> None:
        self.client = client

    async def card(self) -> ModelCard:
        """What the server says of its model. Raises ModelError."""
        info = await self.client.info()
        # Above its limit TGI refuses with 429. Streams that are just being closed and other clients need some of it.
        margin = max(1, info.max_concurrent_requests // 8)
        return ModelCard(
            info.model_id,
            info.max_total_tokens,
            prompt_tokens=info.max_input_tokens,
            slots=max(1, info.max_concurrent_requests - margin),
            provider="tgi",
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator. The text of a person is neutralised in `prompt.text`, so an `<s>` at its start is the
        template's and would be doubled by the server."""
        return answer(self._pieces(prompt.text.removeprefix(BOS), sampling), sampling)

    async def _pieces(self, text: str, sampling: Sampling) -> AsyncGenerator[Chunk]:
        sample = sampling.temperature > 0
        responses = self.client.generate_stream(
            text,
            # Always said: what the server assumes without it depends on which other parameters are there.
            do_sample=sample,
            temperature=sampling.temperature if sample else None,  # 0 is refused
            top_p=sampling.top_p if sample and 0 < sampling.top_p < 1 else None,  # 1.0 is refused
            seed=sampling.seed,
            max_new_tokens=sampling.max_new_tokens,
            stop_sequences=list(sampling.stop[:MAX_STOP_SEQUENCES]),
        )
        async with aclosing(responses):
            async for response in responses:
                yield _chunk(response)


def _chunk(response: StreamResponse) -> Chunk:
    token, details = response.token, response.details
    finish: FinishReason | None = None
    if details is not None:
        finish = FinishReason.LENGTH if details.finish_reason == TgiFinish.Length else FinishReason.STOP
    elif response.generated_text is not None:  # a proxy that drops details
        finish = FinishReason.STOP
    if token.special:
        return Chunk("", (), finish=finish)
    return Chunk(token.text, (token.id,), finish=finish)


def _response(payload: bytes) -> StreamResponse:
    try:
        data: dict[str, Any] = orjson.loads(payload)
    except orjson.JSONDecodeError as exc:
        raise not_a_frame(payload) from exc
    if not isinstance(data, dict):
        raise not_a_frame(payload)
    if "error" in data:
        raise _failure(data)
    try:
        return StreamResponse.model_validate(data)
    except ValidationError as exc:
        raise not_a_frame(payload) from exc


def _failure(data: dict[str, Any]) -> ModelError:
    error = from_payload(data)
    error.__cause__ = parse_error(200, {key: str(data.get(key, "")) for key in ("error", "error_type")})
    return error


_: type[TextGenerator] = TgiGenerator
