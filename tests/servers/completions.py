"""`/v1/completions` as llama.cpp, vLLM and SGLang serve it, with ids or text; each with its own way of giving ids.

`python -m tests.servers.completions --port 0 --token-delay 0.02` serves until SIGTERM and prints its address first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.servers.behaviour import ModelWebServer, as_json, run_as_process
from tests.servers.toy_model import EOS, Token, decode, encode

CONTEXT_TOKENS = 4096
MODEL = "toy"


class CompletionsServer(ModelWebServer):
    """Speaks OpenAI's legacy completions; `owner` says whose variant."""

    owner = "vllm"
    context_tokens: int | None = CONTEXT_TOKENS  # what /v1/models says
    tokenized: list[int] | None = None  # what /tokenize gives for everything

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tokenize_requests: list[dict[str, Any]] = []
        self.tokenizing_peak = 0
        self._tokenizing = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/completions", self._completions),
            web.get("/v1/models", self._models),
            web.post("/tokenize", self._tokenize),
            web.get("/health", self._health),
        ]

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen(request, body)
        if refusal := self.refusal():
            return refusal
        if self.owner == "vllm" and body.get("model") != MODEL:
            message = f"The model `{body.get('model')}` does not exist."
            return web.json_response({"error": {"message": message, "type": "NotFoundError", "code": 404}}, status=404)
        prompt = body["prompt"]
        ids = encode(prompt, parse_special=True) if isinstance(prompt, str) else prompt
        if len(ids) >= CONTEXT_TOKENS:
            message = f"maximum context length is {CONTEXT_TOKENS} tokens"
            return web.json_response({"error": {"message": message, "type": "BadRequestError"}}, status=400)
        # Within a stream vLLM, SGLang and llama.cpp nest what went wrong.
        error = {"error": {"message": self.behaviour.error["error"], "type": "internal_error", "code": 500}}
        return await self.serve(request, lambda: self._frames(body, ids), error)

    async def _frames(self, body: dict[str, Any], ids: list[int]) -> AsyncIterator[str]:
        made = 0
        reason = "length"
        text = ""
        async for token, _ in self.tokens(decode(ids), body.get("max_tokens", 16)):
            if token.id == EOS:
                reason = "stop"
                break
            if token.special:
                continue  # skip_special_tokens is these servers' default
            made += 1
            text += token.text
            if self.owner == "llamacpp" and not token.text:
                continue  # no frame for a token that ends within a character
            yield as_json(self._frame(body, token, made))
            if any(text.endswith(stop) for stop in body.get("stop", ())):
                reason = "stop"
                break
        if self.behaviour.omit_final:
            return
        usage = {
            "prompt_tokens": len(ids),
            "completion_tokens": made,
            "total_tokens": len(ids) + made,
            "prompt_tokens_details": {"cached_tokens": len(ids) // 2},
        }
        final: dict[str, Any] = {"choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": reason}]}
        if self.owner == "llamacpp":
            yield as_json(final | {"usage": usage, "timings": {"predicted_n": made}})
        else:
            yield as_json(final)
            yield as_json({"choices": [], "usage": usage})
        yield "[DONE]"

    def _frame(self, body: dict[str, Any], token: Token, made: int) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "text": token.text, "logprobs": None, "finish_reason": None}
        frame: dict[str, Any] = {"id": "cmpl-1", "object": "text_completion", "model": MODEL, "choices": [choice]}
        if self.owner == "vllm" and body.get("return_token_ids"):
            choice["token_ids"] = [token.id]
        if self.owner == "llamacpp":
            if body.get("logprobs"):
                choice["logprobs"] = {"content": [{"id": token.id, "token": token.text, "logprob": -0.5}]}
            if body.get("timings_per_token"):
                frame["timings"] = {"predicted_n": made}
        return frame

    async def _models(self, request: web.Request) -> web.StreamResponse:
        entry: dict[str, Any] = {"id": MODEL, "object": "model", "owned_by": self.owner}
        if self.owner == "llamacpp":
            entry["meta"] = {"n_ctx": CONTEXT_TOKENS, "n_ctx_train": 2 * CONTEXT_TOKENS}
        else:
            entry["max_model_len"] = self.context_tokens
        return web.json_response({"object": "list", "data": [entry]})

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.tokenize_requests.append(body)
        if refusal := self.refusal():
            return refusal
        self._tokenizing += 1
        self.tokenizing_peak = max(self.tokenizing_peak, self._tokenizing)
        try:
            await asyncio.sleep(self.behaviour.first_token_delay)
        finally:
            self._tokenizing -= 1
        if self.tokenized is not None:
            return web.json_response({"tokens": self.tokenized})
        if "content" in body:
            return web.json_response({"tokens": encode(body["content"], parse_special=body["parse_special"])})
        ids = encode(body["prompt"], parse_special=True)
        return web.json_response({"count": len(ids), "max_model_len": CONTEXT_TOKENS, "tokens": ids})

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return self.refusal() or web.Response()


class LlamaCppServer(CompletionsServer):
    """llama.cpp's variant."""

    owner = "llamacpp"


if __name__ == "__main__":
    run_as_process(lambda behaviour, answer_tokens: CompletionsServer(behaviour, answer_tokens=answer_tokens))
