"""What a person is told in direct messages."""

from __future__ import annotations

from typing import Any

from discord import AllowedMentions, MessageFlags
from discord.http import MultipartParameters, handle_message_parameters

from adapters.discord.api import DiscordApi
from adapters.discord.formatting import to_discord
from adapters.discord.limits import OPENED_DMS, sends_in
from adapters.discord.places import destination_of
from adapters.discord.rendering import MAX_CONTENT, nonce
from conversation import telling
from conversation.model import Job
from conversation.recent import Recent
from conversation.telling import QUOTED_CHARACTERS, quoted


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
        """See TellsPrivately.tell."""
        person = destination_of(job).person
        asked = quoted(job.messages[0].text.strip()[:QUOTED_CHARACTERS])
        # The nonce keeps a second try from saying it twice.
        told = remark(f"{text}\n{asked}".strip(), f"{job.id}:told {job.revision}")

        async def say() -> None:
            channel = await self.channel(person)
            await self._api.ask(sends_in(channel), lambda http: http.send_message(channel, params=told))

        await telling.tell(say)


def remark(text: str, name: str, **more: Any) -> MultipartParameters:
    """A message of ours that is no answer, for `send_message`. Under the same name it is sent once, for some minutes;
    `more` are other fields."""
    return handle_message_parameters(
        to_discord(text[:MAX_CONTENT], MAX_CONTENT),
        nonce=nonce(name, 0),
        allowed_mentions=AllowedMentions.none(),
        flags=MessageFlags(suppress_embeds=True),
        **more,
    )
