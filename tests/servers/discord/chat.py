"""Messages of a channel: create, edit, delete, read; typing and reactions (docs: resources/message)."""

from __future__ import annotations

import time

from tests.servers.discord.calls import Call
from tests.servers.discord.cast import BOT_USER, DM, FORUM_CHANNEL, Channel, Json
from tests.servers.discord.composing import compose, revise
from tests.servers.discord.errors import DiscordError, invalid_form, thread_is_archived
from tests.servers.discord.home import Home
from tests.servers.discord.intents import without_content
from tests.servers.discord.messages import Message
from tests.servers.discord.permissions import Permission


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


def _read(home: Home, message: Message) -> Json:
    shown = home.payload(message)
    private = home.channels[message.channel].guild is None
    return shown if home.reads_content or private else without_content(shown)
