"""What people press and call up, and the payloads that this makes (docs.slack.dev/reference/interaction-payloads)."""

from __future__ import annotations

from typing import Any

from tests.servers.slack.blocks import Block
from tests.servers.slack.cast import ALICE, APP, GENERAL, TEAM, Channel, Json
from tests.servers.slack.delivery import Deliveries
from tests.servers.slack.messages import Message
from tests.servers.slack.responses import Responses
from tests.servers.slack.text import typed
from tests.servers.slack.transports import Delivery
from tests.servers.slack.view_rules import check_option
from tests.servers.slack.views import Modal, described, hand_out, state_of, take_reply
from tests.servers.slack.workspace import Workspace


class Interactions:
    """Buttons, shortcuts and commands. Each act returns its delivery once the bot has acknowledged it, or has not."""

    def __init__(self, home: Workspace, deliveries: Deliveries, responses: Responses) -> None:
        self.home = home
        self.deliveries = deliveries
        self.response_urls = responses

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

    async def command(
        self, command: str, text: str = "", *, channel: str = GENERAL, user: str = ALICE, raw: bool = False
    ) -> Delivery:
        """Type a slash command at the top level: inside threads Slack refuses those of apps. `raw` escapes nothing."""
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
            "text": text if raw else typed(text),
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self.response_urls.open(channel, user),
            "trigger_id": hand_out(self.home, user),
        }
        delivery = await self.deliveries.interact("slash_commands", command, payload)
        self.response_urls.acknowledged(payload["response_url"], delivery.reply)
        return delivery

    def modal(self, user: str = ALICE) -> Modal:
        """The modal that this person looks at; AssertionError when there is none."""
        found = [modal for modal in self.home.modals if modal.user == user and modal.is_open]
        assert found, f"{user} sees no modal"
        return found[-1]

    async def suggest(self, name: str, typed: str = "", *, user: str = ALICE) -> list[Block]:
        """Type something into a list that the bot fills; gives what it offers."""
        modal = self.modal(user)
        element = modal.inputs[name]["element"]
        assert element["type"] == "external_select", f"{name} is no such list"
        assert len(typed) >= element.get("min_query_length", 3), "Slack does not ask yet"
        payload = self._interaction("block_suggestion", "", user, None)
        payload |= {"block_id": name, "action_id": element["action_id"], "value": typed}
        payload |= {"container": {"type": "view", "view_id": modal.id}, "view": described(modal)}
        delivery = await self._interact(payload)
        options: list[Block] = delivery.reply.get("options", [])
        assert len(options) <= 100, "more options than Slack shows"
        for one in options:
            check_option(one)
        return options

    async def submit(self, *, user: str = ALICE, **entered: Any) -> Delivery:
        """Fill in the modal that the person sees, by block_id (`__` stands for a dot), and send it. What is chosen in a
        list that the bot fills is typed there first. The modal stays when it is not acknowledged."""
        modal = self.modal(user)
        wanted = {name.replace("__", "."): value for name, value in entered.items()}
        options: dict[str, Block] = {}
        for name, value in wanted.items():
            element = modal.inputs[name]["element"] if name in modal.inputs else {}
            if element.get("type") == "external_select" and value is not None:
                offered = await self.suggest(name, value, user=user)
                fitting = [one for one in offered if value in (one["value"], one["text"]["text"])]
                assert fitting, f"{value!r} is not offered: {offered}"
                options[name] = fitting[0]
        shown = described(modal) | {"state": state_of(self.home, modal, wanted, options)}
        payload = self._interaction("view_submission", "", user, None) | {"view": shown, "response_urls": []}
        delivery = await self._interact(payload)
        if delivery.acked is not None:
            take_reply(self.home, modal, delivery.reply)
        return delivery

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
            "trigger_id": hand_out(self.home, user),
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
