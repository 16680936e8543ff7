"""`python -m bot render`: the exact prompt of a dialog or of code with a hole, on stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from bot.models import load_tokenizer
from bot.settings import Settings
from conversation.budget import fit_dialog
from conversation.errors import InvalidDialog, UnsupportedModel
from conversation.manager import MARGIN_TOKENS
from conversation.ports import Tokenizer
from conversation.prompts import (
    Hole,
    PromptFormat,
    check_dialog,
    check_infills,
    infill_prompt,
    read_dialog,
    template_for,
)

DEFAULT_MODEL = "codellama/CodeLlama-34b-Instruct-hf"
DEFAULT_INFILL_MODEL = "codellama/CodeLlama-13b-Instruct-hf"
DEFAULT_CONTEXT_TOKENS = 16_384  # what Code Llama was trained at


async def render_dialog(settings: Settings, document: bytes) -> bytes:
    """`{"messages": [{"role", "content"}]}` to `{"prompt", "token_ids", "dropped_turns"}`, both JSON.

    `prompt` is the text for TGI: neutralised, without the leading `<s>` that the server adds. `token_ids` is the ids
    form with BOS and people's text byte-exact; null without MODEL_TOKENIZER. Raises CorralError.
    """
    messages = read_dialog(_field(_object(document), "messages", list))
    check_dialog(messages)
    model_id = settings.model_id or DEFAULT_MODEL
    template = template_for(model_id)
    if template is None:
        raise UnsupportedModel(f"{model_id} has a template of its own; render knows Code Llama's and Llama 2's")
    tokenizer = await _tokenizer(settings)
    prompt_format = PromptFormat(template, tokenizer, form="text", server_adds_bos=True)
    budget = (settings.context_tokens or DEFAULT_CONTEXT_TOKENS) - settings.max_new_tokens - MARGIN_TOKENS
    fitted = await fit_dialog(messages, prompt_format, budget)
    return _json(prompt=fitted.prompt.text, token_ids=fitted.prompt.token_ids, dropped_turns=fitted.dropped_turns)


async def render_infill(settings: Settings, document: bytes) -> bytes:
    """`{"prefix", "suffix"}` to `{"prompt", "token_ids"}`, both JSON, in the order prefix, suffix, middle."""
    check_infills(settings.model_id or DEFAULT_INFILL_MODEL)
    request = _object(document)
    hole = Hole(_field(request, "prefix", str), _field(request, "suffix", str))
    prompt = await infill_prompt(hole, await _tokenizer(settings), form="text", server_adds_bos=True)
    return _json(prompt=prompt.text, token_ids=prompt.token_ids)


async def _tokenizer(settings: Settings) -> Tokenizer | None:
    return await load_tokenizer(settings.model_tokenizer) if settings.model_tokenizer else None


def _object(document: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError as exc:
        raise InvalidDialog(f"stdin is not JSON: {exc}") from None
    if not isinstance(value, dict):
        raise InvalidDialog('stdin must hold a JSON object, such as {"messages": [{"role": "user", "content": "hi"}]}')
    return value


def _field(value: dict[str, Any], name: str, kind: type) -> Any:
    found = value.get(name)
    if not isinstance(found, kind):
        raise InvalidDialog(f'"{name}" must be there and be {"text" if kind is str else "a list"}')
    if isinstance(found, list) and not all(isinstance(item, dict) for item in found):
        raise InvalidDialog(f'each of "{name}" must be an object with "role" and "content"')
    return found


def _json(*, token_ids: Sequence[int] | None, **rest: object) -> bytes:
    return orjson.dumps({**rest, "token_ids": None if token_ids is None else list(token_ids)})
