"""What people do in Slack, and the payloads that this makes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from tests.servers.slack.delivery import Deliveries, Delivery
from tests.servers.slack.files import new_file
from tests.servers.slack.messages import Message
from tests.servers.slack.responses import Responses
from tests.servers.slack.text import typed
from tests.servers.slack.workspace import (
    ALICE,
    APP,
    BOT_USER,
    GENERAL,
    STRANGER,
    TEAM,
    Channel,
    Json,
    Workspace,
    dm_of,
)


class People:
    """Acts of people. What says or changes something returns the message's ts at once, before the bot knows of it."""

    def __init__(self, home: Workspace, deliveries: Deliveries, responses: Responses) -> None:
        self.home = home
        self.deliveries = deliveries
        self.response_urls = responses

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
        files: Sequence[tuple[str, bytes] | str] = (),
        external: bool = False,
        raw: bool = False,
    ) -> str:
        """Send what was typed (or `raw`, mrkdwn already). `files` are (name, bytes), or ids of files there are.

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

    async def delete(self, ts: str) -> str:
        """Delete a message. One that has replies becomes a tombstone, which is told as message_changed."""
        self.home.remove(self.home.find(ts))
        return ts

    async def press(self, ts: str, action_id: str, *, user: str = ALICE, value: str | None = None) -> Delivery:
        """Press a button that the message shows; `value` chooses among those with the same action_id."""
        message = self.home.find(ts)
        shown = message.buttons
        found = [one for one in shown if one.action_id == action_id and value in (None, one.value)]
        assert found, f"no button {action_id!r} ({value!r}) on {ts}; there are {shown}"
        assert message.ephemeral_for in (None, user), f"{user} does not see {ts}"
        button = found[0]
        action = {
            "type": button.kind,
            "action_id": button.action_id,
            "block_id": button.block_id,
            "value": button.value,
            "text": {"type": "plain_text", "text": button.label, "emoji": True},
            "action_ts": self.home.now(),
        }
        payload = self._interaction("block_actions", message.channel, user, message) | {"actions": [action]}
        payload |= {"state": {"values": {}}, "container": _container(message)}
        if message.ephemeral_for is None:
            payload["message"] = self.home.payload(message)
        return await self._interact(payload)

    async def shortcut(
        self, callback_id: str, *, message_ts: str | None = None, channel: str | None = None, user: str = ALICE
    ) -> Delivery:
        """Use a message's shortcut, or without a message a global one. `channel` is the message's own anyway."""
        if message_ts is None:
            payload = self._interaction("shortcut", "", user, None)
            return await self._interact(payload | {"callback_id": callback_id, "action_ts": self.home.now()})
        message = self.home.find(message_ts)
        assert channel in (None, message.channel), f"{message_ts} is in {message.channel}"
        payload = self._interaction("message_action", message.channel, user, message)
        payload |= {"callback_id": callback_id, "action_ts": self.home.now(), "message_ts": message.ts}
        return await self._interact(payload | {"message": self.home.payload(message)})

    async def command(self, command: str, text: str = "", *, channel: str = GENERAL, user: str = ALICE) -> Delivery:
        """Type a slash command at the top level: inside threads Slack refuses those of apps."""
        place = self.home.channels[channel]
        payload = {
            "token": "unused",
            "team_id": TEAM,
            "team_domain": "corral-test",
            "channel_id": channel,
            "channel_name": _name(place),
            "user_id": user,
            "user_name": self.home.users[user]["name"],
            "command": command,
            "text": typed(text),
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self.response_urls.open(channel, user),
            "trigger_id": _trigger(),
        }
        delivery = await self.deliveries.interact("slash_commands", command, payload)
        self.response_urls.acknowledged(payload["response_url"], delivery.reply)
        return delivery

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

    async def leave(self, channel: str) -> None:
        """Take the bot out of the channel: it can neither write there nor hear of it."""
        self.home.channels[channel].members.remove(BOT_USER)

    async def invite(self, channel: str) -> None:
        """Bring the bot into the channel."""
        if not self.home.channels[channel].is_member:
            self.home.channels[channel].members.append(BOT_USER)

    def add_file(self, name: str, data: bytes, *, user: str = ALICE, mimetype: str | None = None) -> str:
        """The id of a new file, which is in no message yet."""
        file = new_file(name, data, user, mimetype)
        self.home.files[file.id] = file
        return file.id

    async def _interact(self, payload: Json) -> Delivery:
        delivery = await self.deliveries.interact("interactive", payload["type"], payload)
        if "response_url" in payload:
            self.response_urls.acknowledged(payload["response_url"], delivery.reply)
        return delivery

    def _interaction(self, type_: str, channel: str, user: str, message: Message | None) -> Json:
        person = self.home.users[user]
        payload: Json = {
            "type": type_,
            "token": "unused",
            "team": {"id": TEAM, "domain": "corral-test"},
            "user": {"id": user, "username": person["name"], "name": person["name"], "team_id": person["team_id"]},
            "api_app_id": APP,
            "trigger_id": _trigger(),
            "enterprise": None,
            "is_enterprise_install": False,
        }
        if channel:
            payload["channel"] = {"id": channel, "name": _name(self.home.channels[channel])}
            payload["response_url"] = self.response_urls.open(channel, user, message)
        return payload


def _container(message: Message) -> Json:
    where = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
    if message.thread_ts is not None:
        where["thread_ts"] = message.thread_ts
    return where | {"is_ephemeral": message.ephemeral_for is not None}


def _name(channel: Channel) -> str:
    return {"im": "directmessage", "group": "privategroup"}.get(channel.kind, channel.name)


def _trigger() -> str:
    return f"{uuid.uuid4().int % 10**12}.{uuid.uuid4().int % 10**10}.{uuid.uuid4().hex}"
