"""What moderators do: they close threads, delete channels, and say what the bot may do."""

from __future__ import annotations

from collections.abc import Sequence

from tests.servers.discord import threads
from tests.servers.discord.cast import ALICE, Channel, Id
from tests.servers.discord.interactions import Interactions
from tests.servers.discord.permissions import Permission


class Moderation(Interactions):
    """Acts upon places. Threads are archived by these acts only: no clock archives them."""

    async def archive(self, thread: Id, *, locked: bool = False) -> None:
        """Close a thread; a `locked` one only a moderator can bring back."""
        self.home.change_thread(threads.thread_of(self.home, thread), archived=True, locked=locked)

    async def lock(self, thread: Id) -> None:
        """Archive it for good."""
        await self.archive(thread, locked=True)

    async def unarchive(self, thread: Id) -> None:
        self.home.change_thread(threads.thread_of(self.home, thread), archived=False, locked=False)

    async def delete_channel(self, channel: Id) -> None:
        """Delete a channel with its threads, or one thread."""
        gone = self.home.channels[str(channel)]
        under = [one.id for one in self.home.channels.values() if one.parent == gone.id]
        event = "THREAD_DELETE" if gone.is_thread else "CHANNEL_DELETE"
        self.home.tell(event, self.home.payload_of(gone), gone)
        for name in [gone.id, *under]:
            del self.home.channels[name]

    # What the bot may do

    async def deny(self, channel: Id, *permissions: str) -> None:
        """Take permissions from the bot there, by their names: `send_messages`."""
        await self._set_denied(self.home.channels[str(channel)], permissions, denied=True)

    async def allow(self, channel: Id, *permissions: str) -> None:
        """Give them back."""
        await self._set_denied(self.home.channels[str(channel)], permissions, denied=False)

    async def leave(self, channel: Id) -> None:
        """Shut the bot out of a channel: it can neither write there nor hear of it."""
        await self.deny(channel, "view_channel")

    async def invite(self, channel: Id) -> None:
        """Let the bot in."""
        await self.allow(channel, "view_channel")

    async def kick(self, guild: Id) -> None:
        """Throw the bot out of a guild."""
        self.home.guilds.remove(str(guild))
        self.home.announce("GUILD_DELETE", {"id": str(guild)}, str(guild))

    async def refuse_dms(self, user: Id = ALICE) -> None:
        """Take no direct messages from the bot any more."""
        self.home.unreachable.add(str(user))

    async def promote(self, user: Id = ALICE) -> None:
        """Let somebody manage channels."""
        self.home.managers.add(str(user))

    async def _set_denied(self, channel: Channel, names: Sequence[str], *, denied: bool) -> None:
        for name in names:
            permission = Permission[name.upper()]
            channel.denied = channel.denied | permission if denied else channel.denied & ~permission
        told = self.home.payload_of(channel)
        # Bots are told of channels that they may not see, too: how else would they know that they may not.
        self.home.announce("CHANNEL_UPDATE", told, channel.guild)
