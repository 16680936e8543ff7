"""How things stand, in words: what answers here, what is set, and how busy it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from conversation import notices
from conversation.errors import ModelError, PromptError
from conversation.language_model import LanguageModel, ModelSource
from conversation.model import Job, Owner, Preferences
from conversation.ports import ModelSlots, PreferenceStore
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

    async def report(self, job: Job) -> str:
        """For the person and the channel of this job, one sentence a line. Raises StoreUnavailable."""
        first = job.messages[0]
        owners = Owner.channel_of(first.address), Owner.person_of(first.address, first.author_id)
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
            lines = [*self._about(model), notices.busy(waiting, free, model.card.slots)]
        return "\n".join((*lines, *_set(channel, person)))

    def _about(self, model: LanguageModel) -> tuple[str, str]:
        card = model.card
        return notices.model_is(card.model_id, is_demo=card.is_demo), notices.window(
            card.context_tokens, self.most_tokens
        )


def _set(channel: Preferences, person: Preferences) -> tuple[str, str]:
    return notices.set_here(described(channel)), notices.set_for_you(described(person))
