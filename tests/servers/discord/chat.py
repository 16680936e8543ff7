"""Messages of a channel: create, edit, delete, read; typing and reactions (docs: resources/message)."""

from __future__ import annotations

import time
from typing import Any

from tests.servers.discord.calls import Call
from tests.servers.discord.cast import BOT_USER, DM, FORUM_CHANNEL, Channel, Json
from tests.servers.discord.errors import DiscordError, invalid_form, thread_is_archived
from tests.servers.discord.files import attach
from tests.servers.discord.home import Home
from tests.servers.discord.intents import without_content
from tests.servers.discord.message_rules import check
from tests.servers.discord.messages import COMPONENTS_V2, LOADING, REPLY, THREAD_CREATED, THREAD_STARTER, Message
from tests.servers.discord.permissions import Permission
from tests.servers.discord.pings import pinged

_SETTABLE = 1 << 2 | 1 << 12 | COMPONENTS_V2  # no link previews, no notification sound, components


async def create(home: Home, call: Call) -> Json:
    channel = home.channel(call.channel)
    _writable(home, channel, call)
    again = _same_nonce(home, call.body)
    if again is not None:
        return home.payload(again, nonce=True)
    message = compose(home, channel.id, call, call.body)
    home.post(message)
    return home.payload(message, nonce=True)


async def edit(home: Home, call: Call) -> Json:
    channel = home.channel(call.channel)
    message = home.message(channel, call.params["message_id"])
    if message.author != BOT_USER:
        raise DiscordError(403, 50005, "Cannot edit a message authored by another user")
    if channel.archived:
        raise thread_is_archived()
    revise(home, message, call)
    return home.payload(message)


async def delete(home: Home, call: Call) -> None:
    channel = home.channel(call.channel)
    message = home.message(channel, call.params["message_id"])
    if message.author != BOT_USER:
        if channel.type == DM:
            raise DiscordError(403, 50003, "Cannot execute action on a DM channel")
        home.need(channel, Permission.MANAGE_MESSAGES)
    home.remove(message)


async def get(home: Home, call: Call) -> Json:
    channel = home.channel(call.channel)
    home.need(channel, Permission.READ_MESSAGE_HISTORY)
    return _read(home, home.message(channel, call.params["message_id"]))


async def read(home: Home, call: Call) -> list[Json]:
    """Newest first; of `before`, `after` and `around` one counts. A bot that may not read history sees none of it."""
    channel = home.channel(call.channel)
    limit = int(call.query.get("limit", 50))
    if not 1 <= limit <= 100:
        raise invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    if Permission.READ_MESSAGE_HISTORY not in home.allowed(channel):
        return []
    found = sorted(channel.messages.values(), key=lambda message: int(message.id))
    if "before" in call.query:
        found = [one for one in found if int(one.id) < int(call.query["before"])][-limit:]
    elif "after" in call.query:
        found = [one for one in found if int(one.id) > int(call.query["after"])][:limit]
    elif "around" in call.query:
        place = sum(int(one.id) < int(call.query["around"]) for one in found)
        found = found[max(0, place - limit // 2) :][:limit]
    else:
        found = found[-limit:]
    return [_read(home, one) for one in reversed(found)]


async def type_(home: Home, call: Call) -> None:
    channel = home.channel(call.channel)
    home.need(channel, Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES)


async def react(home: Home, call: Call) -> None:
    channel = home.channel(call.channel)
    message = home.message(channel, call.params["message_id"])
    home.need(channel, Permission.ADD_REACTIONS)
    if channel.archived:
        raise thread_is_archived()
    set_reaction(home, message, call.params["emoji"], BOT_USER, there=True)


async def unreact(home: Home, call: Call) -> None:
    message = home.message(home.channel(call.channel), call.params["message_id"])
    set_reaction(home, message, call.params["emoji"], BOT_USER, there=False)


def set_reaction(home: Home, message: Message, emoji: str, user: str, *, there: bool) -> None:
    """Add or take away a reaction, and say so if that changed anything."""
    users = message.reactions.setdefault(emoji, [])
    if (user in users) == there:
        return
    (users.append if there else users.remove)(user)
    if not users:
        del message.reactions[emoji]
    told: Json = {"user_id": user, "channel_id": message.channel, "message_id": message.id, "burst": False, "type": 0}
    told |= {"emoji": {"id": None, "name": emoji}, "message_author_id": message.author}
    event = "MESSAGE_REACTION_ADD" if there else "MESSAGE_REACTION_REMOVE"
    home.tell(event, told, home.channels[message.channel])


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
    message.mentions = pinged(message.shown, body.get("allowed_mentions"), _replied(home, message))
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
        fields["mentions"] = pinged(trial.shown, body.get("allowed_mentions"), message.mentions.replied)
    home.change(message, **fields, edited_at=message.edited_at if message.flags & LOADING else time.time())


def _writable(home: Home, channel: Channel, call: Call) -> None:
    home.need(channel, Permission.SEND_MESSAGES_IN_THREADS if channel.is_thread else Permission.SEND_MESSAGES)
    if channel.type == FORUM_CHANNEL:
        raise DiscordError(400, 50008, "Cannot send messages in a non-text channel")
    if channel.recipient in home.unreachable:
        raise DiscordError(403, 50007, "Cannot send messages to this user")
    if channel.archived and channel.locked and Permission.MANAGE_THREADS not in home.allowed(channel):
        raise thread_is_archived()
    if call.files:
        home.need(channel, Permission.ATTACH_FILES)
    if call.body.get("embeds"):
        home.need(channel, Permission.EMBED_LINKS)
    if call.body.get("message_reference") and Permission.READ_MESSAGE_HISTORY not in home.allowed(channel):
        raise DiscordError(403, 160002, "Cannot reply without permission to read message history")


def _same_nonce(home: Home, body: Json) -> Message | None:
    if not body.get("enforce_nonce") or body.get("nonce") is None:
        return None
    found = home.nonces.get(str(body["nonce"]))
    return found if found is not None and time.time() - found.created_at < home.nonce_seconds else None


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


def _read(home: Home, message: Message) -> Json:
    shown = home.payload(message)
    private = home.channels[message.channel].guild is None
    return shown if home.reads_content or private else without_content(shown)
