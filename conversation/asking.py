"""What a model is asked: a dialog, code that goes on, or code with a hole. Each can be asked again for the rest of an
answer that broke off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from conversation.model import Message
from conversation.ports import Prompt
from conversation.prompts.format import PromptFormat
from conversation.prompts.infill import INFILL_STOP, Hole


class Asking(Protocol):
    """One thing that a model is asked."""

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end the answer, beside the model's own end token."""

    async def prompt(self, said: str = "", said_ids: Sequence[int] = ()) -> Prompt:
        """The prompt for going on after `said`, the raw beginning of the answer; `said_ids` as in PromptFormat.build.
        Raises PromptError, and ModelError when a server encodes and cannot."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A question in words. `lead` is what the answer begins with, whatever the model would say; `stop` ends it."""

    format: PromptFormat
    messages: tuple[Message, ...]
    lead: str = ""
    until: tuple[str, ...] = ()

    @property
    def stop(self) -> tuple[str, ...]:
        return (*self.until, *self.format.template.stop)

    async def prompt(self, said: str = "", said_ids: Sequence[int] = ()) -> Prompt:
        return await self.format.build(self.messages, said, said_ids, lead=self.lead)


@dataclass(frozen=True, slots=True)
class Continuation:
    """Code that goes on, as a model was trained before it learnt to talk: nothing stands around it."""

    format: PromptFormat
    code: str
    until: tuple[str, ...] = ()

    @property
    def stop(self) -> tuple[str, ...]:
        return self.until

    async def prompt(self, said: str = "", said_ids: Sequence[int] = ()) -> Prompt:
        return await self.format.build_completion(self.code, said, said_ids)


@dataclass(frozen=True, slots=True)
class Infilling:
    """Code with a hole."""

    format: PromptFormat
    hole: Hole

    @property
    def stop(self) -> tuple[str, ...]:
        return INFILL_STOP

    async def prompt(self, said: str = "", said_ids: Sequence[int] = ()) -> Prompt:
        return await self.format.build_infill(self.hole, said, said_ids)
