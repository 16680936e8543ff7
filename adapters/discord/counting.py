"""Counts calls of Discord's API as its connections make them, by route and status: our own, and those that discord.py
makes for interactions and at the start.

Routes are named as discord.com/developers/docs/reference writes them. An address holds ids, and that of an interaction
a token; so what is no route that is used here has no name of its own.
"""

from __future__ import annotations

import re
from types import SimpleNamespace

import aiohttp
from yarl import URL

from conversation.observing import Observer

GATEWAY, OTHER, NO_ANSWER = "gateway", "other", "no_answer"

_CHANNEL, _MESSAGE = "/channels/{channel_id}", "/channels/{channel_id}/messages/{message_id}"
_WEBHOOK, _APPLICATION = "/webhooks/{application_id}/{token}", "/applications/{application_id}"
ROUTES = frozenset(
    {
        "DELETE /channels/{channel_id}/messages/{message_id}",
        f"DELETE {_CHANNEL}",
        f"DELETE {_WEBHOOK}/messages/{{message_id}}",
        "GET /applications/@me",
        f"GET {_CHANNEL}",
        f"GET {_CHANNEL}/messages",
        f"GET {_MESSAGE}",
        f"GET {_CHANNEL}/threads/archived/public",
        "GET /gateway",
        "GET /gateway/bot",
        "GET /guilds/{guild_id}",
        "GET /guilds/{guild_id}/roles",
        "GET /guilds/{guild_id}/members/{user_id}",
        "GET /guilds/{guild_id}/threads/active",
        "GET /oauth2/applications/@me",
        "GET /users/@me",
        f"GET {_WEBHOOK}/messages/{{message_id}}",
        f"PATCH {_CHANNEL}",
        f"PATCH {_MESSAGE}",
        f"PATCH {_WEBHOOK}/messages/{{message_id}}",
        f"POST {_CHANNEL}/messages",
        f"POST {_CHANNEL}/typing",
        f"POST {_CHANNEL}/threads",
        f"POST {_MESSAGE}/threads",
        "POST /interactions/{interaction_id}/{token}/callback",
        "POST /users/@me/channels",
        f"POST {_WEBHOOK}",
        f"PUT {_APPLICATION}/commands",
    }
)
_API = re.compile(r"^.*?/api(?:/v\d+)?(?=/)")
# The tokens of interactions are longer than any word of a route, and Discord says `@original` for the first message.
_NAMES = {
    "applications": "{application_id}",
    "channels": "{channel_id}",
    "guilds": "{guild_id}",
    "interactions": "{interaction_id}",
    "members": "{user_id}",
    "messages": "{message_id}",
    "webhooks": "{application_id}",
}


def route_of(method: str, url: URL) -> str:
    """The route's name, of a set that does not grow: "other" for what is none of ROUTES."""
    if url.scheme in {"ws", "wss"}:
        return GATEWAY
    named: list[str] = []
    for part in _API.sub("", url.path).split("/"):
        before = named[-1] if named else ""
        if part.isdigit() or part == "@original":
            named.append(_NAMES.get(before, OTHER))
        else:
            named.append("{token}" if before in {"{application_id}", "{interaction_id}"} and len(part) > 20 else part)
    route = f"{method} {'/'.join(named)}"
    return route if route in ROUTES else OTHER


def counted(observer: Observer) -> aiohttp.TraceConfig:
    """For a session: tells the observer of each of its requests when its answer begins, or does not come."""

    async def ended(_: aiohttp.ClientSession, __: SimpleNamespace, told: aiohttp.TraceRequestEndParams) -> None:
        observer.called(route_of(told.method, told.url), str(told.response.status))

    async def broke(_: aiohttp.ClientSession, __: SimpleNamespace, told: aiohttp.TraceRequestExceptionParams) -> None:
        observer.called(route_of(told.method, told.url), NO_ANSWER)

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    trace.on_request_exception.append(broke)
    return trace
