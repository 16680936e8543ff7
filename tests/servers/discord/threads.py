"""Threads: from a message, without one, as a forum post; their members, their archive (docs: resources/channel)."""

from __future__ import annotations

from tests.servers.discord.calls import Call
from tests.servers.discord.cast import (
    BOT_USER,
    DM,
    FORUM_CHANNEL,
    PRIVATE_THREAD,
    PUBLIC_THREAD,
    THREADS,
    Channel,
    Id,
    Json,
    Thread,
)
from tests.servers.discord.composing import compose
from tests.servers.discord.errors import DiscordError, invalid_form, missing_permissions, thread_is_archived
from tests.servers.discord.home import Home
from tests.servers.discord.messages import THREAD_CREATED, THREAD_STARTER, Message
from tests.servers.discord.payloads import thread_member_payload
from tests.servers.discord.permissions import Permission

_DURATIONS = {60, 1440, 4320, 10080}


async def start_from_message(home: Home, call: Call) -> Json:
    parent = _parent(home, call, Permission.CREATE_PUBLIC_THREADS)
    message = home.message(parent, call.params["message_id"])
    if message.id in home.channels:
        raise DiscordError(400, 160004, "A thread has already been created for this message")
    return home.payload_of(open_thread(home, parent, _name(call), BOT_USER, source=message, minutes=_minutes(call)))


async def start(home: Home, call: Call) -> Json:
    """Without a message: private unless `type` says otherwise; in a forum it takes its first message with it."""
    parent = home.channel(call.channel)
    if parent.type == FORUM_CHANNEL:
        return await _start_post(home, call, parent)
    private = call.body.get("type", PRIVATE_THREAD) == PRIVATE_THREAD
    _parent(home, call, Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS)
    made = open_thread(home, parent, _name(call), BOT_USER, private=private, minutes=_minutes(call))
    return home.payload_of(made)


async def _start_post(home: Home, call: Call, parent: Channel) -> Json:
    home.need(parent, Permission.SEND_MESSAGES)
    body = call.body.get("message")
    if not isinstance(body, dict):
        raise invalid_form("message", "BASE_TYPE_REQUIRED", "This field is required")
    message = compose(home, parent.id, call, body)
    tags = [str(tag) for tag in call.body.get("applied_tags") or []]
    made = open_thread(home, parent, _name(call), BOT_USER, thread_id=message.id, tags=tags, minutes=_minutes(call))
    message.channel = made.id
    home.post(message)
    return home.payload_of(made) | {"message": home.payload(message)}


async def change(home: Home, call: Call) -> Json:
    """PATCH of a thread. Of an archived one only the archive's own fields can be changed."""
    channel = home.channel(call.channel)
    if channel.thread is None:
        raise missing_permissions()
    body = call.body
    manages = Permission.MANAGE_THREADS in home.allowed(channel)
    if channel.archived and not {"archived", "locked"} & set(body):
        raise thread_is_archived()
    if channel.locked and not manages:
        raise thread_is_archived() if channel.archived else missing_permissions()
    # Anybody who may write in it may bring it back; the rest is for its owner, and locking for moderators.
    if "locked" in body and not manages:
        raise missing_permissions()
    if not manages and channel.thread.owner != BOT_USER and set(body) != {"archived"}:
        raise missing_permissions()
    fields: Json = {name: bool(body[name]) for name in ("archived", "locked") if name in body}
    if "name" in body:
        channel.name = _name(call)
    if "auto_archive_duration" in body:
        fields["archive_minutes"] = _minutes(call)
    if "applied_tags" in body:
        fields["tags"] = [str(tag) for tag in body["applied_tags"]]
    home.change_thread(channel, **fields)
    return home.payload_of(channel)


async def join(home: Home, call: Call) -> None:
    """PUT of the bot, or of a person, into a thread; again is no error."""
    _set_member(home, home.channel(call.channel), call.params.get("user_id", BOT_USER), there=True)


async def leave(home: Home, call: Call) -> None:
    _set_member(home, home.channel(call.channel), call.params.get("user_id", BOT_USER), there=False)


async def members(home: Home, call: Call) -> list[Json]:
    channel = home.channel(call.channel)
    return [] if channel.thread is None else [thread_member_payload(channel, one) for one in channel.thread.members]


async def archived(home: Home, call: Call) -> Json:
    """The archived public threads of a channel, last archived first."""
    parent = home.channel(call.channel)
    own = [one for one in home.channels.values() if one.parent == parent.id and one.archived]
    own.sort(key=lambda one: one.thread.archived_at if one.thread else 0.0, reverse=True)
    found = [one for one in own if one.type == PUBLIC_THREAD]
    return {"threads": [home.payload_of(one) for one in found], "members": [], "has_more": False}


def open_thread(
    home: Home,
    parent: Channel,
    name: str,
    owner: str,
    *,
    source: Message | None = None,
    thread_id: str | None = None,
    private: bool = False,
    tags: list[str] | None = None,
    minutes: int = 1440,
) -> Channel:
    """A new thread, and what Discord says of it: THREAD_CREATE, and a message of its own here or there.

    A thread of a message has that message's id. It begins with a message that points to it (type 21); one without a
    message is told of in the channel (type 18). That both are sent as events is assumed.
    """
    made_id = source.id if source is not None else thread_id or home.snowflakes.next()
    kind = PRIVATE_THREAD if private else PUBLIC_THREAD
    thread = Thread(owner, [owner], tags=tags or [], archive_minutes=minutes)
    made = Channel(made_id, name, kind, parent.guild, parent.id, thread=thread)
    home.channels[made.id] = made
    home.tell("THREAD_CREATE", home.payload_of(made) | {"newly_created": True}, made)
    if source is not None:
        points = {"type": 0, "message_id": source.id, "channel_id": parent.id, "guild_id": parent.guild}
        first = Message(home.snowflakes.next(), made.id, owner, type=THREAD_STARTER, reference=points)
        home.post(first)
        home.change(source)
    elif parent.type != FORUM_CHANNEL and not private:
        points = {"type": 0, "channel_id": made.id, "guild_id": parent.guild}
        home.post(Message(home.snowflakes.next(), parent.id, owner, name, type=THREAD_CREATED, reference=points))
    return made


def thread_of(home: Home, channel_id: Id) -> Channel:
    """A thread for a person's act; AssertionError when it is none."""
    channel = home.channels[str(channel_id)]
    assert channel.is_thread, f"{channel_id} is no thread"
    return channel


def _parent(home: Home, call: Call, permission: Permission) -> Channel:
    parent = home.channel(call.channel)
    if parent.type == DM or parent.type in THREADS:
        raise DiscordError(400, 50024, "Cannot execute action on this channel type")
    home.need(parent, permission)
    return parent


def _name(call: Call) -> str:
    name = str(call.body.get("name") or "")
    if not 1 <= len(name) <= 100:
        raise invalid_form("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    return name


def _minutes(call: Call) -> int:
    minutes = call.body.get("auto_archive_duration") or 1440
    if minutes not in _DURATIONS:
        raise invalid_form("auto_archive_duration", "BASE_TYPE_CHOICES", f"Value must be one of {_DURATIONS}.")
    return int(minutes)


def _set_member(home: Home, channel: Channel, user: str, *, there: bool) -> None:
    if channel.thread is None:
        raise DiscordError(400, 50024, "Cannot execute action on this channel type")
    if channel.archived:
        raise thread_is_archived()
    present = channel.thread.members
    if (user in present) == there:
        return
    (present.append if there else present.remove)(user)
    if user == BOT_USER:
        told: Json = {"id": channel.id, "member_count": len(present)}
        told["added_members"] = [thread_member_payload(channel, user)] if there else []
        told["removed_member_ids"] = [] if there else [user]
        home.tell("THREAD_MEMBERS_UPDATE", told, channel)
