"""The golden prompts in tests/data/prompts, made with Meta's reference code and a rebuilt tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from conversation.model import Message
from conversation.prompts import Hole, read_dialog

_FOLDER = Path(__file__).parents[1] / "data" / "prompts"


def _load(name: str) -> Any:
    return json.loads((_FOLDER / name).read_text())


CHATS: list[dict[str, Any]] = _load("llama2_chat_public.json")["cases"]
INFILLS: list[dict[str, Any]] = _load("infill_public.json")["cases"]
REFUSED: list[dict[str, Any]] = _load("llama2_chat_errors.json")

# Their people write control words: 061, 062 and 064 words that no text can say, the others words that text can forge.
WITH_CONTROL_WORDS = {"chat-061", "chat-062", "chat-064", "chat-066", "chat-067", "chat-068"}
PLAIN_CHATS = [case for case in CHATS if case["id"][:8] not in WITH_CONTROL_WORDS]
UNSAFE_CHATS = [case for case in CHATS if case["id"][:8] in WITH_CONTROL_WORDS]


def name(case: dict[str, Any]) -> str:
    """A test's name."""
    return str(case["id"])


def dialog(case: dict[str, Any]) -> tuple[Message, ...]:
    return read_dialog(case["messages"])


def hole(case: dict[str, Any]) -> Hole:
    return Hole(case["prefix"], case["suffix"])
