"""Where people write: kinds of channels, and what is known of each.

Source: discord.com/developers/docs/resources/channel, channel types.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from adapters.discord.payloads import Json, Malformed, number, snowflake, snowflake_or_none, string
from conversation.model import ThreadId

PLATFORM = "discord"
DIRECT_GUILD = "@me"


class Kind(StrEnum):
    CHANNEL = "channel"  # messages, which may have threads
    THREAD = "thread"  # also a forum's post
    FORUM = "forum"  # posts only
    VOICE = "voice"  # messages beside a voice or stage channel, which cannot have threads
    DIRECT = "direct"  # one person and us


_KINDS = {
    0: Kind.CHANNEL,
    1: Kind.DIRECT,
    2: Kind.VOICE,
    5: Kind.CHANNEL,
    10: Kind.THREAD,
    11: Kind.THREAD,
    12: Kind.THREAD,
    13: Kind.VOICE,
    15: Kind.FORUM,
    16: Kind.FORUM,
}


@dataclass(frozen=True, slots=True)
class Place:
    """A channel or thread. `parent`, `name` and `owner` (who began it) are a thread's; names of others are not kept."""

    guild: str
    id: str
    kind: Kind
    parent: str = ""
    name: str = ""
    owner: str = ""

    def address(self, message_id: str) -> ThreadId:
        """The thread that a message here begins or belongs to. A thread made from a message has the message's id, so
        what is asked and what follows in its thread are one."""
        if self.kind is Kind.THREAD:
            return ThreadId(PLATFORM, self.guild, self.parent, self.id)
        return ThreadId(PLATFORM, self.guild, self.id, message_id if self.kind is Kind.CHANNEL else self.id)

    def mark(self) -> str:
        """All but the name and owner as text, as it is known before they are."""
        return ":".join((self.guild, self.id, self.kind, self.parent))

    @classmethod
    def of_mark(cls, text: str) -> Place:
        """Read `mark`; ValueError."""
        guild, channel, kind, parent = text.split(":")
        return cls(guild, channel, Kind(kind), parent)


def place_of(channel: Json, guild: str = "") -> Place | None:
    """What a channel object of Discord's is to us; None where nobody can talk to us. `guild` is where it came from, for
    channels that do not say. Raises Malformed."""
    kind = _KINDS.get(number(channel, "type"))
    if kind is None:
        return None
    home = DIRECT_GUILD if kind is Kind.DIRECT else snowflake_or_none(channel, "guild_id") or guild
    if not home:
        raise Malformed("guild_id is missing")
    if kind is not Kind.THREAD:
        return Place(home, snowflake(channel, "id"), kind)
    parent, owner = snowflake(channel, "parent_id"), snowflake_or_none(channel, "owner_id")
    return Place(home, snowflake(channel, "id"), kind, parent, string(channel, "name"), owner)
