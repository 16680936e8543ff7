"""The model: does its server answer, does it read prompts as the model learnt them, and does a token come out?"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from bot.doctor.findings import Finding, failed, ok, skipped, warning
from bot.doctor.machine import package_command
from bot.doctor.model_address import INFILL, MODEL, Names, look_at, refused_key
from bot.doctor.network import CALL_SECONDS, shown
from bot.models import ConfiguredModel
from bot.settings import ModelApi, Settings
from conversation.errors import CorralError, ModelError, ModelOverloaded, UnsupportedModel
from conversation.language_model import LanguageModel
from conversation.model import Message, Role
from conversation.ports import Prompt, Sampling
from conversation.prompts import Hole, Llama2Template, canonical_difference, canonical_text
from conversation.prompts.canonical import CANONICAL_DIALOG

OPEN_SECONDS = 6.0
# From the check's begin to its token, so that a slow one is told before the whole check's time is over.
TOKEN_SECONDS = 8.0
_INSTRUCT = "a model that chats, such as codellama/CodeLlama-34b-Instruct-hf"


async def check_model(settings: Settings) -> AsyncGenerator[Finding]:
    """Findings about the model that answers. It makes one token."""
    async with aclosing(_model(settings, MODEL)) as findings:
        async for finding in findings:
            yield finding


async def check_infilling(settings: Settings) -> AsyncGenerator[Finding]:
    """Findings about INFILL_MODEL_URL's, which fills holes when the first cannot."""
    second = settings.of_infilling()
    if second is None:
        yield skipped("infill", "INFILL_MODEL_URL is not set")
        return
    async with aclosing(_model(second, INFILL)) as findings:
        async for finding in findings:
            yield finding


async def _model(settings: Settings, names: Names) -> AsyncGenerator[Finding]:
    deadline = asyncio.get_running_loop().time() + TOKEN_SECONDS
    raw: dict[str, Any] = {}
    if settings.api is not ModelApi.EMBEDDED:
        looked = await look_at(settings, names)
        if isinstance(looked, Finding):
            yield looked
            return
        raw = looked
    source = ConfiguredModel(settings, infilling=names is INFILL)
    try:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                model = await source.ready()
        except CorralError as error:
            yield _unusable(f"{names.check}.server", error, settings, names)
            return
        except TimeoutError:
            if settings.api is ModelApi.EMBEDDED:
                yield _still_loading(f"{names.check}.server", OPEN_SECONDS)
                return
            cause = "its server answers slowly, or its chat template is fetched from far away"
            told = f"not known within {OPEN_SECONDS:g} s"
            yield failed(f"{names.check}.server", told, cause, "MODEL_TOKENIZER=/folder/of/the/model, or see its log")
            return
        yield ok(f"{names.check}.server", _who(model, settings))
        for finding in (*_sizes(model, settings, names, raw), *_name(settings, names, raw)):
            yield finding
        if names is MODEL:
            yield await _template(model, settings)
        yield await _token(model, settings, names, deadline)
        if names is MODEL:
            yield _filling(model, settings)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await source.close()


def _unusable(name: str, error: CorralError, settings: Settings, names: Names) -> Finding:
    """An error of opening or asking the model, which has its reason in its text."""
    told = " ".join(str(error).split())[:400]
    if isinstance(error, UnsupportedModel):
        fills = "codellama/CodeLlama-13b-hf" if names is INFILL else _INSTRUCT
        return failed(name, "this model is of no use", told, f"serve {fills}, and name it in {names.model}")
    if settings.api is ModelApi.EMBEDDED:
        return _unloadable(name, told)
    if isinstance(error, ModelOverloaded):
        return warning(name, "the model has too much to do", told, "wait, and ask again")
    return _by_words(name, told, settings) or failed(
        name, "the model cannot be asked", told, f"see the server's log; else correct {names.url}"
    )


def _by_words(name: str, told: str, settings: Settings) -> Finding | None:
    if "set MODEL_TOKEN (" in told:
        status = re.search(r"HTTP (\d{3})", told)
        return refused_key(name, shown(settings.model_url or ""), int(status[1]) if status else 401)
    if re.search(r"HTTP (?:502|503|504)", told):
        return warning(name, "the model is starting", told, "wait; if it lasts, see the server's log")
    if window := re.search(r"(.*): set it to (\d+)", told):
        return failed(name, "the window is too small", window[1], f"MAX_NEW_TOKENS={window[2]}, or a larger window")
    if "set CONTEXT_TOKENS" in told:
        cause = told.partition(": set")[0]
        return failed(name, "the window is not known", cause, "CONTEXT_TOKENS=<the server's, such as 16384>")
    return None


def _unloadable(name: str, told: str) -> Finding:
    seen = "the embedded model cannot be loaded"
    if "libgomp" in told:
        return failed(name, seen, "llama.cpp needs the system library libgomp.so.1", package_command())
    if window := re.search(r"(.*): set it to (\d+)", told):
        return failed(name, "the window is too small", window[1], f"MAX_NEW_TOKENS={window[2]}, or CONTEXT_TOKENS=4096")
    reason, _, fix = told.rpartition(": ")
    if reason and fix.startswith("run "):
        return failed(name, seen, reason, fix)
    return failed(name, seen, told, "MODEL_ID=/path/of/a/model.gguf, or MODEL_URL=http://your-gpu:8080")


def _who(model: LanguageModel, settings: Settings) -> str:
    card = model.card
    if settings.api is ModelApi.EMBEDDED:
        return f"{card.model_id}, embedded" + (" (the demo model)" if card.is_demo else "")
    return f"{card.model_id} at {shown(settings.model_url or '')}"


def _sizes(model: LanguageModel, settings: Settings, names: Names, raw: dict[str, Any]) -> list[Finding]:
    card, name = model.card, f"{names.check}.window"
    told = f"{card.context_tokens} tokens, of which a reply has up to {settings.max_new_tokens}"
    found = [ok(name, f"{told}; {card.slots} answers at once")]
    if settings.context_tokens is not None and card.context_tokens < settings.context_tokens:
        cause = f"the server's is {card.context_tokens}, and that is used"
        fix = f"CONTEXT_TOKENS={card.context_tokens}, or a larger --max-total-tokens at the server"
        found = [warning(name, f"CONTEXT_TOKENS={settings.context_tokens} is more than there is", cause, fix)]
    most = raw.get("max_concurrent_requests")
    if isinstance(most, int) and settings.model_slots is not None and settings.model_slots > most:
        cause = f"the server takes {most} requests at once and refuses the rest"
        fix = f"MODEL_SLOTS={max(1, most - max(1, most // 8))}, or a larger --max-concurrent-requests at the server"
        found.append(warning(f"{names.check}.slots", f"MODEL_SLOTS={settings.model_slots} is too many", cause, fix))
    return found


def _name(settings: Settings, names: Names, raw: dict[str, Any]) -> list[Finding]:
    """Whether the server says that it serves another model than the settings do."""
    said, wanted = raw.get("model_id"), settings.model_id
    if not isinstance(said, str) or wanted is None or said.startswith(("/", ".")) or "/" not in said:
        return []  # a path names no model
    if said.rpartition("/")[2].lower() == wanted.rpartition("/")[2].lower():
        return []
    cause = f"{names.model} decides how prompts are written, and the server says {said}"
    return [
        warning(f"{names.check}.name", f"{names.model}={wanted} is not what is served", cause, f"{names.model}={said}")
    ]


async def _template(model: LanguageModel, settings: Settings) -> Finding:
    """Whether what the server reads is what the model learnt."""
    name, form = "model.template", model.format
    if not isinstance(form.template, Llama2Template):
        return skipped(name, f"{form.template.name} has a template of its own, whose ids are not known here")
    try:
        async with asyncio.timeout(CALL_SECONDS):
            if settings.api is ModelApi.TGI:
                ids = await _tokenized(settings)
            elif form.tokenizer is not None:
                ids = await form.tokenizer.encode(form.template.render(CANONICAL_DIALOG))
            else:
                return skipped(name, "this server does not say how it tokenizes; MODEL_TOKENIZER sends it ids")
    except (ModelError, TimeoutError) as error:
        cause = str(error)[:200] or "no answer in time"
        if "MODEL_TOKEN" in cause:
            return refused_key(name, shown(settings.model_url or ""), 401)
        fix = "let /tokenize through, or MODEL_TOKENIZER=/path/tokenizer.json"
        return warning(name, "the server does not tell how it tokenizes", cause, fix)
    if difference := canonical_difference(ids):
        fix = (
            "MODEL_ID=<the model that is served>; the server must read that model's own tokenizer.json (transformers 4)"
        )
        return failed(name, "prompts are read otherwise than the model learnt them", difference, fix)
    return ok(name, "prompts are read exactly as by Meta's code")


async def _tokenized(settings: Settings) -> list[int]:
    from inference.tgi import TgiClient

    assert settings.model_url is not None
    token = settings.model_token.get_secret_value() if settings.model_token is not None else None
    client = TgiClient(settings.model_url, token=token)
    try:
        return [token.id for token in await client.tokenize(canonical_text())]
    finally:
        await client.aclose()


async def _token(model: LanguageModel, settings: Settings, names: Names, deadline: float) -> Finding:
    """One token, by the way that answers take."""
    name = f"{names.check}.generation"
    began = time.monotonic()
    try:
        async with asyncio.timeout_at(deadline):
            prompt = await _prompt(model, names)
            async with aclosing(model.generator.stream(prompt, Sampling(1, 0.0))) as chunks:
                async for _ in chunks:
                    pass
    except TimeoutError:
        if settings.api is ModelApi.EMBEDDED:
            return _still_loading(name, TOKEN_SECONDS)
        cause = "the model is busy or hangs: its /health does not show that"
        return failed(name, f"no token within {TOKEN_SECONDS:g} s", cause, "see the server's log; start it anew")
    except CorralError as error:
        return _unusable(name, error, settings, names)
    doing = "one token of a filling" if names is INFILL else "one token"
    return ok(name, f"{doing} in {time.monotonic() - began:.1f} s")


def _still_loading(name: str, seconds: float) -> Finding:
    cause = "a large file takes minutes to load, and a busy processor reads prompts slowly"
    return warning(name, f"the embedded model is not ready within {seconds:g} s", cause, "wait; or a smaller MODEL_ID")


async def _prompt(model: LanguageModel, names: Names) -> Prompt:
    if names is INFILL:
        return await model.format.build_infill(Hole("def one():\n    return ", "\n"))
    return await model.format.build([Message(Role.USER, "Say yes.")])


def _filling(model: LanguageModel, settings: Settings) -> Finding:
    name = "model.filling"
    if settings.infill_model_url is not None:
        return ok(name, f"holes are filled by {settings.infill_model_id or 'the model at INFILL_MODEL_URL'}")
    if model.fills:
        return ok(name, f"holes are filled by {model.card.model_id}, too")
    return skipped(name, "nothing fills holes: `fill` is refused", "INFILL_MODEL_URL=<a server with CodeLlama-13b-hf>")
