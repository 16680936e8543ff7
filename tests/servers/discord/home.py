"""Everything that there is - people, channels, messages, files - and how each change becomes an event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tests.servers.discord.cast import (
    BOT_USER,
    DM,
    GUILD,
    OTHER_GUILD,
    PRIVATE_THREAD,
    Channel,
    File,
    Json,
    channels,
    people,
)
from tests.servers.discord.errors import missing_access, missing_permissions, thread_is_archived, unknown_channel
from tests.servers.discord.errors import unknown_message as unknown
from tests.servers.discord.messages import Message
from tests.servers.discord.payloads import channel_payload, file_payload, guild_payload, member_payload
from tests.servers.discord.permissions import EVERYBODY, NOTHING, Permission
from tests.servers.discord.rendering import message_payload
from tests.servers.discord.snowflakes import Snowflakes

if TYPE_CHECKING:
    from tests.servers.discord.interaction import Interaction


class Home:
    """State and events. `announce` is given each event: its name, its data and its guild (None: direct messages).

    `nonce_seconds` is how long a nonce stands for the same message, `token_seconds` how long an interaction may be
    answered, `ack_seconds` how soon it must be, `file_seconds` how long a file's address works.
    """

    def __init__(self, *, nonce_seconds: float, token_seconds: float, ack_seconds: float, file_seconds: float) -> None:
        self.nonce_seconds = nonce_seconds
        self.token_seconds = token_seconds
        self.ack_seconds = ack_seconds
        self.file_seconds = file_seconds
        self.base_url = ""
        self.announce: Callable[[str, Json, str | None], None] = lambda event, data, guild: None
        self.snowflakes = Snowflakes()
        self.users = people()
        self.guilds = [GUILD, OTHER_GUILD]
        self.channels = channels()
        self.files: dict[str, File] = {}
        self.ephemerals: dict[str, Message] = {}
        self.commands: dict[str, Json] = {}
        self.interactions: dict[str, Interaction] = {}
        self.tokens: dict[str, Interaction] = {}
        self.nonces: dict[str, Message] = {}  # the bot's latest message with each
        self.reads_content = True  # whether the application was granted the message content intent
        self.application: Json = {}  # what GET /applications/@me says otherwise
        self.unreachable: set[str] = set()  # people who take no direct messages
        self.managers: set[str] = set()  # people who may manage channels
        self.roles: dict[str, list[str]] = {}  # by person, in every guild
        self.left: set[str] = set()  # people who are in no guild any more

    # Places

    def channel(self, channel_id: object) -> Channel:
        """A channel that the bot may see: DiscordError 10003 when there is none, 50001 when it may not."""
        found = self.channels.get(str(channel_id))
        if found is None:
            raise unknown_channel()
        if not self.sees(found):
            raise missing_access()
        return found

    def allowed(self, channel: Channel) -> Permission:
        """What the bot may do there; a thread has its parent's permissions."""
        if channel.type == DM:
            return EVERYBODY
        if channel.guild not in self.guilds:
            return NOTHING
        place = self.channels.get(channel.parent or "", channel)
        return EVERYBODY & ~place.denied

    def allowed_to(self, user: str) -> Permission:
        """What a person may do in every channel."""
        return EVERYBODY | Permission.MANAGE_CHANNELS if user in self.managers else EVERYBODY

    def sees(self, channel: Channel) -> bool:
        if channel.type == PRIVATE_THREAD and channel.thread is not None and BOT_USER not in channel.thread.members:
            return False
        return Permission.VIEW_CHANNEL in self.allowed(channel)

    def need(self, channel: Channel, permission: Permission) -> None:
        """DiscordError 50013 when the bot lacks it."""
        if permission not in self.allowed(channel):
            raise missing_permissions()

    def payload_of(self, channel: Channel) -> Json:
        """A channel as the REST API and events show it."""
        return channel_payload(channel, self.users, self.channels.values())

    def guild_payload(self, guild: str) -> Json:
        """A guild with its channels, live threads and members, as in GUILD_CREATE."""
        own = [channel for channel in self.channels.values() if channel.guild == guild]
        threads = [channel for channel in own if channel.is_thread and not channel.archived and self.sees(channel)]
        members = [self.member_payload(user) for user in self.users]
        return guild_payload(guild) | {
            "joined_at": members[0]["joined_at"],
            "large": False,
            "unavailable": False,
            "member_count": len(members),
            "members": members,
            "channels": [self.payload_of(channel) for channel in own if not channel.is_thread],
            "threads": [self.payload_of(channel) for channel in threads],
            **{name: [] for name in ("presences", "voice_states", "stage_instances", "guild_scheduled_events")},
            "soundboard_sounds": [],
        }

    def member_payload(self, user: str) -> Json:
        """A person as a member of a guild."""
        return member_payload(self.users[user], self.roles.get(user, ()))

    # Messages

    def find(self, message_id: object) -> Message:
        """A message that exists, ephemeral ones included, wherever it is; KeyError."""
        name = str(message_id)
        for channel in self.channels.values():
            if name in channel.messages:
                return channel.messages[name]
        return self.ephemerals[name]

    def message(self, channel: Channel, message_id: object) -> Message:
        """A public message of this channel; DiscordError 10008."""
        found = channel.messages.get(str(message_id))
        if found is None:
            raise unknown()
        return found

    def messages(self) -> Iterator[Message]:
        """Every public message that exists."""
        for channel in self.channels.values():
            yield from channel.messages.values()

    def post(self, message: Message) -> None:
        """Make it public and say so. An archived thread comes back, unless it is locked: DiscordError 50083."""
        message.keep()
        if message.ephemeral_for is not None:
            self.ephemerals[message.id] = message
            return
        channel = self.channels[message.channel]
        thread = channel.thread
        if thread is not None:
            if thread.archived and thread.locked:
                raise thread_is_archived()
            if thread.archived:
                self.change_thread(channel, archived=False)
            thread.message_count += message.id != channel.id
            if message.author not in thread.members:
                thread.members.append(message.author)
        channel.messages[message.id] = message
        if message.author == BOT_USER and message.nonce is not None:
            self.nonces[message.nonce] = message
        self.tell("MESSAGE_CREATE", self.payload(message, event=True), channel)

    def change(self, message: Message, **fields: Any) -> None:
        """Set these fields and say so."""
        for name, value in fields.items():
            setattr(message, name, value)
        message.keep()
        if message.ephemeral_for is None:
            self.tell("MESSAGE_UPDATE", self.payload(message, event=True), self.channels[message.channel])

    def remove(self, message: Message) -> None:
        message.deleted = True
        if message.ephemeral_for is not None:
            self.ephemerals.pop(message.id, None)
            return
        channel = self.channels[message.channel]
        del channel.messages[message.id]
        self.tell("MESSAGE_DELETE", {"id": message.id, "channel_id": channel.id}, channel)

    def payload(self, message: Message, *, event: bool = False, nonce: bool = False) -> Json:
        """A message as the REST API shows it, or as an event does."""
        return message_payload(self, message, event=event, nonce=nonce)

    # Threads, files, events

    def change_thread(self, channel: Channel, **fields: Any) -> None:
        """Set these fields of a thread and say so."""
        assert channel.thread is not None
        for name, value in fields.items():
            if name == "archived" and channel.thread.archived != value:
                channel.thread.archived_at = time.time()
            setattr(channel.thread, name, value)
        self.tell("THREAD_UPDATE", self.payload_of(channel), channel)

    def keep_file(self, channel: str, name: str, data: bytes, content_type: str, description: str | None = None) -> str:
        """The id of a new file."""
        file_id = self.snowflakes.next()
        until = time.time() + self.file_seconds
        self.files[file_id] = File(file_id, channel, name, data, content_type, until, description)
        return file_id

    def file_payload(self, file_id: str) -> Json:
        return file_payload(self.files[file_id], self.base_url)

    def tell(self, event: str, data: Json, channel: Channel) -> None:
        """Announce what happened in a channel, if the bot may see it."""
        if self.sees(channel):
            where = {} if channel.guild is None else {"guild_id": channel.guild}
            self.announce(event, {**data, **where}, channel.guild)
