"""A message as the REST API and events show it (discord.com/developers/docs/resources/message#message-object)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.discord.cast import APP, BOT_USER, Json
from tests.servers.discord.messages import EPHEMERAL, HAS_THREAD, REPLY, THREAD_STARTER, Message
from tests.servers.discord.snowflakes import iso

if TYPE_CHECKING:
    from tests.servers.discord.home import Home


def message_payload(home: Home, message: Message, *, event: bool = False, nonce: bool = False) -> Json:
    """Events name the guild and the author's membership. The nonce is shown to who just sent it, and in events.

    A message that is found later does not tell its nonce: a bot needs another mark to find it again.
    """
    shown: Json = {
        "id": message.id,
        "channel_id": message.channel,
        "author": home.users[message.author],
        "content": message.content,
        "timestamp": iso(message.created_at),
        "edited_timestamp": None if message.edited_at is None else iso(message.edited_at),
        "tts": False,
        "pinned": False,
        "type": message.type,
        "flags": _flags(home, message),
        "embeds": [{"type": "rich", **embed} for embed in message.embeds],
        "components": message.components,
        "attachments": [home.file_payload(file_id) for file_id in message.attachments],
        **_mentions(home, message),
    }
    if message.reactions:
        shown["reactions"] = [_reaction(emoji, users) for emoji, users in message.reactions.items()]
    if (event or nonce) and message.nonce is not None:
        shown["nonce"] = message.nonce
    if message.reference is not None:
        shown["message_reference"] = message.reference
    if message.type in {REPLY, THREAD_STARTER}:
        shown["referenced_message"] = _referenced(home, message)
    if message.interaction is not None:
        shown |= _interaction(home, message.interaction)
    if message.id in home.channels and message.channel != message.id:
        shown["thread"] = home.payload_of(home.channels[message.id])
    if event and home.channels[message.channel].guild is not None:
        member = home.member_payload(message.author)
        shown["member"] = {name: value for name, value in member.items() if name != "user"}
    return shown


def _flags(home: Home, message: Message) -> int:
    flags = message.flags
    if message.ephemeral_for is not None:
        flags |= EPHEMERAL
    # A forum post's thread has the id of the message that is in it; a thread in a channel, of one that is outside.
    return flags | HAS_THREAD if message.id in home.channels and message.channel != message.id else flags


def _mentions(home: Home, message: Message) -> Json:
    pings = message.mentions
    users = dict.fromkeys([*pings.users, *([pings.replied] if pings.replied else [])])
    return {
        "mention_everyone": pings.everyone,
        "mention_roles": list(pings.roles),
        "mentions": [home.users[user] for user in users if user in home.users],
    }


def _reaction(emoji: str, users: list[str]) -> Json:
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "me": BOT_USER in users,
        "me_burst": False,
        "burst_colors": [],
    }


def _referenced(home: Home, message: Message) -> Json | None:
    """What it replies to, without what that replies to in turn; None when it is gone."""
    assert message.reference is not None
    place = home.channels.get(message.reference["channel_id"])
    found = None if place is None else place.messages.get(message.reference["message_id"])
    if found is None:
        return None
    shown = message_payload(home, found)
    shown.pop("referenced_message", None)
    return shown


def _interaction(home: Home, interaction_id: str) -> Json:
    interaction = home.interactions[interaction_id]
    told: Json = {
        "id": interaction.id,
        "type": interaction.type,
        "user": home.users[interaction.user],
        "authorizing_integration_owners": {"0": interaction.guild or "0"},
    }
    if interaction.message is not None:
        told["interacted_message_id"] = interaction.message
    return {"application_id": APP, "webhook_id": APP, "interaction_metadata": told}
