"""What a bot answers to an interaction, and what it sends after (docs: interactions/receiving-and-responding)."""

from __future__ import annotations

import time

from tests.servers.discord import modals
from tests.servers.discord.calls import Call
from tests.servers.discord.cast import BOT_USER, Json
from tests.servers.discord.composing import compose, revise
from tests.servers.discord.errors import DiscordError, invalid_form, unknown_message
from tests.servers.discord.home import Home
from tests.servers.discord.interaction import (
    AUTOCOMPLETE,
    CHOICES,
    COMMAND,
    COMPONENT,
    DEFER_REPLY,
    DEFER_UPDATE,
    REPLY_NOW,
    SHOW_MODAL,
    UPDATE,
    Interaction,
)
from tests.servers.discord.messages import COMMAND_REPLY, EPHEMERAL, LOADING, REPLY, Message


async def respond(home: Home, call: Call) -> Json | None:
    """The first answer; DiscordError 10062 when it is late, 40060 when there is one already."""
    interaction = home.interactions.get(call.params["interaction_id"])
    if interaction is None or interaction.token != call.params["interaction_token"]:
        raise DiscordError(404, 10062, "Unknown interaction")
    if interaction.acked is not None:
        raise DiscordError(400, 40060, "Interaction has already been acknowledged.")
    if time.time() - interaction.at > home.ack_seconds:
        raise DiscordError(404, 10062, "Unknown interaction")
    kind, data = int(call.body.get("type") or 0), call.body.get("data") or {}
    message = _carry_out(home, call, interaction, kind, data)
    interaction.acked, interaction.response_type = time.time(), kind
    interaction.answered.set()
    if call.query.get("with_response", "").lower() not in {"1", "true"}:
        return None
    told: Json = {"id": interaction.id, "type": interaction.type}
    if message is None:
        return {"interaction": told}
    told |= {"response_message_id": message.id, "response_message_loading": message.loading}
    told["response_message_ephemeral"] = message.ephemeral_for is not None
    return {"interaction": told, "resource": {"type": kind, "message": home.payload(message)}}


async def follow_up(home: Home, call: Call) -> Json:
    """One more message. Directly after a deferral it takes the place of what says that the bot is thinking."""
    interaction = _alive(home, call)
    waiting = _original(home, interaction)
    if waiting is not None and waiting.loading:
        revise(home, waiting, call, body={name: call.body[name] for name in call.body if name != "flags"})
        return home.payload(waiting)
    message = _compose(home, call, interaction, call.body)
    interaction.followups.append(message.id)
    home.post(message)
    return home.payload(message)


async def get(home: Home, call: Call) -> Json:
    return home.payload(_message(home, call))


async def edit(home: Home, call: Call) -> Json:
    message = _message(home, call)
    revise(home, message, call)
    return home.payload(message)


async def delete(home: Home, call: Call) -> None:
    home.remove(_message(home, call))


def _carry_out(home: Home, call: Call, interaction: Interaction, kind: int, data: Json) -> Message | None:
    of_component = interaction.type == COMPONENT or interaction.message is not None
    if kind in {DEFER_UPDATE, UPDATE} and not of_component:
        raise invalid_form("type", "INTERACTION_CALLBACK_TYPE", "This answer is for components only")
    if (kind == CHOICES) != (interaction.type == AUTOCOMPLETE):
        raise invalid_form("type", "INTERACTION_CALLBACK_TYPE", "Choices are for autocomplete only")
    if kind in {REPLY_NOW, DEFER_REPLY}:
        message = _reply(home, call, interaction, kind, data)
        home.post(message)
        interaction.original = message.id
        return message
    if kind in {DEFER_UPDATE, UPDATE}:
        interaction.original = interaction.message
        message = _existing(home, interaction)
        if kind == UPDATE:
            revise(home, message, call, body=data)
        return message
    if kind == CHOICES:
        if len(data.get("choices") or []) > 25:
            raise invalid_form("data.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        interaction.choices = data.get("choices") or []
    elif kind == SHOW_MODAL:
        if interaction.type not in {COMMAND, COMPONENT}:
            raise invalid_form("type", "INTERACTION_CALLBACK_TYPE", "A form is no answer to a form")
        modals.check(data)
        interaction.modal = data
    else:
        raise invalid_form("type", "BASE_TYPE_CHOICES", f"Value {kind} is no callback type")
    return None


def _reply(home: Home, call: Call, interaction: Interaction, kind: int, data: Json) -> Message:
    if kind == REPLY_NOW:
        message = _compose(home, call, interaction, data)
    else:
        message = _own(home, interaction, bool((data.get("flags") or 0) & EPHEMERAL))
        message.flags |= LOADING
    message.type = COMMAND_REPLY if interaction.type == COMMAND else message.type
    if interaction.type == COMPONENT:
        message.type, message.reply_to = REPLY, interaction.message
        message.reference = {"type": 0, "message_id": interaction.message, "channel_id": interaction.channel}
    return message


def _compose(home: Home, call: Call, interaction: Interaction, body: Json) -> Message:
    hidden = bool((body.get("flags") or 0) & EPHEMERAL)
    whom = interaction.user if hidden else None
    return compose(home, interaction.channel, call, body, interaction=interaction.id, ephemeral_for=whom)


def _own(home: Home, interaction: Interaction, hidden: bool) -> Message:
    whom = interaction.user if hidden else None
    return Message(
        home.snowflakes.next(), interaction.channel, BOT_USER, interaction=interaction.id, ephemeral_for=whom
    )


def _alive(home: Home, call: Call) -> Interaction:
    found = home.tokens.get(call.params["webhook_token"])
    if found is None:
        raise DiscordError(404, 10015, "Unknown Webhook")
    if time.time() - found.at > home.token_seconds:
        raise DiscordError(401, 50027, "Invalid Webhook Token")
    return found


def _original(home: Home, interaction: Interaction) -> Message | None:
    try:
        return None if interaction.original is None else home.find(interaction.original)
    except KeyError:
        return None


def _existing(home: Home, interaction: Interaction) -> Message:
    found = _original(home, interaction)
    if found is None:
        raise unknown_message()
    return found


def _message(home: Home, call: Call) -> Message:
    """The message that the address names; only the interaction's own ones."""
    interaction = _alive(home, call)
    name = call.params["message_id"]
    if name == "@original":
        return _existing(home, interaction)
    if name not in {interaction.original, *interaction.followups}:
        raise unknown_message()
    try:
        return home.find(name)
    except KeyError:
        raise unknown_message() from None
