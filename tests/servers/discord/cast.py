"""Who and what there is: people, guilds, channels, files, and the ids that tests name. Ids are strings of digits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.discord.messages import Message
from tests.servers.discord.permissions import NOTHING, Permission

Json = dict[str, Any]
Id = str | int  # discord.py's ids are numbers, Discord's are strings: acts take both

APP = BOT_USER = "1000000000000000001"
OTHER_BOT = "1000000000000000002"
PEOPLE = [f"1200000000000000{number:03d}" for number in range(40)]
ALICE, BOB = PEOPLE[0], PEOPLE[1]

# The two guilds fall to different shards of two: an id's shard is (id >> 22) % shards.
GUILD, OTHER_GUILD = str(262_261_000_000 << 22), str(262_261_000_001 << 22)
HELPERS, BOT_ROLE = "1400000000000000001", "1400000000000000002"  # BOT_ROLE is the one that came with the bot

PUBLIC = [f"1300000000000000{number:03d}" for number in range(40)]
GENERAL, RANDOM = PUBLIC[0], PUBLIC[1]
PRIVATE = "1310000000000000001"
ELSEWHERE = "1310000000000000002"  # the bot may not see it
FORUM = "1310000000000000003"
OTHER_GENERAL = "1310000000000000004"  # in OTHER_GUILD
PYTHON_TAG, SOLVED_TAG = "1320000000000000001", "1320000000000000002"

TEXT, DM, PUBLIC_THREAD, PRIVATE_THREAD, FORUM_CHANNEL = 0, 1, 11, 12, 15
THREADS = {PUBLIC_THREAD, PRIVATE_THREAD}


def dm_of(user: Id) -> str:
    """The id of the direct messages between this person and the bot."""
    return "15" + str(user)[2:]


@dataclass(slots=True)
class Thread:
    """What a thread has beyond a channel. `archive_minutes` is how long it may be silent before it is archived."""

    owner: str
    members: list[str]
    created_at: float = field(default_factory=time.time)
    archived_at: float = field(default_factory=time.time)  # when it was archived or brought back
    archived: bool = False
    locked: bool = False
    archive_minutes: int = 1440
    tags: list[str] = field(default_factory=list)
    message_count: int = 0


@dataclass(slots=True)
class Channel:
    """A place for messages. `denied` is what the bot may not do there; `thread` is None for all but threads."""

    id: str
    name: str
    type: int = TEXT
    guild: str | None = GUILD
    parent: str | None = None
    private: bool = False
    denied: Permission = NOTHING
    recipient: str | None = None  # of direct messages: the person
    thread: Thread | None = None
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        return self.thread is not None

    @property
    def archived(self) -> bool:
        return self.thread is not None and self.thread.archived

    @property
    def locked(self) -> bool:
        return self.thread is not None and self.thread.locked


@dataclass(frozen=True, slots=True)
class File:
    """An attachment. `until` (Unix seconds) is when its address stops working."""

    id: str
    channel: str
    name: str
    data: bytes
    content_type: str
    until: float
    description: str | None = None


def people() -> dict[str, Json]:
    people = {user: _person(user, f"human{number}") for number, user in enumerate(PEOPLE)}
    people[ALICE] = _person(ALICE, "alice")
    people[BOB] = _person(BOB, "bob")
    people[BOT_USER] = _person(BOT_USER, "corral", is_bot=True)
    people[OTHER_BOT] = _person(OTHER_BOT, "deploybot", is_bot=True)
    return people


def channels() -> dict[str, Channel]:
    made = [Channel(channel, f"public-{number}") for number, channel in enumerate(PUBLIC)]
    made += [
        Channel(PRIVATE, "secret", private=True),
        Channel(ELSEWHERE, "elsewhere", private=True, denied=Permission.VIEW_CHANNEL),
        Channel(FORUM, "help", FORUM_CHANNEL),
        Channel(OTHER_GENERAL, "general", guild=OTHER_GUILD),
    ]
    made += [Channel(dm_of(user), "", DM, None, recipient=user) for user in PEOPLE]
    return {channel.id: channel for channel in made}


def _person(user: str, name: str, *, is_bot: bool = False) -> Json:
    return {
        "id": user,
        "username": name,
        "discriminator": "0",
        "global_name": None if is_bot else name.title(),
        "avatar": None,
        "bot": is_bot,
        "public_flags": 0,
    }
