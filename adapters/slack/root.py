"""The message that an answer to a slash command stands under, and what is told to a person alone."""

from __future__ import annotations

from typing import Any

from adapters.slack.api import Barred, SlackApi
from adapters.slack.blocks import blocks, escape, fallback
from adapters.slack.destination import destination_of, question_ts
from adapters.slack.limits import limit_of, posts_in
from adapters.slack.rendering import ROOT, key_in, metadata
from adapters.slack.threads import top_level
from conversation import telling
from conversation.model import Command, Job, ThreadId
from conversation.pacing import Use, take_or_raise
from conversation.telling import QUOTED_CHARACTERS, quoted

_NOT_THERE = frozenset({"not_in_channel", "channel_not_found"})


async def open_root(api: SlackApi, job: Job, *, look: bool) -> tuple[str, ThreadId]:
    """Post the message that shows what was asked; where we are not, among ourselves with the person. See
    OpensPlaces.open."""
    message = job.messages[0]
    channel, team = message.address.channel, message.address.tenant
    try:
        ts = await _root_in(api, job, team, channel, look=look)
        return ts, ThreadId("slack", team, channel, ts)
    except Barred as error:
        # What was to be seen by everybody has no use there.
        if error.code not in _NOT_THERE or message.command is Command.SHOW:
            raise
    direct = await direct_messages(api, team, destination_of(job).person)
    ts = await _root_in(api, job, team, direct, look=look)
    return f"{direct}/{ts}", ThreadId("slack", team, direct, ts)


async def tell(api: SlackApi, job: Job, text: str) -> None:
    """See TellsPrivately.tell."""
    at = destination_of(job)
    if not at.person.startswith(("U", "W")):
        return  # a bot has nobody who would read it
    asked = quoted(escape(job.messages[0].text.strip(), QUOTED_CHARACTERS))
    said = f"{escape(text, 2000)}\n{asked}".strip()

    async def say() -> None:
        await post(api, at.team, await direct_messages(api, at.team, at.person), text=said)

    await telling.tell(say)


def asked_by(job: Job) -> str:
    """Who asked, and what, in Markdown."""
    message = job.messages[0]
    asked = message.reply_to.get("asked") or message.text
    return f"{message.author_name or 'Somebody'} asked:\n{quoted(asked[:QUOTED_CHARACTERS])}"


async def _root_in(api: SlackApi, job: Job, team: str, channel: str, *, look: bool) -> str:
    if look and (ts := await _find(api, job, team, channel)) is not None:
        return ts
    said = asked_by(job)
    reply = await post(api, team, channel, blocks=blocks(said), text=fallback(said), metadata=metadata(ROOT, job.id))
    return str(reply["ts"])


async def _find(api: SlackApi, job: Job, team: str, channel: str) -> str | None:
    us = (await api.me()).user
    async for message in top_level(api, team, channel, oldest=question_ts(job)):
        if message.get("user") == us and key_in(message, ROOT) == job.id:
            return str(message["ts"])
    return None


async def direct_messages(api: SlackApi, team: str, person: str) -> str:
    """The channel of our direct messages with a person. Raises DeliveryError."""
    reply = await api.ask(team, "conversations.open", users=person)
    return str(reply["channel"]["id"])


async def post(api: SlackApi, team: str, channel: str, **shown: Any) -> Any:
    """A new message outside of threads; gives Slack's reply. Raises DeliveryError."""
    await take_or_raise(api.budget, Use(posts_in(team, channel)), Use(limit_of(team, "chat.postMessage")))
    return await api.call(team, "chat.postMessage", channel=channel, unfurl_links=False, unfurl_media=False, **shown)
