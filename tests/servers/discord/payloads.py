"""Guilds, members, channels and files as the REST API and events show them (docs: resources/guild, /channel)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from tests.servers.discord.cast import (
    BOT_ROLE,
    BOT_USER,
    DM,
    FORUM_CHANNEL,
    GUILD,
    HELPERS,
    PEOPLE,
    PYTHON_TAG,
    SOLVED_TAG,
    Channel,
    File,
    Json,
)
from tests.servers.discord.permissions import EVERYBODY, NOTHING, Permission
from tests.servers.discord.snowflakes import iso

_JOINED = iso(1_760_000_000)


def guild_payload(guild: str) -> Json:
    """A guild without its channels and members."""
    return {
        "id": guild,
        "name": "Corral's tests" if guild == GUILD else "Elsewhere",
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "owner_id": PEOPLE[-1],
        "region": "deprecated",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": _roles(guild),
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "nsfw_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "safety_alerts_channel_id": None,
        "max_members": 500_000,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_progress_bar_enabled": False,
        "preferred_locale": "en-US",
        "incidents_data": None,
    }


def member_payload(user: Json, roles: Iterable[str] = ()) -> Json:
    """A member with their user; every member is in both guilds."""
    return {
        "user": user,
        "nick": None,
        "avatar": None,
        "banner": None,
        "roles": [BOT_ROLE] if user["id"] == BOT_USER else list(roles),
        "joined_at": _JOINED,
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }


def channel_payload(channel: Channel, users: dict[str, Json], channels: Iterable[Channel] = ()) -> Json:
    """A channel or thread of any kind. `channels` gives its place among the others."""
    last = next(reversed(channel.messages), None)
    shown: Json = {"id": channel.id, "type": channel.type, "last_message_id": last, "flags": 0}
    if channel.type == DM:
        assert channel.recipient is not None
        return shown | {"recipients": [users[channel.recipient]]}
    shown |= {"guild_id": channel.guild, "name": channel.name, "parent_id": channel.parent, "rate_limit_per_user": 0}
    if channel.is_thread:
        return shown | _thread(channel)
    position = next((place for place, one in enumerate(channels) if one.id == channel.id), 0)
    shown |= {"position": position, "nsfw": False, "topic": None, "permission_overwrites": _overwrites(channel)}
    if channel.type == FORUM_CHANNEL:
        tags = {PYTHON_TAG: "python", SOLVED_TAG: "solved"}
        shown |= {
            "available_tags": [
                {"id": tag, "name": name, "moderated": False, "emoji_id": None, "emoji_name": None}
                for tag, name in tags.items()
            ],
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
            "default_auto_archive_duration": 1440,
        }
    return shown


def thread_member_payload(channel: Channel, user: str) -> Json:
    assert channel.thread is not None
    return {"id": channel.id, "user_id": user, "join_timestamp": iso(channel.thread.created_at), "flags": 0}


def file_payload(file: File, base_url: str) -> Json:
    """A file; its address is signed and needs no token, but it works for a day only."""
    until = f"{int(file.until):x}"
    address = f"{base_url}/cdn/attachments/{file.channel}/{file.id}/{quote(file.name)}?ex={until}&is=0&hm=0"
    shown: Json = {
        "id": file.id,
        "filename": file.name,
        "size": len(file.data),
        "url": address,
        "proxy_url": address,
        "content_type": file.content_type,
    }
    return shown if file.description is None else shown | {"description": file.description}


def _roles(guild: str) -> list[Json]:
    return [
        _role(guild, "@everyone", 0, EVERYBODY),
        _role(HELPERS, "helpers", 1, NOTHING, mentionable=True),
        _role(BOT_ROLE, "corral", 2, NOTHING, tags={"bot_id": BOT_USER}, managed=True),
    ]


def _role(role: str, name: str, position: int, permissions: Permission, **more: object) -> Json:
    return {
        "id": role,
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": str(int(permissions)),
        "managed": False,
        "mentionable": False,
        "flags": 0,
        **more,
    }


def _overwrites(channel: Channel) -> list[Json]:
    own = NOTHING if channel.denied or not channel.private else Permission.VIEW_CHANNEL
    found = [{"id": BOT_USER, "type": 1, "allow": str(int(own)), "deny": str(int(channel.denied))}]
    if channel.private:
        view = str(int(Permission.VIEW_CHANNEL))
        found.append({"id": channel.guild, "type": 0, "allow": "0", "deny": view})
    return found


def _thread(channel: Channel) -> Json:
    thread = channel.thread
    assert thread is not None
    shown: Json = {
        "owner_id": thread.owner,
        "member_count": min(len(thread.members), 50),
        "message_count": thread.message_count,
        "total_message_sent": thread.message_count,
        "applied_tags": thread.tags,
        "thread_metadata": {
            "archived": thread.archived,
            "archive_timestamp": iso(thread.archived_at),
            "auto_archive_duration": thread.archive_minutes,
            "locked": thread.locked,
            "create_timestamp": iso(thread.created_at),
        },
    }
    if BOT_USER in thread.members:
        shown["member"] = thread_member_payload(channel, BOT_USER)
    return shown
