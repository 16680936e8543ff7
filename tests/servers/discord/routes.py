"""The REST routes, written as in Discord's documentation, and who answers them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from tests.servers.discord import callbacks, chat, commands, directory, threads
from tests.servers.discord.calls import Call
from tests.servers.discord.cast import Json
from tests.servers.discord.home import Home

Handler = Callable[[Home, Call], Awaitable[Json | list[Json] | None]]

# What tests name most often.
SEND = "POST /channels/{channel_id}/messages"
EDIT = "PATCH /channels/{channel_id}/messages/{message_id}"
DELETE = "DELETE /channels/{channel_id}/messages/{message_id}"
HISTORY = "GET /channels/{channel_id}/messages"
TYPING = "POST /channels/{channel_id}/typing"
THREAD_FROM_MESSAGE = "POST /channels/{channel_id}/messages/{message_id}/threads"
THREAD = "POST /channels/{channel_id}/threads"
RESPOND = "POST /interactions/{interaction_id}/{interaction_token}/callback"
FOLLOW_UP = "POST /webhooks/{application_id}/{webhook_token}"
EDIT_RESPONSE = "PATCH /webhooks/{application_id}/{webhook_token}/messages/{message_id}"
GATEWAY, GATEWAY_BOT = "GET /gateway", "GET /gateway/bot"

_MESSAGE = "/channels/{channel_id}/messages/{message_id}"
_REACTION = _MESSAGE + "/reactions/{emoji}/@me"
_RESPONSE = "/webhooks/{application_id}/{webhook_token}/messages/{message_id}"
_COMMANDS = "/applications/{application_id}/commands"
_GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"

HANDLERS: dict[str, Handler] = {
    "GET /users/@me": directory.self_,
    "GET /users/@me/guilds": directory.guilds,
    "POST /users/@me/channels": directory.open_dm,
    "GET /users/{user_id}": directory.user,
    "GET /applications/@me": directory.application,
    "GET /oauth2/applications/@me": directory.application,
    "GET /guilds/{guild_id}": directory.guild,
    "GET /guilds/{guild_id}/channels": directory.guild_channels,
    "GET /guilds/{guild_id}/roles": directory.roles,
    "GET /guilds/{guild_id}/members": directory.members,
    "GET /guilds/{guild_id}/members/{user_id}": directory.member,
    "GET /guilds/{guild_id}/threads/active": directory.live_threads,
    "GET /channels/{channel_id}": directory.channel,
    "PATCH /channels/{channel_id}": directory.change_channel,
    "DELETE /channels/{channel_id}": directory.delete_channel,
    SEND: chat.create,
    EDIT: chat.edit,
    DELETE: chat.delete,
    HISTORY: chat.read,
    "GET " + _MESSAGE: chat.get,
    TYPING: chat.type_,
    "PUT " + _REACTION: chat.react,
    "DELETE " + _REACTION: chat.unreact,
    THREAD_FROM_MESSAGE: threads.start_from_message,
    THREAD: threads.start,
    "GET /channels/{channel_id}/threads/archived/public": threads.archived,
    "GET /channels/{channel_id}/thread-members": threads.members,
    "PUT /channels/{channel_id}/thread-members/@me": threads.join,
    "DELETE /channels/{channel_id}/thread-members/@me": threads.leave,
    "PUT /channels/{channel_id}/thread-members/{user_id}": threads.join,
    "DELETE /channels/{channel_id}/thread-members/{user_id}": threads.leave,
    RESPOND: callbacks.respond,
    FOLLOW_UP: callbacks.follow_up,
    "GET " + _RESPONSE: callbacks.get,
    EDIT_RESPONSE: callbacks.edit,
    "DELETE " + _RESPONSE: callbacks.delete,
    **{
        f"{method} {path}": handler
        for path in (_COMMANDS, _GUILD_COMMANDS)
        for method, handler in (("GET", commands.read), ("POST", commands.create), ("PUT", commands.overwrite))
    },
    **{
        f"{method} {path}/{{command_id}}": handler
        for path in (_COMMANDS, _GUILD_COMMANDS)
        for method, handler in (("GET", commands.get), ("DELETE", commands.delete))
    },
}

# These carry their own secret in their address.
WITHOUT_TOKEN = ("POST /interactions/", "/webhooks/{application_id}/{webhook_token}", GATEWAY)


def needs_token(route: str) -> bool:
    return route == GATEWAY_BOT or not any(part in route for part in WITHOUT_TOKEN)
