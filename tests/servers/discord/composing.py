"""Making a message of the bot's from what a call's body says, and changing one (docs: resources/message)."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from tests.servers.discord.calls import Call
from tests.servers.discord.cast import BOT_USER, Json
from tests.servers.discord.errors import DiscordError, invalid_form
from tests.servers.discord.files import attach
from tests.servers.discord.home import Home
from tests.servers.discord.message_rules import check
from tests.servers.discord.messages import COMPONENTS_V2, LOADING, REPLY, THREAD_CREATED, THREAD_STARTER, Message
from tests.servers.discord.permissions import Permission
from tests.servers.discord.pings import Pings, pinged

_SETTABLE = 1 << 2 | 1 << 12 | COMPONENTS_V2  # no link previews, no notification sound, components


def compose(home: Home, channel: str, call: Call, body: Json, **more: Any) -> Message:
    """A message of the bot's as the body says; not posted yet. DiscordError when it is not acceptable."""
    check(body)
    files = attach(home, channel, call, body)
    if not (body.get("content") or body.get("embeds") or body.get("components") or files):
        raise DiscordError(400, 50006, "Cannot send an empty message")
    message = Message(
        home.snowflakes.next(),
        channel,
        BOT_USER,
        content=body.get("content") or "",
        embeds=body.get("embeds") or [],
        components=body.get("components") or [],
        attachments=files,
        flags=(body.get("flags") or 0) & _SETTABLE,
        nonce=None if body.get("nonce") is None else str(body["nonce"]),
        **more,
    )
    if body.get("message_reference"):
        _refer(home, message, body["message_reference"])
    message.mentions = _called(home, message, message.shown, body, _replied(home, message))
    return message


def revise(home: Home, message: Message, call: Call, *, body: Json | None = None) -> None:
    """Change what the body names; the rest stays. What Discord showed as thinking is a message from then on."""
    body = call.body if body is None else body
    check(body, v2=bool(message.flags & COMPONENTS_V2))
    fields: Json = {name: body[name] or [] for name in ("embeds", "components") if name in body}
    if "content" in body:
        fields["content"] = body["content"] or ""
    fields["attachments"] = attach(home, message.channel, call, body, message.attachments)
    flags = body.get("flags")
    kept = message.flags & ~LOADING
    fields["flags"] = kept if flags is None else (kept & ~(1 << 2)) | (flags & _SETTABLE)
    after = {name: fields.get(name, getattr(message, name)) for name in ("content", "embeds", "components")}
    if not any(after.values()) and not fields["attachments"]:
        raise DiscordError(400, 50006, "Cannot send an empty message")
    trial = Message(message.id, message.channel, message.author, **after)
    if "content" in body or "components" in body:
        fields["mentions"] = _called(home, message, trial.shown, body, message.mentions.replied)
    home.change(message, **fields, edited_at=message.edited_at if message.flags & LOADING else time.time())


def _called(home: Home, message: Message, text: str, body: Json, replied: str | None) -> Pings:
    """Whom it calls; everybody only where the bot may."""
    found = pinged(text, body.get("allowed_mentions"), replied)
    may = Permission.MENTION_EVERYONE in home.allowed(home.channels[message.channel])
    return found if may else dataclasses.replace(found, everyone=False)


def _refer(home: Home, message: Message, reference: Json) -> None:
    target = home.channels[message.channel].messages.get(str(reference.get("message_id")))
    if target is None:
        if reference.get("fail_if_not_exists", True):
            raise invalid_form("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return
    if target.type in {THREAD_CREATED, THREAD_STARTER}:
        told = "Cannot reply to a system message"
        raise invalid_form("message_reference", "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE", told)
    message.type, message.reply_to = REPLY, target.id
    message.reference = {"type": 0, "message_id": target.id, "channel_id": message.channel}
    guild = home.channels[message.channel].guild
    if guild is not None:
        message.reference["guild_id"] = guild


def _replied(home: Home, message: Message) -> str | None:
    if message.reply_to is None:
        return None
    return home.channels[message.channel].messages[message.reply_to].author
