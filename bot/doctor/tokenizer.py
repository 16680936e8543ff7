"""MODEL_TOKENIZER: can it be read, and does it write prompts as the model learnt them?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from bot.doctor.findings import Finding, failed, ok, skipped, warning
from bot.models import load_tokenizer
from bot.settings import Settings
from conversation.errors import ModelError, UnsupportedModel
from conversation.prompts import Llama2Template, canonical_difference, template_for
from conversation.prompts.canonical import CANONICAL_DIALOG

NAME = "tokenizer"
FETCH_SECONDS = 7.0
_CODE_LLAMA = "MODEL_TOKENIZER=codellama/CodeLlama-7b-Instruct-hf   # all sizes share it"


async def check_tokenizer(settings: Settings) -> AsyncGenerator[Finding]:
    """Loads it, and compares its ids with known ones where the model is one of Llama 2's family."""
    source = settings.model_tokenizer
    if source is None:
        yield skipped(NAME, "MODEL_TOKENIZER is not set: the model's server counts tokens")
        return
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            tokenizer = await load_tokenizer(source)
    except TimeoutError:
        cause = "a tokenizer that is named so is fetched from the Hugging Face hub, which does not answer"
        seen = f"MODEL_TOKENIZER={source} did not come within {FETCH_SECONDS:g} s"
        yield failed(NAME, seen, cause, "MODEL_TOKENIZER=/path/tokenizer.json, fetched on another machine")
        return
    except ModelError as error:
        told = str(error)
        cause = told.removeprefix(f"MODEL_TOKENIZER: {source}: ").partition(": set MODEL_TOKENIZER")[0]
        yield failed(
            NAME, f"MODEL_TOKENIZER={source} cannot be used", cause[:300], "MODEL_TOKENIZER=/path/tokenizer.json"
        )
        return
    ids = await tokenizer.encode(Llama2Template().render(CANONICAL_DIALOG))
    difference = canonical_difference(ids)
    if not difference:
        yield ok(NAME, f"{source} is Code Llama's")
    elif _is_llama2(settings.model_id):
        seen = f"{source} does not write prompts as {settings.model_id} learnt them"
        yield failed(NAME, seen, difference, _CODE_LLAMA)
    elif settings.model_id is None:
        seen = f"{source} is not Code Llama's"
        cause = "right for a model of another family only; MODEL_ID does not say which it is"
        yield warning(NAME, seen, cause, "MODEL_ID=<the model's name>, or " + _CODE_LLAMA)
    else:
        yield ok(NAME, f"{source} is read; its ids for {settings.model_id} are not known here")


def _is_llama2(model_id: str | None) -> bool:
    try:
        return model_id is not None and template_for(model_id) is not None
    except UnsupportedModel:
        return False
