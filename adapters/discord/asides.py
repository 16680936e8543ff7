"""What people are told beside their answers: by this process, at once, and only if Discord takes it."""

from __future__ import annotations

import logging

from adapters.discord.api import DiscordApi
from adapters.discord.channels import Place
from adapters.discord.direct import remark
from adapters.discord.limits import EVERYWHERE, sends_in
from conversation import telling
from conversation.background import Background
from conversation.errors import StoreUnavailable
from conversation.pacing import Use, take_or_raise
from conversation.recent import Lately

log = logging.getLogger(__name__)

PROMISE = "I cannot store your question at the moment. I answer it as soon as I can: no need to send it again."
AGAIN_SECONDS = 300.0
# Somebody who may not ask is told so before everybody: not with each message.
REFUSED_SECONDS = 24 * 3600.0


class Asides:
    """Says things to people without making anybody wait; the same in one place once in five minutes."""

    def __init__(self, api: DiscordApi, background: Background) -> None:
        self._api, self._background = api, background
        self._said = Lately(AGAIN_SECONDS)
        self._refused = Lately(REFUSED_SECONDS)

    def tell(self, place: Place, message_id: str, sentence: str) -> None:
        """Reply to this message."""
        said = f"{place.id} {sentence}"
        if said not in self._said:
            self._said.add(said)
            self._background.start(self._reply(place.id, message_id, sentence), "tell a person")

    def refuse(self, place: Place, message_id: str, person: str, sentence: str) -> None:
        """The same to somebody who may not ask; once a day in a channel, its threads included."""
        name = f"{place.parent or place.id} {person}"
        if name not in self._refused:
            self._refused.add(name)
            self.tell(place, message_id, sentence)

    async def _reply(self, channel: str, message_id: str, sentence: str) -> None:
        reference = {"message_id": message_id, "channel_id": channel, "fail_if_not_exists": False}
        told = remark(sentence, f"{message_id} {sentence}", message_reference=reference)

        async def say() -> None:
            try:
                await take_or_raise(self._api.budget, Use(EVERYWHERE), Use(sends_in(channel)))
            except StoreUnavailable:
                log.debug("nobody counts calls while the store is away, and just that is to be told")
            await self._api.call(sends_in(channel), lambda http: http.send_message(channel, params=told))

        await telling.tell(say)
