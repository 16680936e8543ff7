"""`POST /v1/completions` with a raw prompt, as vLLM, SGLang and llama.cpp serve it: token ids in where we have them,
token ids out where the server gives them.

The shape is OpenAI's legacy completions API; what each server adds was tried (llama.cpp) or read in its source:
- llama.cpp: ids only inside `logprobs`, and none for a token that ends within a character; `timings_per_token` says how
  many tokens there were, so that the gap is seen, and filled from `/tokenize` where that is certain.
- vLLM: `return_token_ids` gives `token_ids` with each piece. With stop strings it delays its text behind its ids,
  unless `include_stop_str_in_output` is set; stop strings are cut off here anyway.
- SGLang: no ids. `no_stop_trim` for the same reason.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson

from conversation.errors import ModelError, ModelRefused, ModelUnavailable, StreamCut
from conversation.ports import Chunk, FinishReason, ModelCard, Prompt, Sampling, TextGenerator
from inference.answers import answer
from inference.failures import from_payload, not_a_frame
from inference.http import ModelServer

DONE = b"[DONE]"


class Dialect(StrEnum):
    """Whose /v1/completions it is, as `owned_by` in /v1/models says."""

    LLAMA_CPP = "llamacpp"
    VLLM = "vllm"
    SGLANG = "sglang"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One entry of GET /v1/models."""

    model_id: str
    dialect: Dialect
    context_tokens: int | None  # prompt and answer together; None when the server does not say


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost, in tokens."""

    prompt: int
    cached: int  # of the prompt, found in the server's prefix cache
    completion: int


class CompletionsGenerator:
    """TextGenerator over /v1/completions.

    `model` is the name to ask for; without it the server's first model. `on_usage` hears what each answer cost, when
    the server says. `options` are further fields of every request, in the server's own words.
    """

    def __init__(
        self,
        server: ModelServer,
        *,
        model: str | None = None,
        on_usage: Callable[[Usage], None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.server = server
        self._model = model
        self._on_usage = on_usage
        self._options = dict(options or {})
        self._served: ServedModel | None = None

    async def served(self) -> ServedModel:
        """The model that answers; asked once, and again after a failure. Raises ModelError."""
        if self._served is None:
            self._served = await self._ask()
        return self._served

    async def ask_again(self) -> ServedModel:
        """The model that answers now, asked anew. Raises ModelError."""
        return await self._ask()

    async def card(self, context_tokens: int | None = None) -> ModelCard:
        """The model's name and window; `context_tokens` is the window of a server that does not say its own. Raises
        ModelError."""
        served = await self.served()
        window = served.context_tokens or context_tokens
        if window is None:
            raise ModelUnavailable("the server does not say how long its context is: set CONTEXT_TOKENS")
        return ModelCard(served.model_id, min(window, context_tokens or window), provider=served.dialect.value)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.server.aclose()

    def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        """See TextGenerator. Ids are sent when the prompt has them."""
        return answer(self._pieces(prompt, sampling), sampling)

    async def _pieces(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Chunk]:
        try:
            served = await self.served()
            async with self.server.stream(
                "/v1/completions", {**self._options, **_body(prompt, sampling, served)}
            ) as frames:
                made, cached = 0, None
                async for payload in frames:
                    if payload == DONE:
                        return
                    data = _decoded(payload)
                    try:
                        self._report(data)
                        cached = _cached(data, cached)
                        if not data.get("choices"):
                            continue
                        chunk = _chunk(data, made)
                    except (LookupError, TypeError, ValueError, AttributeError) as exc:
                        raise not_a_frame(payload) from exc
                    if served.dialect is Dialect.LLAMA_CPP and chunk.tokens > len(chunk.token_ids):
                        chunk = await self._completed(chunk)
                    made += chunk.tokens
                    if chunk.finish is not None:
                        cached = self._report_late(await frames.finish(), cached)
                        chunk = replace(chunk, cached_tokens=cached)
                    yield chunk
                    frames.token()
        except ModelError:
            self._served = None  # another server may answer at this address next time
            raise

    async def _completed(self, chunk: Chunk) -> Chunk:
        """`chunk` with the ids that llama.cpp kept back, if they are certain: as many tokens as it made, and the last
        one the same, is how it would write this text."""
        if not chunk.token_ids:
            return chunk
        found = await self.server.post_json(
            "/tokenize", {"content": chunk.text, "add_special": False, "parse_special": False}
        )
        ids = tuple(found.get("tokens", ())) if isinstance(found, dict) else ()
        certain = len(ids) == chunk.tokens and ids[-1] == chunk.token_ids[-1]
        return Chunk(chunk.text, ids if certain else (), chunk.tokens, chunk.finish)

    def _report_late(self, payloads: Sequence[bytes], cached: int | None) -> int | None:
        """What came after the answer; it is complete, so nothing here can fail it. Gives the tokens that were cached,
        `cached` before."""
        with suppress(ModelError, LookupError, TypeError, ValueError, AttributeError):
            for payload in payloads:
                if payload != DONE:
                    data = _decoded(payload)
                    self._report(data)
                    cached = _cached(data, cached)
        return cached

    def _report(self, data: Mapping[str, Any]) -> None:
        usage = data.get("usage")
        if self._on_usage is None or not usage:
            return
        details = usage.get("prompt_tokens_details") or {}
        self._on_usage(
            Usage(
                usage.get("prompt_tokens") or 0, details.get("cached_tokens") or 0, usage.get("completion_tokens") or 0
            )
        )

    async def _ask(self) -> ServedModel:
        try:
            data = await self.server.get_json("/v1/models")
        except ModelRefused as exc:
            if "MODEL_TOKEN" in str(exc):
                raise
            return ServedModel(self._model or "", Dialect.OTHER, None)  # a server without a list of models
        entries = data.get("data") if isinstance(data, dict) else None
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise ModelUnavailable("/v1/models names no model")
        entry = next((entry for entry in entries if entry.get("id") == self._model), entries[0])
        owner = str(entry.get("owned_by"))
        window = entry.get("max_model_len") or (entry.get("meta") or {}).get("n_ctx")
        return ServedModel(
            self._model or str(entry.get("id", "")),
            Dialect(owner) if owner in set(Dialect) else Dialect.OTHER,
            int(window) if window else None,
        )


def _body(prompt: Prompt, sampling: Sampling, served: ServedModel) -> dict[str, Any]:
    body: dict[str, Any] = {
        "prompt": prompt.text if prompt.token_ids is None else list(prompt.token_ids),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p if sampling.temperature > 0 else 1.0,
    }
    if served.model_id:
        body["model"] = served.model_id
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if served.dialect is Dialect.LLAMA_CPP:
        body |= {"logprobs": 1, "timings_per_token": True, "cache_prompt": True}
    elif served.dialect is Dialect.VLLM:
        body |= {"return_token_ids": True, "include_stop_str_in_output": True}
    elif served.dialect is Dialect.SGLANG:
        body |= {"no_stop_trim": True}
    return body


def _decoded(payload: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(payload)
    except orjson.JSONDecodeError as exc:
        raise not_a_frame(payload) from exc
    if not isinstance(data, dict):
        raise not_a_frame(payload)
    if data.get("error"):
        raise from_payload(data)
    return data


def _chunk(data: Mapping[str, Any], made: int) -> Chunk:
    """A frame's piece; `made` tokens came before it. Raises what Python raises for data of another shape."""
    choice = data["choices"][0]
    text = choice.get("text") or ""
    reason = choice.get("finish_reason")
    if not isinstance(text, str) or not {"text", "finish_reason"} & set(choice):
        raise TypeError("not a completion's choice")
    if reason not in {None, "stop", "length"}:
        raise StreamCut("the server gave up", quoted=str(reason))
    finish = None if reason is None else FinishReason(reason)
    ids = _token_ids(choice)
    total = (data.get("timings") or {}).get("predicted_n")
    if total is not None and reason is None:
        tokens = max(int(total) - made, len(ids))
    else:
        tokens = len(ids) or (1 if text else 0)
    return Chunk(text, ids, tokens, finish)


def _cached(data: Mapping[str, Any], before: int | None) -> int | None:
    """How much of the prompt was cached: llama.cpp says so with each frame's timings, vLLM and SGLang in the usage, if
    they were started to tell (--enable-prompt-tokens-details, --enable-cache-report)."""
    usage, timings = data.get("usage"), data.get("timings")
    details = usage.get("prompt_tokens_details") if usage else None
    told = details.get("cached_tokens") if details else timings.get("cache_n") if timings else None
    return before if told is None else int(told)


def _token_ids(choice: Mapping[str, Any]) -> tuple[int, ...]:
    if ids := choice.get("token_ids"):  # vLLM
        return tuple(int(token) for token in ids)
    content = (choice.get("logprobs") or {}).get("content")  # llama.cpp
    return tuple(int(token["id"]) for token in content if "id" in token) if content else ()


_: type[TextGenerator] = CompletionsGenerator
