"""The workspace: its people, channels, files and messages, and how each change of a message becomes an event."""

from __future__ import annotations

import itertools
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.servers.slack.errors import SlackError
from tests.servers.slack.messages import TOMBSTONE, Message
from tests.servers.slack.text import escape, rich_text

Json = dict[str, Any]

TEAM, OTHER_TEAM, APP = "T0TEAM0001", "T0OTHER001", "A0CORRAL01"
BOT_USER, BOT = "U0CORRAL01", "B0CORRAL01"
OTHER_BOT = "U0OTHERBOT"  # a person as far as events go, but with a bot_id
STRANGER = "U0STRANGER"  # from another workspace, through Slack Connect
PEOPLE = [f"U0HUMAN{number:03d}" for number in range(40)]
ALICE, BOB = PEOPLE[0], PEOPLE[1]

PUBLIC = [f"C0PUBLIC{number:02d}" for number in range(40)]
GENERAL, RANDOM = PUBLIC[0], PUBLIC[1]
PRIVATE = "C0PRIVATE1"
ELSEWHERE = "C0ELSEWHER"  # public; the bot was never invited
MPIM = "C0GROUPDM1"


def dm_of(user: str) -> str:
    """The id of the direct messages between this person and the bot."""
    return "D" + user[1:]


@dataclass(slots=True)
class Channel:
    """A conversation. `kind` is the events' channel_type: channel, group, im or mpim."""

    id: str
    name: str
    kind: str = "channel"
    members: list[str] = field(default_factory=list)
    is_archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    threads: defaultdict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))

    def replies(self, root_ts: str) -> list[Message]:
        """The replies to a message, oldest first."""
        return self.threads.get(root_ts, [])

    @property
    def is_member(self) -> bool:
        """Whether the bot is in it."""
        return BOT_USER in self.members

    def payload(self) -> Json:
        shown: Json = {
            "id": self.id,
            "name": self.name,
            "is_channel": self.kind == "channel",
            "is_group": False,
            "is_im": self.kind == "im",
            "is_mpim": self.kind == "mpim",
            "is_private": self.kind != "channel",
            "is_archived": self.is_archived,
            "is_member": self.is_member,
            "context_team_id": TEAM,
        }
        if self.kind == "im":
            shown["user"] = next(member for member in self.members if member != BOT_USER)
            del shown["name"], shown["is_member"]
        return shown


@dataclass(slots=True)
class File:
    """A file that was uploaded, or that is going to be (`data` is None)."""

    id: str
    name: str
    data: bytes | None
    user: str = ""
    title: str = ""
    mimetype: str = "text/plain"
    filetype: str = "text"
    mode: str = "snippet"


class Workspace:
    """State and events. `announce` is given each event and its channel; `stream_seconds` is a stream's whole life."""

    def __init__(self, *, stream_seconds: float, stream_bytes: int) -> None:
        self.stream_seconds = stream_seconds
        self.stream_bytes = stream_bytes
        self.base_url = ""
        self.announce: Callable[[Json, Channel | None], str] = lambda event, channel: ""
        self.users = _people()
        self.channels = _channels()
        self.files: dict[str, File] = {}
        self.ephemerals: list[Message] = []
        self.sessions: dict[tuple[str, str], Json] = {}
        self.statuses: defaultdict[str, list[str]] = defaultdict(list)
        self.titles: dict[str, str] = {}
        self.suggested_prompts: list[Json] = []
        self.views: list[Json] = []
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
        told: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": self._told_text(message)}
        channel = self.channels[message.channel]
        replies = channel.replies(message.ts)
        if message.bot_id is None and message.subtype is None:
            team = message.team or TEAM
            told |= {"client_msg_id": message.client_msg_id, "team": TEAM, "user_team": team, "source_team": team}
            told["blocks"] = rich_text(message.text)
        if message.bot_id is not None:
            profile = {"id": message.bot_id, "app_id": APP, "name": "corral", "deleted": False, "team_id": TEAM}
            told |= {"bot_id": message.bot_id, "app_id": APP, "team": TEAM, "bot_profile": profile}
        if message.blocks:
            told["blocks"] = message.blocks
        if message.subtype is not None:
            told["subtype"] = message.subtype
        if message.file_ids:
            told |= {"files": [self.file_payload(self.files[file_id]) for file_id in message.file_ids], "upload": False}
            told.setdefault("subtype", "file_share")
        if message.was_streamed:
            told["streaming_state"] = "in_progress" if message.streaming else "completed"
        if message.edited_at is not None:
            told["edited"] = {"user": message.user, "ts": message.edited_at}
        if message.reactions:
            told["reactions"] = [
                {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
            ]
        if message.thread_ts is not None or replies:
            root = message.thread_ts or message.ts
            told["thread_ts"] = root
            if root != message.ts and root in channel.messages:
                told["parent_user_id"] = channel.messages[root].user
        if replies:
            told |= {"reply_count": len(replies), "latest_reply": replies[-1].ts}
        if with_metadata and message.metadata:
            told["metadata"] = message.metadata
        return told

    def file_payload(self, file: File) -> Json:
        """A file as the Web API and events show it; its address wants the bot's token."""
        address = f"{self.base_url}/files-pri/{TEAM}-{file.id}/download/{file.name}"
        return {
            "id": file.id,
            "name": file.name,
            "title": file.title or file.name,
            "mimetype": file.mimetype,
            "filetype": file.filetype,
            "mode": file.mode,
            "size": len(file.data or b""),
            "user": file.user,
            "is_external": False,
            "url_private": address,
            "url_private_download": address,
        }

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

    def _told_text(self, message: Message) -> str:
        return message.text or escape(message.markdown or message.body)

    def _announce_change(self, subtype: str, message: Message, more: Json) -> None:
        channel = self.channels[message.channel]
        ts = self.now()
        event: Json = {"type": "message", "subtype": subtype, "channel": channel.id, "hidden": True, "ts": ts}
        self.announce(event | {"event_ts": ts, "channel_type": channel.kind} | more, channel)


def _people() -> dict[str, Json]:
    people = {user: _person(user, f"human{number}") for number, user in enumerate(PEOPLE)}
    people[ALICE] = _person(ALICE, "alice")
    people[BOB] = _person(BOB, "bob")
    people[BOT_USER] = _person(BOT_USER, "corral", is_bot=True)
    people[OTHER_BOT] = _person(OTHER_BOT, "deploybot", is_bot=True)
    people[STRANGER] = {**_person(STRANGER, "stranger", team=OTHER_TEAM), "is_stranger": True}
    return people


def _person(user: str, name: str, *, is_bot: bool = False, team: str = TEAM) -> Json:
    return {
        "id": user,
        "team_id": team,
        "name": name,
        "real_name": name.title(),
        "deleted": False,
        "tz": "Europe/Berlin",
        "locale": "en-US",
        "is_bot": is_bot,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "profile": {"display_name": name, "real_name": name.title(), "team": team},
    }


def _channels() -> dict[str, Channel]:
    everybody = [*PEOPLE, STRANGER, OTHER_BOT, BOT_USER]
    made = [Channel(channel, f"public-{number}", members=everybody.copy()) for number, channel in enumerate(PUBLIC)]
    made += [
        Channel(PRIVATE, "secret", "group", [ALICE, BOB, BOT_USER]),
        Channel(ELSEWHERE, "elsewhere", members=[ALICE, BOB]),
        Channel(MPIM, "mpdm-alice--bob--corral-1", "mpim", [ALICE, BOB, BOT_USER]),
    ]
    made += [Channel(dm_of(user), "", "im", [user, BOT_USER]) for user in [*PEOPLE, STRANGER]]
    return {channel.id: channel for channel in made}
