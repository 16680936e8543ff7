"""The workspace: its people, channels, files and messages, and how each change of a message becomes an event."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from tests.servers.slack.cast import BOT, BOT_USER, TEAM, Channel, File, Json, channels, dm_of, people
from tests.servers.slack.errors import SlackError
from tests.servers.slack.messages import TOMBSTONE, Message
from tests.servers.slack.payloads import file_payload, message_payload, undescribed
from tests.servers.slack.scopes import GRANTED

if TYPE_CHECKING:
    from tests.servers.slack.views import Modal, Trigger


class Workspace:
    """State and events. `announce` is given each event and its channel; `stream_seconds` is a stream's whole life."""

    def __init__(self, *, stream_seconds: float, stream_bytes: int) -> None:
        self.stream_seconds = stream_seconds
        self.stream_bytes = stream_bytes
        self.base_url = ""
        self.announce: Callable[[Json, Channel | None], str] = lambda event, channel: ""
        self.users = people()
        self.channels = channels()
        self.files: dict[str, File] = {}
        self.ephemerals: list[Message] = []
        self.sessions: dict[tuple[str, str], Json] = {}
        self.statuses: defaultdict[str, list[str]] = defaultdict(list)
        self.titles: dict[str, str] = {}
        self.suggested_prompts: list[Json] = []
        self.modals: list[Modal] = []
        self.triggers: dict[str, Trigger] = {}
        self.scopes: Collection[str] = GRANTED
        self.shows_files = True
        self._numbers = itertools.count(1)

    def now(self) -> str:
        """A ts that nothing else has: seconds.microseconds, always growing."""
        return f"{int(time.time())}.{next(self._numbers):06d}"

    def channel(self, channel_id: object) -> Channel:
        """SlackError channel_not_found for an unknown one, or a private one that the bot is not in."""
        found = self.channels.get(str(channel_id))
        if found is None or (found.kind != "channel" and not found.is_member):
            raise SlackError("channel_not_found")
        return found

    def writable(self, channel_id: object) -> Channel:
        """The channel, where the bot may write: SlackError not_in_channel or is_archived."""
        if channel_id in self.users:
            channel_id = dm_of(str(channel_id))
        channel = self.channel(channel_id)
        if not channel.is_member:
            raise SlackError("not_in_channel")
        if channel.is_archived:
            raise SlackError("is_archived")
        return channel

    def find(self, ts: str) -> Message:
        """A message that exists, ephemeral ones included, wherever it is; KeyError."""
        for channel in self.channels.values():
            if ts in channel.messages:
                return channel.messages[ts]
        for message in self.ephemerals:
            if message.ts == ts and not message.deleted:
                return message
        raise KeyError(ts)

    def root_of(self, channel: Channel, thread_ts: object) -> str | None:
        """The thread that a reply to `thread_ts` joins.

        None for a root that is gone: Slack then posts at the top level of the channel and says nothing (slack-go#1571).
        """
        message = channel.messages.get(str(thread_ts))
        return None if message is None else message.thread_ts or message.ts

    def post(self, message: Message) -> None:
        """Make it public and say so."""
        channel = self.channels[message.channel]
        channel.messages[message.ts] = message
        if message.thread_ts is not None:
            channel.threads[message.thread_ts].append(message)
        message.keep()
        self.announce(self.event_of(message), channel)

    def change(self, message: Message, **fields: Any) -> None:
        """Set these fields and say so."""
        before = self.payload(message)
        for name, value in fields.items():
            setattr(message, name, value)
        message.keep()
        if message.ephemeral_for is None:
            after = self.payload(message)
            self._announce_change("message_changed", message, {"message": after, "previous_message": before})

    def remove(self, message: Message) -> None:
        """Delete it. A root that has replies stays as a tombstone, and that is an edit, not a deletion."""
        message.deleted = True
        if message.ephemeral_for is not None:
            return
        channel = self.channels[message.channel]
        if channel.replies(message.ts):
            gone: Json = {
                "user": "USLACKBOT",
                "bot_id": None,
                "blocks": [],
                "markdown": "",
                "file_ids": [],
                "metadata": None,
            }
            self.change(message, **gone, text=TOMBSTONE, subtype="tombstone", thread_ts=message.ts)
        else:
            before = self.payload(message)
            del channel.messages[message.ts]
            if message.thread_ts is not None:
                channel.threads[message.thread_ts].remove(message)
            message.keep()
            self._announce_change("message_deleted", message, {"deleted_ts": message.ts, "previous_message": before})

    def event_of(self, message: Message) -> Json:
        """The `message` event of a new message."""
        channel = self.channels[message.channel]
        event = {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.kind}
        return {**self.payload(message), **event}

    def payload(self, message: Message, *, with_metadata: bool = False) -> Json:
        """A message as the Web API and events show it."""
        shown = message_payload(message, self.channels[message.channel])
        if message.file_ids and self.shows_files:
            files = [
                self.file_payload(file) if file.is_described else undescribed(file)
                for file in (self.files[file_id] for file_id in message.file_ids)
            ]
            shown = {"subtype": "file_share", "upload": False, **shown, "files": files}
        if with_metadata and message.metadata:
            shown["metadata"] = message.metadata
        return shown

    def file_payload(self, file: File) -> Json:
        """A file as the Web API and events show it."""
        return file_payload(file, self.base_url)

    def messages(self) -> Iterator[Message]:
        """Every public message that exists."""
        for channel in self.channels.values():
            yield from channel.messages.values()

    def said(self, channel: str, user: str, text: str, thread_ts: str | None = None, **fields: Any) -> Message:
        """A message of a person, or of another bot; not posted yet."""
        is_bot = bool(self.users[user]["is_bot"])
        return Message(
            self.now(),
            channel,
            user,
            text,
            thread_ts=thread_ts,
            bot_id="B0OTHERBOT" if is_bot else None,
            client_msg_id=None if is_bot else str(uuid.uuid4()),
            team=self.users[user]["team_id"],
            **fields,
        )

    def own(self, channel: str, **fields: Any) -> Message:
        """A message of the bot; not posted yet."""
        return Message(self.now(), channel, BOT_USER, bot_id=BOT, team=TEAM, **fields)

    def _announce_change(self, subtype: str, message: Message, more: Json) -> None:
        channel = self.channels[message.channel]
        ts = self.now()
        event: Json = {"type": "message", "subtype": subtype, "channel": channel.id, "hidden": True, "ts": ts}
        self.announce(event | {"event_ts": ts, "channel_type": channel.kind} | more, channel)
