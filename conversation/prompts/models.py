"""What a model's name says about the prompts it takes."""

from __future__ import annotations

import re

from conversation.errors import UnsupportedModel
from conversation.ports import ChatTemplate
from conversation.prompts.llama2 import Llama2Template

# Meta's own names and those of conversions of them: CodeLlama-7b-hf, CodeLlama-13b-Python-GGUF, ...
_FORMAT = r"(?:[-._:](?:hf|gguf|ggml|gptq|awq|exl2|fp16|bf16|int[48]|i?q\d\w*))*"
_COMPLETES = re.compile(rf"(?:codellama[-:](?:7|13|34|70)b(?:-(?:code|python))?|llama-?2-(?:7|13|70)b){_FORMAT}")
_INFILLS = "CodeLlama-7b-hf, CodeLlama-7b-Instruct-hf, CodeLlama-13b-hf and CodeLlama-13b-Instruct-hf"


def template_for(model_id: str) -> ChatTemplate | None:
    """The chat template of a Code Llama or Llama 2 model, by its hub id, file name or path.

    None for a name that is not known here: the model's own template is needed then. Raises UnsupportedModel for Code
    Llama 70B Instruct, whose template is another, and for base and Python models, which complete and do not chat.
    """
    name = _model_name(model_id)
    if name.startswith("codellama") and "70b" in name and "instruct" in name:
        raise UnsupportedModel(
            f"{model_id} does not use Llama 2's [INST] prompt but its own, `Source: user ... <step> Source: assistant`;"
            " use CodeLlama-34b-Instruct-hf or smaller, or give the model's own chat template"
        )
    if (name.startswith("codellama") and "instruct" in name) or re.match(r"llama-?2-.*chat", name):
        return Llama2Template()
    if _COMPLETES.fullmatch(name):
        size = re.search(r"\d+b", name)
        chat = "Llama-2-{}-chat-hf" if name.startswith("llama") else "CodeLlama-{}-Instruct-hf"
        best = size[0] if size and not (size[0] == "70b" and name.startswith("codellama")) else "34b"
        raise UnsupportedModel(f"{model_id} completes code and does not chat; use {chat.format(best)}")
    return None


def check_infills(model_id: str) -> None:
    """Raise UnsupportedModel unless the name is that of a Code Llama model that was trained to fill a hole."""
    name = _model_name(model_id)
    if not (re.search(r"code-?llama", name) and re.search(r"(?<!\d)(?:7|13)b", name) and "python" not in name):
        raise UnsupportedModel(
            f"{model_id} cannot fill a hole in code; the models that can are {_INFILLS}",
            user_notice=f"The model here cannot fill a hole in code. Those that can are {_INFILLS}.",
        )


def _model_name(model_id: str) -> str:
    """The part of an id or a path that names the model, in small letters, without its maker."""
    for part in reversed(re.split(r"[/\\]", model_id.strip())):
        # The hub's cache calls a folder models--codellama--CodeLlama-7b-hf.
        name = part.rsplit("--", 1)[-1].lower().removeprefix("meta-").replace("code-llama", "codellama")
        if re.match(r"(?:codellama|llama-?2)[-:]", name):
            return name
    return model_id.lower()
