"""What people press: buttons below our messages, and the shortcuts in any message's menu. Pure.

Source: docs.slack.dev/reference/interaction-payloads, block_actions and message_action. Slack delivers them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.slack.commands import CORRAL, Opening
from adapters.slack.destination import SHARED
from adapters.slack.forms import form_about, origin_of_message
from adapters.slack.identity import Identity
from adapters.slack.mrkdwn import plain
from adapters.slack.payloads import Json, Malformed, identifier, part, string, timestamp, timestamp_or_none
from adapters.slack.places import address, link, reply_to, somebody
from adapters.slack.private import RESPONSE_URL, conversation_in, reply_privately
from adapters.understanding import ASK_ABOUT_IT
from conversation.model import Action, InboundMessage, Skill
from conversation.reception import Heard, Press

ASK_SHORTCUT, FORM_SHORTCUT = "corral_ask", "corral_form"
_PREFIX, _FEEDBACK = "corral:", "corral:feedback"
# What the button of a private answer shows to everybody; what else is pressed there stays private.
PUBLISHING = frozenset({Action.SHARE, Action.THREAD})


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A person wants an answer to somebody's message."""

    heard: Heard


def opening(body: Json, me: Identity, names: Mapping[str, str]) -> Opening | None:
    """The form that the shortcut in a message's menu calls up. None for all else. Raises Malformed."""
    if string(body, "callback_id") != FORM_SHORTCUT:
        return None
    user, origin = part(body, "user"), origin_of_message(body)
    form = form_about(Skill.EXPLAIN, plain(string(part(body, "message"), "text"), names), origin)
    person = somebody(me, address(me, origin.channel, ""), identifier(user, "id"), string(user, "team_id"))
    return Opening(form, string(body, "trigger_id"), person)


def press(body: Json, me: Identity, names: Mapping[str, str]) -> Press | None:
    """A button with the action_id `corral:<action>`, which may go on behind a colon, and the Offer's target as its
    value; of feedback buttons, which share one action_id, the value is `good:<target>` or `bad:<target>`. Below what
    one person sees alone the target goes on with the conversation. None for any other."""
    pressed, container = _pressed(body), part(body, "container")
    if pressed is None:
        raise Malformed("actions is no list of them")
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
    where, reply = address(me, channel, root), reply_to(me, channel, root, user, team)
    target, asked_in = conversation_in(me, target)
    if action is Action.TRY and container.get("is_ephemeral") is True:
        # Of the help that one person sees alone: answered as it was asked for, each in a conversation of its own.
        asked_in = address(me, channel, f"{ts}-{target}")
    is_private = asked_in is not None and action not in PUBLISHING
    if asked_in is not None:
        where = asked_in
        reply = (
            reply_privately(me, user, team, string(body, "response_url"), float(at))
            if is_private
            else _in_public(me, user, team, action) | {RESPONSE_URL: string(body, "response_url")}
        )
    return Press(
        action=action,
        target=target,
        person=somebody(me, where, user, team),
        person_name=names.get(user, user),
        id=f"{ts}/{action_id}/{at}",
        at=float(at),
        message_id=ts,
        reply_to=reply,
        private=is_private,
    )


def shortcut(body: Json, me: Identity, names: Mapping[str, str]) -> Shortcut | None:
    """The shortcut "Ask Corral about this", answered in the thread of the message that it was used on."""
    if string(body, "callback_id") != ASK_SHORTCUT:
        return None
    channel, message = identifier(part(body, "channel"), "id"), part(body, "message")
    ts, thread_ts = timestamp(message, "ts"), timestamp_or_none(message, "thread_ts")
    user, at = identifier(part(body, "user"), "id"), timestamp(body, "action_ts")
    team = string(part(body, "user"), "team_id")
    where = address(me, channel, thread_ts or ts)
    asked = InboundMessage(
        address=where,
        message_id=f"{ts}/ask/{at}",
        author_id=user,
        author_name=names.get(user, user),
        text=ASK_ABOUT_IT,
        sent_at=float(at),
        above=(link(channel, ts, thread_ts),),
        reply_to=reply_to(me, channel, thread_ts or ts, user, team),
    )
    return Shortcut(Heard(somebody(me, where, user, team).sign(asked), mentioned=True))


def _pressed(body: Json) -> Json | None:
    actions = body.get("actions")
    return part(actions[0]) if isinstance(actions, list) and actions else None


def _in_public(me: Identity, user: str, team: str, action: Action) -> dict[str, str]:
    """A message is made for the answer: to have it in its thread, or in its own place."""
    reply = {"command": CORRAL, "user": user, "team": team or me.team}
    return reply | {SHARED: "1"} if action is Action.SHARE else reply
