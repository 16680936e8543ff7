"""How things stand, in words: what answers here, what is set, and how busy it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from conversation import notices
from conversation.errors import ModelError, PromptError
from conversation.language_model import ModelSource
from conversation.model import Owner, Preferences, ThreadId
from conversation.ports import Gate, ModelCard, ModelSlots, PreferenceStore, TellsLeft
from conversation.preferences import described

# A model that is loading still must not keep back the rest.
MODEL_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Reporter:
    """Tells it for one service; `most_tokens` is its longest reply."""

    models: ModelSource
    slots: ModelSlots
    preferences: PreferenceStore
    most_tokens: int
    gates: Sequence[Gate] = ()

    async def report(self, address: ThreadId, person_id: str) -> str:
        """For a person in the channel of this address, one sentence a line. Opens the model, where it is not open yet.
        Raises StoreUnavailable."""
        owners = Owner.channel_of(address), Owner.person_of(address, person_id)
        channel, person = await self.preferences.get(*owners)
        waiting = await self.slots.waiting()
        try:
            async with asyncio.timeout(MODEL_SECONDS):
                model = await self.models.ready()
        except TimeoutError:
            lines = [notices.MODEL_LOADING, notices.questions_wait(waiting)]
        except (ModelError, PromptError) as error:
            lines = [error.user_notice, notices.questions_wait(waiting)]
        else:
            free = await self.slots.free(model.server, model.card.slots)
            lines = [*_about(model.card, self.most_tokens), notices.busy(waiting, free)]
        left = [await gate.left(address, person_id) for gate in self.gates if isinstance(gate, TellsLeft)]
        return "\n".join((*lines, *_set(channel, person), *filter(None, left)))


def _about(card: ModelCard, most_tokens: int) -> tuple[str, str]:
    return notices.model_is(card.model_id, is_demo=card.is_demo), notices.window(card.context_tokens, most_tokens)


def _set(channel: Preferences, person: Preferences) -> tuple[str, str]:
    return notices.set_here(described(channel)), notices.set_for_you(described(person))
