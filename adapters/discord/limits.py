"""What Discord allows one bot. It documents 50 calls a second in all and tells the rest in headers only
(discord.com/developers/docs/topics/rate-limits); the figures here are what bots observe.

Posts and edits carry the same X-RateLimit-Bucket and are counted apart all the same (discord/discord-api-docs#8073), so
what a library counts by that header is wrong for one of them. Of most limits one call less is used than there is:
whatever else writes with this bot's token finds room, and no call of ours is the one too many.
"""

from __future__ import annotations

from hashlib import sha256

from conversation.pacing import Allowance

# Late by more than this is rare, and then there is still the call that is not used.
_MARGIN_SECONDS, _SHORT_MARGIN_SECONDS = 0.5, 0.25

# All routes but those of interactions and their webhooks; 50 a second are documented.
EVERYWHERE = Allowance("discord:everywhere", 45, 1.0, _SHORT_MARGIN_SECONDS)
# Calls of those that the listener leaves to answers, whatever it has to look up and to catch up with.
SPARE_FOR_ANSWERS = 25
OPENED_DMS = Allowance("discord:dms", 4, 5.0, _MARGIN_SECONDS)
ABOUT_ME = Allowance("discord:me", 4, 5.0, _MARGIN_SECONDS)


def sends_in(channel: str) -> Allowance:
    """New messages in a channel, thread or DM."""
    return Allowance(f"discord:{channel}:messages", 4, 5.0, _MARGIN_SECONDS)


def edits_in(channel: str) -> Allowance:
    """Edits of messages there that are younger than an hour."""
    return Allowance(f"discord:{channel}:edits", 4, 5.0, _MARGIN_SECONDS)


def old_edits_in(channel: str) -> Allowance:
    """Edits of older messages there (error 30046): in no header; bots count three in twenty seconds."""
    return Allowance(f"discord:{channel}:old-edits", 2, 20.0, _MARGIN_SECONDS)


def edits_by(token: str) -> Allowance:
    """What may be written with an interaction's token. The token itself must not get into the store's key names."""
    return Allowance(f"discord:interaction:{sha256(token.encode()).hexdigest()[:16]}", 4, 5.0, _MARGIN_SECONDS)


def deletes_in(channel: str) -> Allowance:
    """Messages that are taken away."""
    return Allowance(f"discord:{channel}:deletes", 4, 1.0, _SHORT_MARGIN_SECONDS)


def threads_in(channel: str) -> Allowance:
    """New threads in a channel: all five, since twenty questions at once wait for them the longest."""
    return Allowance(f"discord:{channel}:threads", 5, 5.0, _MARGIN_SECONDS)


def changes_to(channel: str) -> Allowance:
    """Bringing an archived thread back, and taking a thread's name away."""
    return Allowance(f"discord:{channel}:changes", 4, 5.0, _MARGIN_SECONDS)


def looks_at(channel: str) -> Allowance:
    """Asking what a channel or thread is."""
    return Allowance(f"discord:{channel}:looks", 4, 5.0, _MARGIN_SECONDS)


def members_of(guild: str) -> Allowance:
    """Asking how somebody stands in a server."""
    return Allowance(f"discord:{guild}:members", 4, 1.0, _SHORT_MARGIN_SECONDS)


def typing_in(channel: str) -> Allowance:
    """The typing indicator."""
    return Allowance(f"discord:{channel}:typing", 4, 5.0, _MARGIN_SECONDS)


def reads_in(channel: str) -> Allowance:
    """Pages of a channel's history, and single messages of it."""
    return Allowance(f"discord:{channel}:reads", 4, 5.0, _MARGIN_SECONDS)
