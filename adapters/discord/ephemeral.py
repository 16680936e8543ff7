"""Messages that one person sees alone, written with their interaction's token, which lives for fifteen minutes.

A deferred command shows "thinking" until its first answer takes that place (@original); what follows are messages of
their own. Nothing here can be looked for: the first one can be written again, a later one may be there twice when its
reply was lost (docs: interactions/receiving-and-responding).
"""

from __future__ import annotations

from typing import Any

from discord import MessageFlags
from discord.http import Route

from adapters.discord.api import Call, DiscordApi
from adapters.discord.files import with_file
from adapters.discord.limits import edits_by
from adapters.discord.places import Interaction
from adapters.discord.refusals import INVALID_WEBHOOK_TOKEN, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK, Refusal
from adapters.discord.rendering import body
from conversation.model import Command, Job
from conversation.pacing import Pace, Use, take_or_raise
from conversation.ports import Attachment, Content

HOLD_SECONDS = 360.0
PAUSE_SECONDS = 1.9  # three edits and an end in 5.5 s

ORIGINAL = "@original"
_HIDDEN = MessageFlags(ephemeral=True, suppress_embeds=True).value
_EXPIRED = frozenset({INVALID_WEBHOOK_TOKEN, UNKNOWN_WEBHOOK})


def is_expired(error: Refusal) -> bool:
    """Whether Discord takes the token no more."""
    return error.code in _EXPIRED


class Ephemeral:
    """What this process writes with the tokens of interactions. `key` is the segment's."""

    def __init__(self, api: DiscordApi) -> None:
        self._api = api
        self.pace = Pace(edits_by(""), PAUSE_SECONDS)

    async def post(self, by: Interaction, job: Job, key: str, content: Content) -> str:
        """Send it; gives the message's id. Raises DeliveryError."""
        allowance = edits_by(by.token)
        uses = [Use(allowance)]
        if not content.final:
            uses.append(Use(allowance, hold=key, hold_seconds=HOLD_SECONDS))
        await take_or_raise(self._api.budget, *uses)
        fields = body(content, key)
        if is_first(job, key):
            call = _call("PATCH", by, fields, ORIGINAL)
        else:
            call = _call("POST", by, {**fields, "flags": _HIDDEN})
        message = await self._api.call(allowance, call)
        if not content.final:
            self.pace.wrote(key)
        return str(message["id"])

    async def edit(self, by: Interaction, key: str, message_id: str, content: Content) -> None:
        """Put `content` in its place. Raises DeliveryError; Refusal when the message or the token is gone."""
        allowance = edits_by(by.token)
        if content.final:
            await take_or_raise(self._api.budget, Use(allowance, hold=key))
        else:
            self.pace.check(key)
            await take_or_raise(self._api.budget, Use(allowance), Use(allowance, hold=key, hold_seconds=HOLD_SECONDS))
        await self._api.call(allowance, _call("PATCH", by, body(content, key), message_id))
        if content.final:
            self.pace.end(key)
        else:
            self.pace.wrote(key)

    async def delete(self, by: Interaction, message_id: str) -> None:
        """Take it away, if the token still can. Raises DeliveryError."""
        allowance = edits_by(by.token)
        await take_or_raise(self._api.budget, Use(allowance))
        try:
            await self._api.call(allowance, _call("DELETE", by, None, message_id))
        except Refusal as error:
            if error.code not in _EXPIRED | {UNKNOWN_MESSAGE}:
                raise

    async def attach(self, by: Interaction, key: str, attachment: Attachment) -> str:
        """Send a file; gives the message's id. Raises DeliveryError."""
        allowance = edits_by(by.token)
        await take_or_raise(self._api.budget, Use(allowance))
        file = with_file(attachment, key, ephemeral=True)
        route = _route("POST", by)
        message = await self._api.call(
            allowance,
            lambda http: http.request(route, files=file.files, form=file.multipart, params={"wait": "true"}),
        )
        return str(message["id"])


def is_first(job: Job, key: str) -> bool:
    """Whether this takes the place of "thinking". Below a button that was pressed stands no such thing."""
    first = job.messages[0]
    pressed = "pressed" in first.reply_to or first.command in {Command.CONTINUE, Command.AGAIN}
    return not pressed and key == f"{job.id}:0"


def _call(method: str, by: Interaction, fields: dict[str, Any] | None, message_id: str = "") -> Call:
    route = _route(method, by, message_id)
    return lambda http: http.request(route, json=fields, params={"wait": "true"})


def _route(method: str, by: Interaction, message_id: str = "") -> Route:
    path = "/webhooks/{webhook_id}/{webhook_token}"
    if not message_id:
        return Route(method, path, webhook_id=by.application, webhook_token=by.token)
    path = f"{path}/messages/{{message_id}}"
    return Route(method, path, webhook_id=by.application, webhook_token=by.token, message_id=message_id)
