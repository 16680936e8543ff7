"""What the bot can look up: conversations.*, users.info, bots.info, reactions."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tests.servers.slack.cast import APP, BOT, BOT_USER, Channel, Json
from tests.servers.slack.errors import SlackError
from tests.servers.slack.messages import Message
from tests.servers.slack.workspace import Workspace

MAX_PAGE = 1000


def is_true(value: object) -> bool:
    """A flag, as JSON or as a form sends it."""
    return value is True or str(value).lower() in {"1", "true"}


def _readable(home: Workspace, args: Json) -> Channel:
    channel = home.channel(args.get("channel"))
    if not channel.is_member:
        raise SlackError("not_in_channel")
    return channel


def _within(args: Json, ts: str) -> bool:
    oldest, latest, inclusive = args.get("oldest"), args.get("latest"), is_true(args.get("inclusive"))
    if oldest and (ts < str(oldest) or (ts == str(oldest) and not inclusive)):
        return False
    return not (latest and (ts > str(latest) or (ts == str(latest) and not inclusive)))


def _page(items: list[Any], args: Json, default: int) -> tuple[list[Any], Json]:
    limit = int(args.get("limit") or default)
    if not 0 < limit <= MAX_PAGE:
        raise SlackError("invalid_limit")
    try:
        start = int(base64.b64decode(args["cursor"]).decode().removeprefix("next:")) if args.get("cursor") else 0
    except (ValueError, binascii.Error):
        raise SlackError("invalid_cursor") from None
    more = start + limit < len(items)
    cursor = base64.b64encode(f"next:{start + limit}".encode()).decode() if more else ""
    return items[start : start + limit], {"has_more": more, "response_metadata": {"next_cursor": cursor}}


def _told(home: Workspace, messages: list[Message], args: Json, default: int) -> Json:
    page, paging = _page(messages, args, default)
    with_metadata = is_true(args.get("include_all_metadata"))
    return {"messages": [home.payload(message, with_metadata=with_metadata) for message in page], **paging}


async def replies(home: Workspace, args: Json) -> Json:
    """A thread, oldest first. The ts of a reply gives only that reply (bolt-python#783)."""
    channel = _readable(home, args)
    root = channel.messages.get(str(args.get("ts")))
    if root is None:
        raise SlackError("thread_not_found")
    under = [message for message in channel.replies(root.ts) if _within(args, message.ts)]
    return _told(home, [root, *under], args, MAX_PAGE)


async def history(home: Workspace, args: Json) -> Json:
    """What is at the top level of a conversation, newest first."""
    channel = _readable(home, args)
    tops = [message for ts, message in channel.messages.items() if message.thread_ts in (None, ts)]
    found = [message for message in tops if _within(args, message.ts)]
    return _told(home, sorted(found, key=lambda message: message.ts, reverse=True), args, 100)


async def info(home: Workspace, args: Json) -> Json:
    return {"channel": home.channel(args.get("channel")).payload()}


async def members(home: Workspace, args: Json) -> Json:
    page, paging = _page(home.channel(args.get("channel")).members, args, 100)
    return {"members": page, "response_metadata": paging["response_metadata"]}


async def user_info(home: Workspace, args: Json) -> Json:
    if args.get("user") not in home.users:
        raise SlackError("user_not_found")
    return {"user": home.users[args["user"]]}


async def bot_info(home: Workspace, args: Json) -> Json:
    if args.get("bot") not in (None, BOT):
        raise SlackError("bot_not_found")
    return {"bot": {"id": BOT, "app_id": APP, "user_id": BOT_USER, "name": "corral", "deleted": False}}


async def add_reaction(home: Workspace, args: Json) -> Json:
    users = _reacted(home, args).setdefault(str(args.get("name")), [])
    if BOT_USER in users:
        raise SlackError("already_reacted")
    users.append(BOT_USER)
    return {}


async def remove_reaction(home: Workspace, args: Json) -> Json:
    reactions = _reacted(home, args)
    name = str(args.get("name"))
    if BOT_USER not in reactions.get(name, []):
        raise SlackError("no_reaction")
    reactions[name].remove(BOT_USER)
    if not reactions[name]:
        del reactions[name]
    return {}


def _reacted(home: Workspace, args: Json) -> dict[str, list[str]]:
    message = _readable(home, args).messages.get(str(args.get("timestamp")))
    if message is None:
        raise SlackError("message_not_found")
    return message.reactions
