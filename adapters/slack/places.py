"""How places in Slack are named inside: threads, what an answer needs to be written there, and what stands above."""

from __future__ import annotations

from adapters.slack.identity import Identity
from adapters.slack.mrkdwn import message_links
from conversation.access import Person
from conversation.model import Belonging, ThreadId

PLATFORM = "slack"
MAX_LINKS = 5


def address(me: Identity, channel: str, thread_ts: str) -> ThreadId:
    """The thread under this message. The workspace is always ours: in channels that are shared with others, payloads
    name now one and now the other."""
    return ThreadId(PLATFORM, me.team, channel, thread_ts)


def somebody(me: Identity, where: ThreadId, user: str, team: str = "") -> Person:
    """Who acts there, as far as a payload tells: a guest looks like a member in it, and so does a person of another
    workspace of our own organisation like one of another organisation. `People.standing` finds out."""
    if me.is_home(team):
        return Person(where, user, Belonging.UNKNOWN)
    return Person(where, user, Belonging.UNKNOWN if me.enterprise else Belonging.EXTERNAL, home=team)


def is_dm(channel: str) -> bool:
    """Whether nobody but one person and us is there."""
    return channel.startswith("D")


def reply_to(me: Identity, channel: str, thread_ts: str, user: str, team: str = "") -> dict[str, str]:
    """What writing an answer in this thread takes: chat.startStream wants to know whom it is for."""
    where = {"thread_ts": thread_ts, "user": user, "team": team or me.team}
    return {**where, "dm": "1"} if is_dm(channel) else where


def link(channel: str, ts: str, thread_ts: str | None) -> str:
    """A message somewhere as an entry of `InboundMessage.above`."""
    return f"link:{channel}:{ts}" + (f":{thread_ts}" if thread_ts else "")


def linked(mrkdwn: str) -> tuple[str, ...]:
    """The Slack messages that a text links to, as entries of `InboundMessage.above`; the first few."""
    return tuple(link(*found) for found in message_links(mrkdwn)[:MAX_LINKS])
