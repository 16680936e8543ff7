"""A model that is ready to be asked: who it is, how it is asked, and what answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from conversation.ports import ModelCard, TextGenerator
from conversation.prompts.format import PromptFormat


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """Everything that depends on which model it is."""

    card: ModelCard
    generator: TextGenerator
    format: PromptFormat
    server: str = "model"  # names who makes the answers: equal for two processes only when they ask the same server
    fills: bool = False  # it was trained to fill a hole in code


class ModelSource(Protocol):
    """Where the model comes from; it may be loading still."""

    async def ready(self) -> LanguageModel:
        """The model, once it can be asked. Raises ModelUnavailable when it cannot be reached now, and PromptError
        when it is one that this program cannot ask. Cheap once it succeeded."""
