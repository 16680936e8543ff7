"""Answers that one person sees alone.

Slack lets nobody look for such a message, nor change it later: so an answer is shown when it is whole, and nothing that
may have been shown is sent again. Where that is not known, its person is told, and may have it shown once more.

It goes to the interaction's response_url while Slack takes that, and else to the person's direct messages.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.slack.api import SlackApi
from adapters.slack.destination import PRIVATE, destination_of
from adapters.slack.identity import Identity
from adapters.slack.payloads import Malformed
from adapters.slack.places import address
from adapters.slack.rendering import ANSWER, metadata, notification, whole
from adapters.slack.respond import LIVES_SECONDS, respond
from adapters.slack.root import asked_by, direct_messages, post
from conversation.model import Action, Command, InboundMessage, Job, Offer, Segment, ThreadId
from conversation.notices import LABELS
from conversation.ports import Content, Written

MAY_BE_THERE = "I was interrupted when I showed you this answer, and cannot see whether you have it."

_SHOWN, _UNSEEN = "private:", "private?:"
RESPONSE_URL, _UNTIL = "response_url", "until"
# Everybody would see that a Stop button or an old answer's place does not work here.
_PUBLISHING = frozenset({Action.SHARE, Action.THREAD})


def reply_privately(me: Identity, user: str, team: str, response_url: str, opened_at: float) -> dict[str, str]:
    """What showing something to this person alone takes; `opened_at` is when Slack gave the address, seconds since
    1970."""
    until = f"{opened_at + LIVES_SECONDS:.0f}"
    return {PRIVATE: "1", "user": user, "team": team or me.team, RESPONSE_URL: response_url, _UNTIL: until}


def unseen(key: str) -> Written:
    """A message that may or may not have been shown."""
    return Written(f"{_UNSEEN}{key}", PRIVATE)


def is_private_id(message_id: str) -> bool:
    """Whether this is the id of what one person saw alone: there is no message of that id."""
    return message_id.startswith((_SHOWN, _UNSEEN))


def with_conversation(offer: Offer, asked: ThreadId) -> Offer:
    """A button that tells which conversation it is about: the place where it is shown does not."""
    return replace(offer, target=f"{offer.target} {asked.channel} {asked.thread}")


def conversation_in(me: Identity, value: str) -> tuple[str, ThreadId | None]:
    """A button's target, and the conversation, if it tells that."""
    target, *where = value.split(" ")
    if not where:
        return target, None
    if len(where) != 2:
        raise Malformed("value is no target")
    return target, address(me, *where)


class PrivateAnswers:
    """Shows them. Every method raises DeliveryError."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api

    async def post(self, job: Job, key: str, content: Content) -> Written:
        """Show it once."""
        await self._show(job, key, content)
        return Written(f"{_SHOWN}{key}", PRIVATE)

    async def edit(self, job: Job, segment: Segment, content: Content) -> None:
        """Of what may not have been shown its person is told. A new answer takes the place of the old one, whose button
        was pressed; anything else that was shown is as it is to be."""
        assert segment.message_id is not None
        if segment.message_id.startswith(_UNSEEN):
            await self._show(job, segment.key, _hint(job, content))
        elif job.messages[0].command is Command.AGAIN:
            await self._show(job, segment.key, content, replaces=segment.key == f"{job.id}:0")

    async def _show(self, job: Job, key: str, content: Content, *, replaces: bool = False) -> None:
        message = job.messages[0]
        shown = _rendered(message, content)
        if _is_open(message.reply_to):
            body = {"response_type": "ephemeral", "replace_original": replaces, **shown}
            if await respond(self._api, message.reply_to[RESPONSE_URL], body):
                return
        at = destination_of(job)
        if key == f"{job.id}:0" and content.text.strip():
            content = replace(content, text=f"{asked_by(job)}\n\n{content.text}")
        channel = await direct_messages(self._api, at.team, at.person)
        await post(self._api, at.team, channel, metadata=metadata(ANSWER, key), **_rendered(message, content))


def _is_open(reply_to: Mapping[str, str]) -> bool:
    return bool(reply_to.get(RESPONSE_URL)) and time.time() < float(reply_to.get(_UNTIL) or 0)


def _rendered(message: InboundMessage, content: Content) -> dict[str, Any]:
    offers = tuple(with_conversation(offer, message.address) for offer in content.offers)
    text = notification(content)
    return {"text": text} if content.plain else {"text": text, "blocks": whole(replace(content, offers=offers))}


def _hint(job: Job, content: Content) -> Content:
    """Instead of an answer that may be there. What has no text is a sentence, which does no harm twice."""
    if not content.text.strip():
        return content
    exchange = next((offer.target for offer in content.offers), job.id)
    offers = [Offer(Action.REVEAL, LABELS[Action.REVEAL], exchange)]
    offers += [offer for offer in content.offers if offer.action in _PUBLISHING]
    return Content("", MAY_BE_THERE, final=True, offers=tuple(offers))
