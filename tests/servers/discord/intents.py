"""Which events a session gets, and what of them (discord.com/developers/docs/events/gateway#gateway-intents)."""

from __future__ import annotations

from tests.servers.discord.cast import BOT_USER, Json

GUILDS, GUILD_MEMBERS, GUILD_PRESENCES, MESSAGE_CONTENT = 1 << 0, 1 << 1, 1 << 8, 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
_IN_GUILDS = {"MESSAGE": 1 << 9, "MESSAGE_REACTION": 1 << 10, "TYPING": 1 << 11}
_DIRECT = {"MESSAGE": 1 << 12, "MESSAGE_REACTION": 1 << 13, "TYPING": 1 << 14}
_CONTENT = {"content": "", "embeds": [], "attachments": [], "components": []}


def wanted(event: str, intents: int, *, direct: bool) -> bool:
    """Whether a session with these intents gets this event."""
    needed = 0
    if event.startswith("GUILD_MEMBER_"):
        needed = GUILD_MEMBERS
    elif event.startswith(("GUILD_", "CHANNEL_", "THREAD_")):
        needed = GUILDS
    else:
        table = _DIRECT if direct else _IN_GUILDS
        for prefix in ("MESSAGE_REACTION", "MESSAGE", "TYPING"):
            if event.startswith(prefix):
                needed = table[prefix]
                break
    return not needed or bool(intents & needed)


def with_content(event: str, data: Json, intents: int) -> Json:
    """The data as this session sees it: without the content intent, only direct messages, mentions and own ones."""
    if event not in {"MESSAGE_CREATE", "MESSAGE_UPDATE"} or intents & MESSAGE_CONTENT or "guild_id" not in data:
        return data
    return without_content(data)


def without_content(message: Json) -> Json:
    """A message of a guild for a bot that may not read it; its own, and what mentions it, it may."""
    shown = message
    if shown.get("referenced_message"):
        shown = {**shown, "referenced_message": without_content(shown["referenced_message"])}
    own = message["author"]["id"] == BOT_USER
    if own or any(user["id"] == BOT_USER for user in message["mentions"]):
        return shown
    return {**shown, **_CONTENT}
