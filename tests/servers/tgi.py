"""Text Generation Inference as its clients meet it (router/src/server.rs of v3.3.7): /generate_stream, /generate,
/tokenize, /info, /health.

`python -m tests.servers.tgi --port 0 --token-delay 0.02` serves until SIGTERM and prints its address first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from tests.servers.behaviour import ModelWebServer, as_json, run_as_process
from tests.servers.toy_model import BOS, EOS, Token, encode, pieces_of

MAX_TOTAL_TOKENS = 4096
MAX_STOP_SEQUENCES = 4


class TgiServer(ModelWebServer):
    """Speaks TGI's own protocol."""

    model_id = "codellama/CodeLlama-7b-Instruct-hf"
    old_info = False  # /info as before v2
    drop_details = False
    max_input_tokens = MAX_TOTAL_TOKENS - 1024
    longest_counted = 0  # characters that /tokenize was given at once
    tokenized: list[int] | None = None  # what /tokenize gives for everything, BOS included

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/generate_stream", self._generate_stream),
            web.post("/generate", self._generate),
            web.post("/", self._generate_either),
            web.post("/tokenize", self._tokenize),
            web.get("/info", self._info),
            web.get("/health", self._health),
        ]

    async def _generate_stream(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.seen(request, body)
        if refusal := self.refusal():
            return refusal
        if wrong := self._wrong(body):
            # On a stream an error is a frame, and the status is 200.
            async def only_error() -> AsyncIterator[str]:
                yield as_json(wrong)

            return await self.serve(request, only_error, wrong)
        return await self.serve(request, lambda: self._frames(body), self.behaviour.error)

    async def _generate_either(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return await (self._generate_stream(request) if body.get("stream") else self._generate(request, as_list=True))

    async def _generate(self, request: web.Request, *, as_list: bool = False) -> web.StreamResponse:
        body = await request.json()
        self.seen(request, body)
        if refusal := self.refusal():
            return refusal
        if wrong := self._wrong(body):
            return web.json_response(wrong, status=422)
        made = [(token, reason) async for token, reason in self._made(body)]
        details = {
            "finish_reason": made[-1][1],
            "generated_tokens": len(made),
            "seed": None,
            "prefill": [],
            "tokens": [_token(token) for token, _ in made],
        }
        text = "".join(token.text for token, _ in made if not token.special)
        answer = {"generated_text": text, "details": details}
        return web.json_response([answer] if as_list else answer)  # a list at `/` (compat_generate)

    async def _frames(self, body: dict[str, Any]) -> AsyncIterator[str]:
        text = ""
        number = 0
        async for token, reason in self._made(body):
            number += 1
            text += "" if token.special else token.text
            frame: dict[str, Any] = {"index": number, "token": _token(token), "generated_text": None, "details": None}
            if reason is not None:
                if self.behaviour.omit_final:
                    return
                frame["generated_text"] = text
                if body["parameters"].get("details") and not self.drop_details:
                    frame["details"] = {
                        "finish_reason": reason,
                        "generated_tokens": number,
                        "seed": None,
                        "input_length": len(encode(body["inputs"], parse_special=True)) + 1,
                    }
            yield as_json(frame)

    async def _made(self, body: dict[str, Any]) -> AsyncIterator[tuple[Token, str | None]]:
        parameters = body["parameters"]
        limit = parameters.get("max_new_tokens") or MAX_TOTAL_TOKENS
        text = ""
        async for token, is_last in self.tokens(body["inputs"], limit):
            text += token.text
            if token.id == EOS:
                yield token, "eos_token"
                return
            if any(text.endswith(stop) for stop in parameters.get("stop", ())):
                yield token, "stop_sequence"
                return
            yield token, "length" if is_last else None

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.longest_counted = max(self.longest_counted, len(body["inputs"]))
        if refusal := self.refusal():
            return refusal
        if self.tokenized is not None:
            return web.json_response([{"id": number, "text": "", "start": 0, "stop": 0} for number in self.tokenized])
        tokens: list[dict[str, Any]] = [{"id": BOS, "text": "<s>", "start": 0, "stop": 0}]
        at = 0
        for token in pieces_of(body["inputs"]):
            # A byte within a character stands for that character, as the tokenizers library says it.
            width = len(token.text) or 1
            tokens.append({"id": token.id, "text": token.text, "start": at, "stop": at + width})
            at += len(token.text)
        return web.json_response(tokens)

    async def _info(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "model_id": self.model_id,
                "model_sha": None,
                "max_concurrent_requests": 64,
                "max_stop_sequences": MAX_STOP_SEQUENCES,
                "max_input_length" if self.old_info else "max_input_tokens": self.max_input_tokens,
                "max_total_tokens": MAX_TOTAL_TOKENS,
                "version": "3.3.6-dev0",
            }
        )

    async def _health(self, request: web.Request) -> web.StreamResponse:
        return self.refusal() or web.Response()

    def _wrong(self, body: dict[str, Any]) -> dict[str, Any] | None:
        """TGI's own checks (router/src/validation.rs), as far as a client can meet them."""
        parameters = body.get("parameters") or {}
        temperature, top_p = parameters.get("temperature"), parameters.get("top_p")
        length = len(encode(body.get("inputs", ""), parse_special=True)) + 1
        checks = {
            "`inputs` cannot be empty": not body.get("inputs"),
            "`temperature` must be strictly positive": temperature is not None and temperature <= 0,
            "`top_p` must be > 0.0 and < 1.0": top_p is not None and not 0 < top_p < 1,
            f"`stop` supports up to {MAX_STOP_SEQUENCES} stop sequences": len(parameters.get("stop", ()))
            > MAX_STOP_SEQUENCES,
            "`inputs` tokens + `max_new_tokens` is too large": length + (parameters.get("max_new_tokens") or 1)
            > MAX_TOTAL_TOKENS,
            f"`inputs` must have less than {self.max_input_tokens} tokens": length > self.max_input_tokens,
        }
        found = next((message for message, is_wrong in checks.items() if is_wrong), None)
        return {"error": f"Input validation error: {found}", "error_type": "validation"} if found else None


def _token(token: Token) -> dict[str, Any]:
    return {"id": token.id, "text": token.text, "logprob": -0.5, "special": token.special}


if __name__ == "__main__":
    run_as_process(lambda behaviour, answer_tokens: TgiServer(behaviour, answer_tokens=answer_tokens))
