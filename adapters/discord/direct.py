"""What a person is told in direct messages."""

from __future__ import annotations

import asyncio
import logging

from discord import AllowedMentions, MessageFlags
from discord.http import MultipartParameters, handle_message_parameters

from adapters.discord.api import DiscordApi
from adapters.discord.formatting import to_discord
from adapters.discord.limits import OPENED_DMS, sends_in
from adapters.discord.places import destination_of
from adapters.discord.rendering import MAX_CONTENT, nonce
from conversation.errors import CorralError, Paced
from conversation.model import Job
from conversation.recent import Recent

log = logging.getLogger(__name__)

QUOTED_CHARACTERS = 300
RETRY_SECONDS, TELL_SECONDS = 1.0, 30.0


class Direct:
    """Direct messages between us and people."""

    def __init__(self, api: DiscordApi) -> None:
        self._api = api
        self._channels = Recent[str]()  # by person

    async def channel(self, person: str) -> str:
        """The id of the direct messages with this person. Raises DeliveryError."""
        if person not in self._channels:
            opened = await self._api.ask(OPENED_DMS, lambda http: http.start_private_message(person))
            self._channels[person] = str(opened["id"])
        return self._channels[person]

    async def tell(self, job: Job, text: str) -> None:
        """See TellsPrivately.tell. Tried twice."""
        person = destination_of(job).person
        said = f"{text}\n{_quote(job)}".strip()[:MAX_CONTENT]
        try:
            async with asyncio.timeout(TELL_SECONDS):
                try:
                    await self._tell(job, person, said)
                except CorralError as error:
                    log.warning("a person could not be told, yet: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
                    await self._tell(job, person, said)
        except (CorralError, TimeoutError) as error:
            log.warning("a person could not be told: %r", error)

    async def _tell(self, job: Job, person: str, said: str) -> None:
        """Waits for room within the limits. The nonce keeps a second try from saying it twice."""
        told = handle_message_parameters(
            to_discord(said, MAX_CONTENT),
            nonce=nonce(f"{job.id}:told", job.revision),
            allowed_mentions=AllowedMentions.none(),
            flags=MessageFlags(suppress_embeds=True),
        )
        while True:
            try:
                await self._send(await self.channel(person), told)
            except Paced as paced:
                await asyncio.sleep(paced.retry_after_seconds or RETRY_SECONDS)
            else:
                return

    async def _send(self, channel: str, told: MultipartParameters) -> None:
        await self._api.ask(sends_in(channel), lambda http: http.send_message(channel, params=told))


def _quote(job: Job) -> str:
    asked = job.messages[0].text.strip()[:QUOTED_CHARACTERS]
    return "\n".join(f"> {line}" for line in asked.splitlines())
