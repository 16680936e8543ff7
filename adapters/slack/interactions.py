"""What people press: buttons below our messages, and the shortcut in any message's menu. Pure.

Source: docs.slack.dev/reference/interaction-payloads, block_actions and message_action. Slack delivers them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.slack.identity import Identity
from adapters.slack.payloads import Json, Malformed, identifier, part, string, timestamp, timestamp_or_none
from adapters.slack.places import address, link, reply_to
from conversation.model import Action, InboundMessage
from conversation.reception import Heard, Person, Press

ASK_SHORTCUT = "corral_ask"
ASK_ABOUT_IT = "Please answer this message."
_PREFIX, _FEEDBACK = "corral:", "corral:feedback"


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A person wants an answer to somebody's message."""

    heard: Heard


def press(body: Json, me: Identity, names: Mapping[str, str]) -> Press | None:
    """A button with the action_id `corral:<action>`, which may go on behind a colon, and the Offer's target as its
    value; of feedback buttons, which share one action_id, the value is `good:<target>` or `bad:<target>`. None for
    any other."""
    actions = body.get("actions")
    if not isinstance(actions, list) or not actions:
        raise Malformed("actions is no list of them")
    pressed, container = part(actions[0]), part(body, "container")
    action_id, value = string(pressed, "action_id"), string(pressed, "value")
    if not action_id.startswith(_PREFIX):
        return None
    name, target = action_id[len(_PREFIX) :].partition(":")[0], value
    if action_id == _FEEDBACK and ":" in value:
        name, target = value.split(":", 1)
    try:
        action = Action(name)
    except ValueError:
        return None  # of an older or newer version of this program
    channel = identifier(container, "channel_id")
    ts, at = timestamp(container, "message_ts"), timestamp(pressed, "action_ts")
    root = timestamp_or_none(container, "thread_ts") or timestamp_or_none(part(body, "message"), "thread_ts") or ts
    user = identifier(part(body, "user"), "id")
    team = string(part(body, "user"), "team_id")
    return Press(
        action=action,
        target=target,
        person=Person(address(me, channel, root), user, external=not me.is_home(team)),
        person_name=names.get(user, user),
        id=f"{ts}/{action_id}/{at}",
        at=float(at),
        message_id=ts,
        reply_to=reply_to(me, channel, root, user, team),
    )


def shortcut(body: Json, me: Identity, names: Mapping[str, str]) -> Shortcut | None:
    """The shortcut "Ask Corral about this", answered in the thread of the message that it was used on."""
    if string(body, "callback_id") != ASK_SHORTCUT:
        return None
    channel, message = identifier(part(body, "channel"), "id"), part(body, "message")
    ts, thread_ts = timestamp(message, "ts"), timestamp_or_none(message, "thread_ts")
    user, at = identifier(part(body, "user"), "id"), timestamp(body, "action_ts")
    team = string(part(body, "user"), "team_id")
    return Shortcut(
        Heard(
            InboundMessage(
                address=address(me, channel, thread_ts or ts),
                message_id=f"{ts}/ask/{at}",
                author_id=user,
                author_name=names.get(user, user),
                text=ASK_ABOUT_IT,
                sent_at=float(at),
                above=(link(channel, ts, thread_ts),),
                reply_to=reply_to(me, channel, thread_ts or ts, user, team),
            ),
            mentioned=True,
            external=not me.is_home(team),
        )
    )
