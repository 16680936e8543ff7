"""Payloads of Slack in the conversation's words. Pure: names of people come from the caller.

Sources: docs.slack.dev/reference/events/message and its subtypes, .../app_mention, .../agent_session_stopped,
.../app_home_opened, .../channel_deleted, .../app_uninstalled. A message that mentions us in a channel comes twice, as
`app_mention` and as `message` with the same ts: both give the same InboundMessage.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from adapters.called_by_name import points_above
from adapters.slack import interactions
from adapters.slack.attachments import File, files_of
from adapters.slack.commands import Opening
from adapters.slack.identity import Identity
from adapters.slack.interactions import Shortcut
from adapters.slack.mrkdwn import begins_with_mention, mentions, plain, without_mention
from adapters.slack.payloads import Json, Malformed, identifier, part, string, timestamp, timestamp_or_none
from adapters.slack.places import address, is_dm, linked, reply_to, somebody
from conversation.access import Person
from conversation.model import InboundMessage, ThreadId
from conversation.reception import Heard, Press

log = logging.getLogger(__name__)

# What people write. All other subtypes tell of joins, topics, bots and the like.
_WRITTEN = frozenset({"", "file_share", "thread_broadcast", "me_message"})
_SLACKBOT = "USLACKBOT"
MAX_NAMES = 10


@dataclass(frozen=True, slots=True)
class Edited:
    """A person changed the text of a message; `edit_id` names this change of it."""

    heard: Heard
    edit_id: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A person's message is gone; only its address, id, author and `reply_to` are known."""

    message: InboundMessage


@dataclass(frozen=True, slots=True)
class Stopped:
    """A person pressed Slack's own stop button, at `at` seconds since 1970."""

    person: Person
    at: float


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """A person looks at their direct messages with us."""

    user: str
    channel: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A channel was deleted, or the app was removed from the whole workspace; `place` as `Reception.gone` takes it."""

    place: ThreadId


News = Heard | Edited | Deleted | Press | Stopped | HomeOpened | Gone | Shortcut | Opening


def translate(payload: object, me: Identity, names: Mapping[str, str]) -> News | None:
    """What an event or an interaction is to us; None when it does not concern us, or is not what Slack sends."""
    try:
        body = part(payload)
        match string(body, "type"):
            case "event_callback":
                return _event(body, me, names)
            case "block_actions":
                return interactions.press(body, me, names)
            case "message_action":
                return interactions.opening(body, me, names) or interactions.shortcut(body, me, names)
    except Malformed as exc:
        log.warning("a payload of Slack's cannot be read: %s", exc)
    return None


def people_in(payload: object, me: Identity) -> list[str]:
    """Ids of the people whose names a translation of this payload shows: who acts, and who is mentioned beside us."""
    try:
        body = part(payload)
        event = part(body, "event")
        said = part(event, "message") or event
        actor = string(said, "user") or string(part(body, "user"), "id") or string(body, "user_id")
        mentioned = [user for user in mentions(string(said, "text") or string(body, "text")) if user != me.user]
        return [actor, *mentioned[:MAX_NAMES]] if actor else []
    except Malformed:
        return []


def files_in(payload: object) -> tuple[File, ...]:
    """What is attached to the message that an event tells of."""
    try:
        event = part(part(payload), "event")
        return files_of((part(event, "message") or event).get("files"))
    except Malformed:
        return ()


def _event(body: Json, me: Identity, names: Mapping[str, str]) -> News | None:
    event = part(body, "event")
    match string(event, "type"):
        case "app_mention" | "message":
            return _message(event, string(body, "event_id"), me, names)
        case "agent_session_stopped" if event.get("thread_ts") is not None:
            where = address(me, identifier(event, "channel"), timestamp(event, "thread_ts"))
            return Stopped(somebody(me, where, identifier(event, "user")), float(timestamp(event, "event_ts")))
        case "app_home_opened" if string(event, "tab") == "messages":
            return HomeOpened(identifier(event, "user"), identifier(event, "channel"))
        case "channel_deleted":
            return Gone(address(me, identifier(event, "channel"), ""))
        case "app_uninstalled":
            return Gone(address(me, "", ""))
    return None


def _message(event: Json, event_id: str, me: Identity, names: Mapping[str, str]) -> News | None:
    match string(event, "subtype"):
        case "message_changed":
            return _changed(event, event_id, me, names)
        case "message_deleted":
            return _deleted(event, me)
    return _heard(event, identifier(event, "channel"), event_id, me, names)


def _heard(
    message: Json, channel: str, event_id: str, me: Identity, names: Mapping[str, str], *, told_before: bool = False
) -> Heard | None:
    """`told_before`: an earlier version of the message may be known to us, so this one concerns us too."""
    if not _is_written(message, me):
        return None
    user, ts, thread_ts = identifier(message, "user"), timestamp(message, "ts"), timestamp_or_none(message, "thread_ts")
    mrkdwn = string(message, "text")
    mentioned = string(message, "type") == "app_mention" or me.user in mentions(mrkdwn)
    direct = is_dm(channel)
    if not (mentioned or direct or thread_ts or told_before):
        return None  # people talk
    text = plain(without_mention(mrkdwn, me.user), names).strip()
    if not (text or mentioned or direct or message.get("files")):
        return None  # a card of an app's, say
    home = string(message, "user_team") or string(message, "source_team") or string(message, "team")
    is_reply = thread_ts not in {None, ts}
    above = linked(mrkdwn)
    if mentioned and not direct and (is_reply or not text or points_above(text)):
        above = (f"thread:{thread_ts}" if is_reply else "channel", *above)
    where = address(me, channel, thread_ts or ts)
    inbound = InboundMessage(
        address=where,
        message_id=ts,
        author_id=user,
        author_name=names.get(user, user),
        text=text,
        sent_at=float(ts),
        above=above,
        dedupe_keys=(f"slack:event:{event_id}",) if event_id else (),
        reply_to=reply_to(me, channel, thread_ts or ts, user, home),
    )
    return Heard(
        somebody(me, where, user, home).sign(inbound),
        mentioned=mentioned,
        direct=direct,
        elsewhere=begins_with_mention(mrkdwn) not in {None, me.user},
    )


def _changed(event: Json, event_id: str, me: Identity, names: Mapping[str, str]) -> News | None:
    message, before = part(event, "message"), part(event, "previous_message")
    if string(message, "subtype") == "tombstone":
        return _deleted(event, me)  # so a message is deleted that has replies
    # Slack also tells of links that got a preview, and of replies that were counted.
    if not part(message, "edited") or string(message, "text") == string(before, "text"):
        return None
    # Anybody's message may have been read, above a question or behind a link.
    heard = _heard(message, identifier(event, "channel"), event_id, me, names, told_before=True)
    if heard is None:
        return None
    edit_ts = timestamp(part(message, "edited"), "ts")
    edited = replace(heard, message=replace(heard.message, edited_at=float(edit_ts)))
    return Edited(edited, f"{heard.message.message_id}/edited/{edit_ts}")


def _deleted(event: Json, me: Identity) -> Deleted | None:
    before, channel = part(event, "previous_message"), identifier(event, "channel")
    if not (_is_written(before, me) or _is_other_bots(before, me)):
        return None
    ts, thread_ts = timestamp(before, "ts"), timestamp_or_none(before, "thread_ts")
    user = string(before, "user") or identifier(before, "bot_id")
    return Deleted(
        InboundMessage(
            address=address(me, channel, thread_ts or ts),
            message_id=ts,
            author_id=user,
            author_name=user,
            text="",
            sent_at=float(ts),
            reply_to=reply_to(me, channel, thread_ts or ts, user, string(before, "user_team")),
        )
    )


def _is_other_bots(message: Json, me: Identity) -> bool:
    bot = string(message, "bot_id")
    return bot not in {"", me.bot} and string(message, "user") != me.user


def _is_written(message: Json, me: Identity) -> bool:
    """Whether a person wrote it, and no bot, be it us."""
    if string(message, "subtype") not in _WRITTEN or message.get("bot_id") or message.get("bot_profile"):
        return False
    return string(message, "user") not in {"", me.user, _SLACKBOT}
