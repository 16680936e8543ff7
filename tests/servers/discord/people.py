"""What people do in Discord: they write, open threads, and close what is open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tests.servers.discord import chat, threads
from tests.servers.discord.cast import (
    ALICE,
    BOT_USER,
    FORUM,
    GENERAL,
    Id,
    dm_of,
)
from tests.servers.discord.files import content_type_of
from tests.servers.discord.messages import REPLY, Message
from tests.servers.discord.moderation import Moderation
from tests.servers.discord.pings import pinged


class People(Moderation):
    """Acts of people. What says or changes something returns the message's id at once, before the bot knows of it."""

    async def mention(self, text: str, **where: Any) -> str:
        """`say`, with the bot's name before the text."""
        return await self.say(f"<@{BOT_USER}> {text}", **where)

    async def say(
        self,
        text: str,
        *,
        channel: Id = GENERAL,
        user: Id = ALICE,
        reply_to: Id | None = None,
        attachments: Sequence[tuple[str, bytes | str]] = (),
        ping: bool = True,
    ) -> str:
        """Send what was typed, as Discord keeps it: `<@id>` for a name. `attachments` are (name, content).

        A reply calls whom it replies to unless `ping` says no. In an archived thread it brings the thread back.
        """
        return self._say(self.home.snowflakes.next(), text, str(channel), str(user), reply_to, attachments, ping)

    async def dm(self, text: str, *, user: Id = ALICE, **more: Any) -> str:
        """Say it to the bot alone."""
        return await self.say(text, channel=dm_of(user), user=user, **more)

    async def edit(self, message: Id, text: str) -> str:
        """Change a message of one's own."""
        found = self.home.find(message)
        mentions = pinged(text, None, found.mentions.replied)
        self.home.change(found, content=text, mentions=mentions, edited_at=time.time())
        return found.id

    async def unfurl(self, message: Id, address: str = "https://x.test/page") -> str:
        """Let Discord show what a link in the message leads to: MESSAGE_UPDATE, though nobody edited the text."""
        found = self.home.find(message)
        shown = {"type": "article", "url": address, "title": "A page", "description": "What the page says"}
        self.home.change(found, embeds=[*found.embeds, shown])
        return found.id

    async def delete(self, message: Id) -> str:
        """Delete a message, one's own or as a moderator."""
        found = self.home.find(message)
        self.home.remove(found)
        return found.id

    async def redeliver(self, message: Id) -> str:
        """Let the gateway tell of a message once more, as a RESUME may."""
        found = self.home.find(message)
        self.home.tell("MESSAGE_CREATE", self.home.payload(found, event=True), self.home.channels[found.channel])
        return found.id

    async def react(self, message: Id, emoji: str, *, user: Id = ALICE, there: bool = True) -> None:
        """Add a reaction, or take it away."""
        chat.set_reaction(self.home, self.home.find(message), emoji, str(user), there=there)

    async def start_typing(self, *, channel: Id = GENERAL, user: Id = ALICE) -> None:
        told = {"channel_id": str(channel), "user_id": str(user), "timestamp": int(time.time())}
        self.home.tell("TYPING_START", told, self.home.channels[str(channel)])

    # Threads and forum posts

    async def open_thread(
        self,
        name: str,
        *,
        message: Id | None = None,
        channel: Id = GENERAL,
        user: Id = ALICE,
        private: bool = False,
        members: Sequence[Id] = (),
    ) -> str:
        """A thread of this message, or one without; the thread's id."""
        source = None if message is None else self.home.find(message)
        parent = self.home.channels[str(channel) if source is None else source.channel]
        made = threads.open_thread(self.home, parent, name, str(user), source=source, private=private)
        assert made.thread is not None
        made.thread.members += [str(member) for member in members]
        if private:
            self.home.tell("THREAD_CREATE", self.home.payload_of(made), made)
        return made.id

    async def open_forum_post(
        self,
        title: str,
        text: str,
        *,
        channel: Id = FORUM,
        user: Id = ALICE,
        tags: Sequence[str] = (),
        attachments: Sequence[tuple[str, bytes | str]] = (),
    ) -> str:
        """A post in a forum; the id of its thread, which is also that of its first message. The thread comes first."""
        parent, post = self.home.channels[str(channel)], self.home.snowflakes.next()
        threads.open_thread(self.home, parent, title, str(user), thread_id=post, tags=list(tags))
        return self._say(post, text, post, str(user), None, attachments, ping=True)

    # For tests

    def make_old(self, message: Id, seconds: float) -> None:
        """Set a message's time back."""
        self.home.find(message).created_at -= seconds

    def add_file(self, name: str, data: bytes | str, *, channel: Id = GENERAL) -> str:
        """The id of a new file, which is in no message yet: for a command's option."""
        raw = data.encode() if isinstance(data, str) else data
        return self.home.keep_file(str(channel), name, raw, content_type_of(name))

    def _say(
        self,
        message_id: str,
        text: str,
        channel: str,
        user: str,
        reply_to: Id | None,
        attachments: Sequence[tuple[str, bytes | str]],
        ping: bool,
    ) -> str:
        files = [self.add_file(name, data, channel=channel) for name, data in attachments]
        message = Message(message_id, channel, user, text, attachments=files)
        replied = None
        if reply_to is not None:
            target = self.home.channels[channel].messages[str(reply_to)]
            replied = target.author if ping else None
            message.type, message.reply_to = REPLY, target.id
            message.reference = {"type": 0, "message_id": target.id, "channel_id": channel}
        message.mentions = pinged(text, None, replied)
        self.home.post(message)
        return message.id
