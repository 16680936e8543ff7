"""What people write, in the conversation's words. Pure.

Source: discord.com/developers/docs/events/gateway-events#messages, .../resources/message. A message that is read again
from the history is the same but for `guild_id` and `member`, so both ways give the same InboundMessage.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from adapters.called_by_name import points_above
from adapters.discord.channels import DIRECT_GUILD, PLATFORM, Kind, Place
from adapters.discord.identity import Identity
from adapters.discord.payloads import (
    Json,
    Malformed,
    milliseconds_of,
    number,
    part,
    parts,
    snowflake,
    snowflake_or_none,
    string,
)
from adapters.discord.people import roles_of
from adapters.discord.reading import begins_with_mention, plain, title
from adapters.discord.small_talk import is_small_talk, is_thanks
from conversation.access import Person
from conversation.model import Belonging, InboundMessage, ThreadId
from conversation.reception import Heard

log = logging.getLogger(__name__)

CREATED, UPDATED, DELETED = "MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"
GONE = frozenset({"THREAD_DELETE", "CHANNEL_DELETE", "GUILD_DELETE"})
# What people write: a message, and a reply. All other types tell of pins, joins, threads and the like.
_WRITTEN = frozenset({0, 19})
_FORWARD = 1
MAX_NAMES = 20
# An old message that gets a mention today, or a typing error mended, asks nothing any more.
EDITS_ASK_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class File:
    """What somebody attached. `size` is bytes."""

    name: str
    url: str
    size: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Said:
    """A message, and the files whose text belongs to it. `anew` is what it is if there is no conversation that it could
    go on with. `by_name`: it is said to us and nobody else, so that its first word may be a skill's name."""

    heard: Heard
    files: tuple[File, ...] = ()
    anew: Heard | None = None
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Edited:
    """A person changed the text of a message; `edit_id` names this change of it."""

    said: Said
    edit_id: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """A message is gone; only its address, id and `reply_to` are known."""

    message: InboundMessage


News = Said | Edited | Deleted


@dataclass(frozen=True, slots=True)
class Ears:
    """With what a message is understood: who we are, and where every question is for us."""

    me: Identity
    help_channels: frozenset[str]
    our_roles: frozenset[str] = frozenset()  # in the message's guild

    @property
    def ours(self) -> frozenset[str]:
        return self.our_roles | {self.me.user}


def is_written(message: Json, me: Identity) -> bool:
    """Whether a person wrote it, and no bot, be it us. Raises Malformed."""
    author = part(message, "author")
    if number(message, "type") not in _WRITTEN or author.get("bot") or author.get("system"):
        return False
    return not message.get("webhook_id") and string(author, "id") not in {"", me.user}


def translate(event: str, payload: object, place: Place, ears: Ears) -> News | None:
    """What an event of this place is to us; None when it does not concern us, or is not what Discord sends."""
    try:
        body = part(payload)
        if event == CREATED:
            return _said(body, place, ears) if is_written(body, ears.me) else None
        if event == UPDATED:
            return _edited(body, place, ears)
        if event == DELETED:
            return Deleted(_deleted(snowflake(body, "id"), place))
    except Malformed as exc:
        log.warning("Discord's %s cannot be read: %s", event, exc)
    return None


def gone(event: str, payload: object) -> ThreadId | None:
    """What is no more, as `Reception.gone` takes it; None when that cannot be read, or is away for a while only."""
    try:
        body = part(payload)
        if event == "THREAD_DELETE":
            return ThreadId(PLATFORM, snowflake(body, "guild_id"), snowflake(body, "parent_id"), snowflake(body, "id"))
        if event == "CHANNEL_DELETE":
            return ThreadId(PLATFORM, snowflake(body, "guild_id"), snowflake(body, "id"), "")
        # With `unavailable` Discord itself has trouble there.
        return None if body.get("unavailable") else ThreadId(PLATFORM, snowflake(body, "id"), "", "")
    except Malformed as exc:
        log.warning("Discord's %s cannot be read: %s", event, exc)
        return None


def roles_in(message: Json) -> Collection[str]:
    """Ids of the roles that a message mentions."""
    mentioned = message.get("mention_roles")
    return [one for one in mentioned if isinstance(one, str)] if isinstance(mentioned, list) else []


def reply_to(place: Place, address_thread: str, user: str, thread_title: str = "") -> dict[str, str]:
    """What writing an answer here takes. `from` is the message that a thread is made of, if there is none yet."""
    where = {"channel": place.parent or place.id, "user": user}
    if place.kind is Kind.CHANNEL:
        return {**where, "from": address_thread, "title": thread_title}
    where["thread"] = place.id
    return {**where, "dm": "1"} if place.kind is Kind.DIRECT else where


def name_of(user: Json, member: Json) -> str:
    """What people see: the nickname of this guild, else the display name, else the name."""
    names = (string(member, "nick"), string(user, "global_name"), string(user, "username"))
    return next((name for name in names if name.strip()), string(user, "id"))


def _said(message: Json, place: Place, ears: Ears, *, is_edit: bool = False) -> Said | None:
    """An edit of what did not concern us may have been one of what did."""
    author, message_id = part(message, "author"), snowflake(message, "id")
    user = snowflake(author, "id")
    content, files = string(message, "content"), _files(message)
    replied_to, replied_author = _replied(message)
    mentioned = [string(one, "id") for one in parts(message, "mentions")]
    to_us = ears.me.is_in(mentioned, roles_in(message), ears.our_roles) or replied_author == ears.me.user
    text = plain(_with_forwarded(message, content), _names(message), ears.ours)
    to_others = begins_with_mention(content) not in ears.ours | {""} or replied_author not in {"", user, ears.me.user}
    is_bare = not (text or files)
    is_chat = is_small_talk(text) and not files
    thread, asks, elsewhere = message_id, to_us, to_others

    if place.kind is Kind.THREAD and place.parent in ears.help_channels and message_id == place.id:
        asks, text = True, "\n\n".join(part for part in (place.name, text) if part)  # a forum's post
    elif place.kind is Kind.CHANNEL and place.id in ears.help_channels and not to_us:
        if replied_author == user:
            thread = replied_to  # goes on with a question that has a thread of its own
        else:
            asks = not (replied_to or to_others or is_chat)
    elif place.kind is Kind.THREAD and not to_us:
        # Whoever helps in somebody's post talks to that person, also without saying so.
        helps = place.parent in ears.help_channels and place.owner not in {"", user, ears.me.user}
        elsewhere = to_others or helps or (is_thanks(text) and not files)
    direct = place.kind is Kind.DIRECT
    if not (asks or direct or is_edit or (thread != message_id) or place.kind is Kind.THREAD):
        return None  # people talk
    if is_bare and not (asks or direct or is_edit):
        return None  # a sticker, say
    name = name_of(author, part(message, "member"))
    by_name, points_up = to_us or direct, is_bare or (points_above(text) and not files)
    inbound = InboundMessage(
        address=place.address(thread),
        message_id=message_id,
        author_id=user,
        author_name=name,
        text=text,
        sent_at=milliseconds_of(message_id) / 1000,
        above=_above(place, to_us, points_up, replied_to),
        reply_to=reply_to(place, thread, user, title(text, name)),
    )
    inbound = _author(message, place, user).sign(inbound)
    heard = Heard(inbound, mentioned=asks, direct=direct, elsewhere=elsewhere and not asks)
    if thread == message_id or is_chat or is_bare:
        return Said(heard, files, by_name=by_name)
    # To one's own "hello", say, or to what one wrote before we came: that may be what the question is about.
    own = replace(
        inbound,
        address=place.address(message_id),
        above=_above(place, True, points_up, replied_to),
        reply_to=reply_to(place, message_id, user, title(text, name)),
    )
    return Said(heard, files, Heard(own, mentioned=True), by_name)


def _author(message: Json, place: Place, user: str) -> Person:
    """Who wrote it; what is read from the history does not tell their roles."""
    address = place.address(snowflake(message, "id"))
    if place.guild == DIRECT_GUILD:
        return Person(address, user)
    member = part(message, "member")
    return Person(address, user, roles=roles_of(member)) if member else Person(address, user, Belonging.UNKNOWN)


def _edited(message: Json, place: Place, ears: Ears) -> Edited | None:
    # Discord also tells of links that got a preview, of pins, and of a thread that was made of the message.
    edited_at = string(message, "edited_timestamp")
    if not edited_at or "content" not in message or not part(message, "author") or not is_written(message, ears.me):
        return None
    said = _said(message, place, ears, is_edit=True)
    if said is None:
        return None
    at = _seconds(edited_at)
    anew = None if said.anew is None else _heard_at(said.anew, at)
    edit_id = f"{said.heard.message.message_id}/edited/{edited_at}"
    return Edited(replace(said, heard=_heard_at(said.heard, at), anew=anew), edit_id)


def _heard_at(heard: Heard, edited_at: float) -> Heard:
    message = replace(heard.message, edited_at=edited_at)
    asks = heard.mentioned and edited_at - message.sent_at < EDITS_ASK_SECONDS
    return replace(heard, message=message) if asks or not heard.mentioned else Heard(message, direct=heard.direct)


def _deleted(message_id: str, place: Place) -> InboundMessage:
    return InboundMessage(
        address=place.address(message_id),
        message_id=message_id,
        author_id="unknown",
        author_name="",
        text="",
        sent_at=milliseconds_of(message_id) / 1000,
        # The thread is there, if there was an answer: none can be made of a message that is gone.
        reply_to={"channel": place.parent or place.id, "thread": place.address(message_id).thread, "user": ""},
    )


def _above(place: Place, to_us: bool, points_up: bool, replied_to: str) -> tuple[str, ...]:
    """Where people's earlier messages stand that belong to this one."""
    above = (f"message:{place.id}:{replied_to}",) if replied_to and (to_us or place.kind is Kind.DIRECT) else ()
    if not to_us or place.kind is Kind.DIRECT:
        return above
    if place.kind is Kind.THREAD:
        return ("thread", *above)
    return ("channel",) if points_up and not above else above


def _replied(message: Json) -> tuple[str, str]:
    """Ids of the message that this one replies to, and of its author; "" for what is not known."""
    reference = part(message, "message_reference")
    if number(message, "type") != 19 or number(reference, "type") == _FORWARD:
        return "", ""
    author = string(part(message, "referenced_message", "author"), "id")
    # Of a message that was deleted nobody knows whose it was.
    return snowflake_or_none(reference, "message_id"), author or "somebody"


def _with_forwarded(message: Json, content: str) -> str:
    texts = [string(part(one, "message"), "content") for one in parts(message, "message_snapshots")]
    return "\n\n".join(text for text in (content, *texts) if text)


def _files(message: Json) -> tuple[File, ...]:
    return tuple(
        File(string(one, "filename") or "file", string(one, "url"), number(one, "size"), string(one, "content_type"))
        for one in parts(message, "attachments")
    )


def _names(message: Json) -> dict[str, str]:
    mentioned = parts(message, "mentions")[:MAX_NAMES]
    return {string(one, "id"): name_of(one, part(one, "member")) for one in mentioned}


def _seconds(timestamp: str) -> float:
    """Since 1970."""
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        raise Malformed("not a timestamp") from None
