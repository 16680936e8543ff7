"""What people do in Slack, and the payloads that this makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.servers.slack.cast import ALICE, BOT_USER, GENERAL, STRANGER, Json, dm_of
from tests.servers.slack.files import new_file
from tests.servers.slack.interactions import Interactions
from tests.servers.slack.text import typed


class People(Interactions):
    """Acts of people. What says or changes something returns the message's ts at once, before the bot knows of it."""

    async def mention(self, text: str, **where: Any) -> str:
        """`say`, with the bot's name before the text."""
        return await self.say(f"<@{BOT_USER}> {text}", **where)

    async def say(
        self,
        text: str,
        *,
        channel: str = GENERAL,
        user: str = ALICE,
        thread_ts: str | None = None,
        files: Sequence[tuple[str, bytes | str] | str] = (),
        external: bool = False,
        raw: bool = False,
    ) -> str:
        """Send what was typed (or `raw`, mrkdwn already). `files` are (name, content), or ids of files there are.

        `external` says it as a person of another workspace. In channels a mention of the bot is delivered twice, as
        app_mention and as message, with the same ts.
        """
        if external:
            user = STRANGER
        file_ids = [file if isinstance(file, str) else self.add_file(*file, user=user) for file in files]
        place = self.home.channels[channel]
        root = None if thread_ts is None else self.home.root_of(place, thread_ts)
        message = self.home.said(channel, user, text if raw else typed(text), root, file_ids=file_ids)
        self.home.post(message)
        if f"<@{BOT_USER}" in message.text and place.kind != "im":
            event = self.home.event_of(message) | {"type": "app_mention"}
            event.pop("channel_type")
            event.pop("subtype", None)
            self.deliveries.announce(event, place)
        return message.ts

    async def dm(self, text: str, *, user: str = ALICE, **more: Any) -> str:
        """Say it to the bot alone."""
        return await self.say(text, channel=dm_of(user), user=user, **more)

    async def edit(self, ts: str, text: str, *, raw: bool = False) -> str:
        """Change a message of one's own."""
        self.home.change(self.home.find(ts), text=text if raw else typed(text), edited_at=self.home.now())
        return ts

    async def unfurl(self, ts: str, address: str) -> str:
        """Let Slack show what a link in the message leads to: message_changed, though nobody edited the text."""
        shown = {"from_url": address, "title": "A page", "text": "What the page says", "id": 1}
        self.home.change(self.home.find(ts), attachments=[shown])
        return ts

    async def delete(self, ts: str) -> str:
        """Delete a message. One that has replies becomes a tombstone, which is told as message_changed."""
        self.home.remove(self.home.find(ts))
        return ts

    async def stop_button(
        self, thread_ts: str, *, channel: str | None = None, user: str = ALICE, ends_stream: bool = True
    ) -> str:
        """Press Slack's own stop button; the event's id.

        By the documentation this ends the thread's streams. Without `ends_stream` they go on until the bot ends them,
        which is what has been seen in a real workspace in August 2026.
        """
        place = channel or self.home.find(thread_ts).channel
        under = self.home.channels[place].replies(thread_ts)
        live = [message for message in under if message.streaming]
        if ends_stream:
            for message in live:
                message.stopped_by_user = True
                self.home.change(message, streams_until=None)
        event: Json = {"type": "agent_session_stopped", "channel": place, "thread_ts": thread_ts, "user": user}
        event |= {"streaming_message_ts": [message.ts for message in live], "event_ts": self.home.now()}
        return self.deliveries.announce(event, self.home.channels[place])

    async def open_home(self, *, user: str = ALICE, tab: str = "messages") -> str:
        """Open the bot's page; the event's id."""
        event = {"type": "app_home_opened", "user": user, "channel": dm_of(user), "tab": tab}
        return self.deliveries.announce(event | {"event_ts": self.home.now()}, None)

    async def redeliver(self, event_id: str) -> str:
        """Let Slack deliver an event once more, as it does when an acknowledgement was lost."""
        self.deliveries.again(event_id)
        return event_id

    async def archive(self, channel: str) -> None:
        """Archive the channel: nobody can write in it any more."""
        self.home.channels[channel].is_archived = True

    async def delete_channel(self, channel: str) -> str:
        """Delete the channel with all that stands in it; the event's id."""
        del self.home.channels[channel]
        return self.deliveries.announce({"type": "channel_deleted", "channel": channel}, None)

    async def uninstall(self) -> str:
        """Remove the app from the workspace; the event's id."""
        return self.deliveries.announce({"type": "app_uninstalled"}, None)

    async def leave(self, channel: str) -> None:
        """Take the bot out of the channel: it can neither write there nor hear of it."""
        self.home.channels[channel].members.remove(BOT_USER)

    async def invite(self, channel: str) -> None:
        """Bring the bot into the channel."""
        if not self.home.channels[channel].is_member:
            self.home.channels[channel].members.append(BOT_USER)

    def add_file(
        self,
        name: str,
        data: bytes | str,
        *,
        user: str = ALICE,
        mimetype: str | None = None,
        is_described: bool = True,
        is_external: bool = False,
    ) -> str:
        """The id of a new file, which is in no message yet. `is_external`: a link to one that lies elsewhere; without
        `is_described` messages tell nothing but its id, as of files in shared channels."""
        file = new_file(name, data.encode() if isinstance(data, str) else data, user, mimetype)
        file.is_described, file.mode = is_described, "external" if is_external else file.mode
        self.home.files[file.id] = file
        return file.id
