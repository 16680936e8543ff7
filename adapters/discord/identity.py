"""What the operator gave us, and who we are in Discord."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from conversation.errors import CorralError

REFUSED = "Discord refuses DISCORD_TOKEN. Copy it from the application's page Bot, with Reset Token."
NOT_DIRECT = "I answer in servers only, not in direct messages."


class DiscordRefused(CorralError):
    """Discord takes us no more; the message tells the operator what to do."""


@dataclass(frozen=True, slots=True)
class DiscordAccess:
    """`help_channels` are ids of channels and forums where every question is answered. Without `direct` people are not
    answered in direct messages."""

    token: str = field(repr=False)
    help_channels: frozenset[str] = frozenset()
    direct: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """Ids of us as a user and as an application."""

    user: str
    application: str

    def is_in(self, mentioned: Collection[str], roles: Collection[str], our_roles: Collection[str]) -> bool:
        """Whether we are among these people, or our own role is among these: people confuse the two, for both have our
        name."""
        return self.user in mentioned or not set(our_roles).isdisjoint(roles)
