"""What a token may do: the scope that each method's page names (docs.slack.dev/reference/methods)."""

from __future__ import annotations

from collections.abc import Collection

# What Corral's manifest asks for.
GRANTED = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "im:history",
        "im:write",
        "mpim:history",
        "users:read",
    }
)
# A method that is not here needs none.
NEEDED = {
    "agents.sessions.rename": "chat:write",
    "agents.sessions.setStatus": "chat:write",
    "assistant.threads.setStatus": "chat:write",
    "assistant.threads.setSuggestedPrompts": "assistant:write",
    "assistant.threads.setTitle": "assistant:write",
    "bots.info": "users:read",
    "chat.appendStream": "chat:write",
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.postMessage": "chat:write",
    "chat.startStream": "chat:write",
    "chat.stopStream": "chat:write",
    "chat.update": "chat:write",
    "conversations.open": "im:write",
    "files.completeUploadExternal": "files:write",
    "files.delete": "files:write",
    "files.getUploadURLExternal": "files:write",
    "files.info": "files:read",
    "reactions.add": "reactions:write",
    "reactions.remove": "reactions:write",
    "users.info": "users:read",
}
# These need a scope of the conversation's kind, `groups:read` for a private channel.
BY_KIND = {
    "conversations.history": "history",
    "conversations.info": "read",
    "conversations.members": "read",
    "conversations.replies": "history",
}
# Its page: "retrieve information about files". No page says whether messages come with their files without it; here
# they do not, so that nothing of ours relies on that.
FILES = "files:read"
# A channel's kind in events -> the kind in scopes.
_KINDS = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


def lacking(method: str, kind: str, granted: Collection[str]) -> str | None:
    """The scope that this call needs and the token has not; `kind` is the channel's, as events name it."""
    needed = f"{_KINDS[kind]}:{BY_KIND[method]}" if method in BY_KIND else NEEDED.get(method)
    return needed if needed is not None and needed not in granted else None
