"""What people call up and press, in the conversation's words. Pure.

Source: discord.com/developers/docs/interactions/receiving-and-responding. Discord delivers an interaction once, waits
three seconds for its acknowledgement, and takes edits of what was shown for fifteen minutes.

Ids of messages that come of an interaction begin with a snowflake, as those of all messages do: it tells their time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import discord

from adapters.discord.channels import DIRECT_GUILD, PLATFORM, Kind, Place
from adapters.discord.events import reply_to
from adapters.discord.formatting import to_discord
from adapters.discord.payloads import milliseconds_of
from adapters.discord.places import PRIVATE_THREAD
from adapters.discord.reading import title
from adapters.markdown.links import INVISIBLE
from adapters.understanding import ASK_ABOUT_IT
from conversation.access import Person
from conversation.model import Action, Belonging, InboundMessage, ThreadId
from conversation.reception import Heard, Press
from conversation.skills import Request
from conversation.splitting import split

TOKEN_SECONDS = 900
ECHOED_CHARACTERS = 1500
# With a name of 32 characters, escaped, it is no longer than a message may be.
ECHO_ROOM = 1900

# What is Markdown within a line; discord.py's own escaping leaves the second of two links whole.
_MARKS = re.compile(r"[\\*_~`|<\[\]]")


@dataclass(frozen=True, slots=True)
class Called:
    """Who called something up, and where. `token` lets us edit what is shown to them, until it expires."""

    place: Place
    user: str
    name: str
    id: str
    token: str
    application: str
    roles: tuple[str, ...] = ()  # ids of those that the person has in the place's guild

    def person(self, address: ThreadId) -> Person:
        """The person there: of another guild than where it was called up, roles are not known."""
        if address.tenant == self.place.guild:
            return Person(address, self.user, roles=self.roles)
        return Person(address, self.user, Belonging.UNKNOWN)

    @property
    def at(self) -> float:
        """Seconds since 1970."""
        return milliseconds_of(self.id) / 1000

    @property
    def private_address(self) -> ThreadId:
        """What one person asks us in one channel, its threads included, so that nobody else sees it is one
        conversation."""
        channel = self.place.parent or self.place.id
        return ThreadId(PLATFORM, self.place.guild, channel, f"{PRIVATE_THREAD}{self.user}")

    @property
    def private_reply_to(self) -> dict[str, str]:
        """What showing something to this person alone takes."""
        where = {"channel": self.place.parent or self.place.id, "user": self.user}
        if self.place.kind is Kind.THREAD:
            where["thread"] = self.place.id
        expires = str(int(self.at) + TOKEN_SECONDS)
        return {**where, "interaction": self.token, "application": self.application, "expires": expires}


def called(interaction: discord.Interaction) -> Called:
    """Read discord.py's interaction."""
    return Called(
        place=place_of_interaction(interaction),
        user=str(interaction.user.id),
        name=interaction.user.display_name,
        id=str(interaction.id),
        token=interaction.token,
        application=str(interaction.application_id),
        roles=_roles(interaction.user),
    )


def _roles(user: discord.User | discord.Member) -> tuple[str, ...]:
    # `Member.roles` has those only that are in discord.py's cache of the guild, which we leave empty.
    return tuple(str(role) for role in user._roles) if isinstance(user, discord.Member) else ()


def place_of_interaction(interaction: discord.Interaction) -> Place:
    """Where it was called up."""
    channel = interaction.channel
    channel_id = str(interaction.channel_id or (channel.id if channel is not None else 0))
    if interaction.guild_id is None:
        return Place(DIRECT_GUILD, channel_id, Kind.DIRECT)
    guild = str(interaction.guild_id)
    if isinstance(channel, discord.Thread):
        return Place(guild, channel_id, Kind.THREAD, str(channel.parent_id), channel.name, str(channel.owner_id))
    is_voice = isinstance(channel, discord.VoiceChannel | discord.StageChannel)
    return Place(guild, channel_id, Kind.VOICE if is_voice else Kind.CHANNEL)


def missing_permissions(interaction: discord.Interaction) -> list[str]:
    """What a public answer here needs and we do not have, as Discord's pages call it."""
    match place_of_interaction(interaction).kind:
        case Kind.DIRECT:
            return []
        case Kind.CHANNEL:
            needed = ["view_channel", "create_public_threads", "send_messages_in_threads"]
        case Kind.THREAD:
            needed = ["view_channel", "send_messages_in_threads"]
        case _:
            needed = ["view_channel", "send_messages"]
    return _missing(interaction, needed)


def missing_to_show(interaction: discord.Interaction, action: Action) -> list[str]:
    """The same for a private answer that is shown to everybody."""
    if place_of_interaction(interaction).kind is not Kind.CHANNEL:
        return missing_permissions(interaction)
    for_thread = ["create_public_threads", "send_messages_in_threads"] if action is Action.THREAD else []
    return _missing(interaction, ["view_channel", "send_messages", *for_thread])


def may_manage(interaction: discord.Interaction) -> bool:
    """Whether who called it up may set what holds for the channel. In direct messages everybody may."""
    return interaction.guild_id is None or interaction.permissions.manage_channels


def _missing(interaction: discord.Interaction, needed: list[str]) -> list[str]:
    allowed = interaction.app_permissions
    return [name.replace("_", " ").title() for name in needed if not getattr(allowed, name)]


def public_question(by: Called, root: str, question: Request, thread_title: str) -> Heard:
    """A question that everybody sees in the message `root`, which was posted for it; answered in a thread of that."""
    message = InboundMessage(
        address=by.place.address(root),
        message_id=root,
        author_id=by.user,
        author_name=by.name,
        text="",
        sent_at=by.at,
        dedupe_keys=(f"discord:interaction:{by.id}",),
        reply_to=reply_to(by.place, root, by.user, thread_title),
    )
    return Heard(_signed(by, question.into(message)), mentioned=True, direct=by.place.kind is Kind.DIRECT)


def private_question(by: Called, question: Request, thread_title: str) -> Heard:
    """A question that only who asks it sees, and its answer."""
    message = _said_privately(by, by.private_address, "")
    message = replace(message, reply_to={**message.reply_to, "title": thread_title}, private=True)
    return Heard(_signed(by, question.into(message)), mentioned=True)


def forget(by: Called) -> Heard:
    """The wish to have the conversation forgotten: the thread's or the direct messages', else what this person asked us
    here privately. Told to them alone."""
    in_place = by.place.kind in {Kind.THREAD, Kind.DIRECT}
    return Heard(_said_privately(by, by.place.address(by.id) if in_place else by.private_address, "forget"), True)


def status(by: Called) -> Heard:
    """The wish to know how things stand here. In line behind nothing, and told to them alone."""
    place = by.place
    address = ThreadId(PLATFORM, place.guild, place.parent or place.id, by.id)
    return Heard(_said_privately(by, address, "status"), mentioned=True)


def _said_privately(by: Called, address: ThreadId, text: str) -> InboundMessage:
    said = InboundMessage(
        address=address,
        message_id=by.id,
        author_id=by.user,
        author_name=by.name,
        text=text,
        sent_at=by.at,
        reply_to=by.private_reply_to,
    )
    return _signed(by, said)


def _signed(by: Called, message: InboundMessage) -> InboundMessage:
    return by.person(message.address).sign(message)


def about_message(by: Called, message_id: str, content: str) -> Heard:
    """The wish to have somebody's message answered, in the place where it would be if its author had asked."""
    message = InboundMessage(
        address=by.place.address(message_id),
        message_id=by.id,
        author_id=by.user,
        author_name=by.name,
        text=ASK_ABOUT_IT,
        sent_at=by.at,
        above=(f"message:{by.place.id}:{message_id}",),
        reply_to=reply_to(by.place, message_id, by.user, title(content, by.name)),
    )
    return Heard(_signed(by, message), mentioned=True, direct=by.place.kind is Kind.DIRECT)


def press(
    by: Called,
    action: Action,
    target: str,
    message_id: str,
    *,
    is_private: bool,
    asked_in: tuple[str, str] | None = None,
) -> Press:
    """A press of a button below the answer `message_id`; of one that only this person sees, `is_private`. `asked_in`
    is the guild and the channel of a private question whose answer moved to direct messages: it is still that
    conversation's, and nobody's but this person's."""
    address = by.private_address if is_private else by.place.address(message_id)
    if asked_in is not None:
        address = ThreadId(PLATFORM, *asked_in, f"{PRIVATE_THREAD}{by.user}")
    return Press(
        action=action,
        target=target,
        person=by.person(address),
        person_name=by.name,
        id=by.id,
        at=by.at,
        message_id=message_id,
        # "pressed": what comes of it takes no message's place.
        reply_to={**by.private_reply_to, "pressed": "1"} if is_private else reply_to(by.place, message_id, by.user),
        private=is_private,
    )


def showing(by: Called, action: Action, target: str, message_id: str) -> Press:
    """A press of a button that shows a private answer to everybody: with a message of its own that says who asks, and
    below that or in a thread of it."""
    place = by.place
    in_thread = action is Action.THREAD and place.kind is Kind.CHANNEL
    where = {"channel": place.parent or place.id, "user": by.user, "root": "thread" if in_thread else "place"}
    if place.kind is not Kind.CHANNEL:
        where["thread"] = place.id
    return Press(
        action=action,
        target=target,
        person=by.person(by.private_address),
        person_name=by.name,
        id=by.id,
        at=by.at,
        message_id=message_id,
        reply_to=where,
        private=True,
        # Until it is there nobody knows its id.
        shown_at=place.address(f"{action}-{target}"),
    )


def echo(name: str, asked: str, characters: int = ECHOED_CHARACTERS) -> str:
    """The message that shows to everybody what was asked. It stands under our name: its links show where they lead."""
    parts = split(asked, characters)
    shown = asked
    if len(parts) > 1:
        shown = parts[0].text.rstrip()
        shown += "\n…" if shown.endswith("```") else "…"
    # Whom a person mentions is shown by name, and called by nobody.
    shown = to_discord(shown, ECHO_ROOM).replace(f"@{INVISIBLE}", "@")
    who = _MARKS.sub(r"\\\g<0>", name)
    return f"**{who}** asked:\n>>> {shown}"
