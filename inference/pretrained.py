"""The chat template that a model was published with."""

from __future__ import annotations

import asyncio
from pathlib import Path

from conversation.errors import ModelUnavailable, UnsupportedModel
from inference.templates import JinjaTemplate


async def load_template(source: str, name: str) -> JinjaTemplate:
    """From a model's folder, its tokenizer.json, or its name on the Hugging Face hub, with the model's whole list of
    special tokens. Raises ModelUnavailable when it cannot be read, UnsupportedModel when there is no template."""
    template = await asyncio.to_thread(_load, source, name)
    await template.warm()
    return template


def _load(source: str, name: str) -> JinjaTemplate:
    from transformers import AutoTokenizer  # noqa: PLC0415 - a second or two, for models other than Llama 2 only

    path = Path(source).expanduser()
    folder = str(path.parent if path.is_file() else path if path.is_dir() else source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as exc:
        raise ModelUnavailable(
            f"cannot read the chat template of {name} from {source}: {exc}. Set MODEL_TOKENIZER to a folder with the "
            "model's tokenizer.json and tokenizer_config.json, or to its name on the hub."
        ) from exc
    if not tokenizer.chat_template:
        raise UnsupportedModel(f"{name} has no chat template: take an Instruct model")
    special = [token.content for token in tokenizer.added_tokens_decoder.values()]
    return JinjaTemplate(
        str(tokenizer.chat_template), special, str(tokenizer.bos_token or ""), str(tokenizer.eos_token or ""), name
    )
