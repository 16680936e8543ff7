"""Private answers that are shown to everybody: first a message that says who asks, then the answer, below it or in a
thread of it. The message is found again by its text, so that whoever goes on posts no second one."""

from __future__ import annotations

from dataclasses import replace

from discord import AllowedMentions, MessageFlags
from discord.http import handle_message_parameters

from adapters.discord import pages
from adapters.discord.api import DiscordApi
from adapters.discord.interactions import echo
from adapters.discord.limits import sends_in
from adapters.discord.places import question_id
from adapters.discord.reading import title
from adapters.discord.rendering import nonce
from adapters.discord.threads import Threads
from conversation.model import Action, Job, ThreadId
from conversation.ports import Content
from conversation.recent import Recent
from conversation.skills import as_said

_PUBLISHING = frozenset({Action.SHARE, Action.THREAD})


class Roots:
    """The messages that this process puts above them."""

    def __init__(self, api: DiscordApi, threads: Threads) -> None:
        self._api, self._threads = api, threads
        self._posted = Recent[str]()  # by job

    async def open(self, job: Job, *, look: bool) -> tuple[str, ThreadId]:
        """See OpensPlaces.open. Raises DeliveryError."""
        message, where = job.messages[0], job.messages[0].reply_to
        channel = where.get("thread") or where["channel"]
        asked = as_said(message.skill, message.text)
        root = await self._post(job, channel, echo(message.author_name, asked), look=look)
        address = message.address if "thread" in where else replace(message.address, thread=root)
        if where["root"] != "thread":
            return channel, address
        named = {**where, "from": root, "title": title(asked, message.author_name)}
        await self._threads.open(replace(job, messages=(replace(message, reply_to=named),)))
        return root, address

    async def _post(self, job: Job, channel: str, text: str, *, look: bool) -> str:
        root = self._posted.get(job.id) or (await self._find(job, channel, text) if look else None)
        if root is None:
            new = handle_message_parameters(
                text,
                nonce=nonce(f"{job.id}:root", 0),
                allowed_mentions=AllowedMentions.none(),
                flags=MessageFlags(suppress_embeds=True),
            )
            posted = await self._api.ask(sends_in(channel), lambda http: http.send_message(channel, params=new))
            root = str(posted["id"])
        self._posted[job.id] = root
        return root

    async def _find(self, job: Job, channel: str, text: str) -> str | None:
        us = await self._api.me()
        for one in await pages.after(self._api, channel, question_id(job)):
            if (one.get("author") or {}).get("id") == us and str(one.get("content")).strip() == text.strip():
                return str(one["id"])
        return None


def as_public(job: Job, content: Content) -> Content:
    """What a public message shows: in a channel, nobody would know in which conversation something was pressed."""
    where = job.messages[0].reply_to
    return (
        replace(content, offers=())
        if "root" in where and where["root"] != "thread" and "thread" not in where
        else content
    )


def as_private(job: Job, content: Content, *, direct: bool) -> Content:
    """What a private message shows: in direct messages there is no everybody, and in a thread no thread can be made."""
    here = frozenset({Action.THREAD}) if "thread" in job.messages[0].reply_to else frozenset()
    left_out = _PUBLISHING if direct else here
    return replace(content, offers=tuple(offer for offer in content.offers if offer.action not in left_out))
