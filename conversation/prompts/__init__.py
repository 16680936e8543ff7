"""Prompts, byte for byte as the models were trained on them."""

from __future__ import annotations

from conversation.prompts.canonical import canonical_difference, canonical_text
from conversation.prompts.dialog import check_dialog, read_dialog
from conversation.prompts.format import PromptFormat
from conversation.prompts.infill import INFILL_STOP, Hole, infill_prompt, split_hole
from conversation.prompts.llama2 import LLAMA2_CONTROL_WORDS, Llama2Template
from conversation.prompts.models import check_infills, template_for
from conversation.prompts.neutralise import neutralise

__all__ = [
    "INFILL_STOP",
    "LLAMA2_CONTROL_WORDS",
    "Hole",
    "Llama2Template",
    "PromptFormat",
    "canonical_difference",
    "canonical_text",
    "check_dialog",
    "check_infills",
    "infill_prompt",
    "neutralise",
    "read_dialog",
    "split_hole",
    "template_for",
]
