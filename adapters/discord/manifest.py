"""How to put the bot into a server: the link that invites it, and what to switch on before.

Source: discord.com/developers/docs/topics/oauth2#bot-users and .../topics/permissions. What each permission is for:

| permission | for |
|---|---|
| View Channels | to hear |
| Read Message History | to read what stands above a question, and what was asked while it was away |
| Send Messages | to answer in forums' posts and beside voice channels, and to show private answers to everybody |
| Create Public Threads, Send Messages in Threads | to answer each question in a thread of its own |
| Attach Files | code that is too long for a message |
"""

from __future__ import annotations

import base64
from urllib.parse import urlencode

# The bits in Discord's table of permissions.
PERMISSIONS = {
    "View Channels": 1 << 10,
    "Send Messages": 1 << 11,
    "Attach Files": 1 << 15,
    "Read Message History": 1 << 16,
    "Create Public Threads": 1 << 35,
    "Send Messages in Threads": 1 << 38,
}
SCOPES = ("bot", "applications.commands")
PRIVILEGED_INTENTS = ("Message Content Intent",)
AUTHORIZE = "https://discord.com/oauth2/authorize"


def invite(client_id: str) -> str:
    """The link that invites the bot with this Application ID, with no more permissions than it needs."""
    asked = {"client_id": client_id, "scope": " ".join(SCOPES), "permissions": sum(PERMISSIONS.values())}
    return f"{AUTHORIZE}?{urlencode(asked)}"


def client_id_of(token: str) -> str:
    """The Application ID, which a bot's token begins with; "" for what is no such token."""
    first = token.strip().partition(".")[0]
    try:
        decoded = base64.b64decode(first + "=" * (-len(first) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:  # no base64, or no text in it
        return ""
    return decoded if decoded.isascii() and decoded.isdigit() else ""
