"""What people are told beside their answers: by this process, at once, and only if Discord takes it."""

from __future__ import annotations

import asyncio
import logging

import discord

from adapters.discord.channels import Place
from adapters.discord.lookups import UNREACHABLE
from conversation.background import Background
from conversation.recent import Lately

log = logging.getLogger(__name__)

PROMISE = "I cannot store your question at the moment. I answer it as soon as I can: no need to send it again."
NOT_DIRECT = "I answer in servers only, not in direct messages."
AGAIN_SECONDS = 300.0
TELL_SECONDS = 30.0


class Asides:
    """Says things to people without making anybody wait; the same in one place once in five minutes."""

    def __init__(self, client: discord.Client, background: Background) -> None:
        self._client, self._background = client, background
        self._said = Lately(AGAIN_SECONDS)

    def tell(self, place: Place, message_id: str, sentence: str) -> None:
        """Reply to this message."""
        said = f"{place.id} {sentence}"
        if said not in self._said:
            self._said.add(said)
            self._background.start(self._reply(place.id, message_id, sentence), "tell a person")

    async def _reply(self, channel: str, message_id: str, sentence: str) -> None:
        where = self._client.get_partial_messageable(int(channel))
        message = discord.MessageReference(
            message_id=int(message_id), channel_id=int(channel), fail_if_not_exists=False
        )
        try:
            async with asyncio.timeout(TELL_SECONDS):
                await where.send(
                    sentence, reference=message, allowed_mentions=discord.AllowedMentions.none(), suppress_embeds=True
                )
        except discord.HTTPException as exc:
            log.info("a person could not be told: %s", exc.code)
        except UNREACHABLE as exc:
            log.info("a person could not be told: %s", str(exc) or type(exc).__name__)
