"""chat.postMessage, update, delete, postEphemeral, getPermalink (docs.slack.dev/reference/methods)."""

from __future__ import annotations

import re
from typing import Any

from tests.servers.slack.block_rules import check
from tests.servers.slack.cast import BOT_USER, Json, dm_of
from tests.servers.slack.errors import SlackError
from tests.servers.slack.messages import Message
from tests.servers.slack.workspace import Workspace

MAX_TEXT = 40_000  # characters; the rest is cut off silently
MAX_UPDATE_TEXT = 4_000
MAX_MARKDOWN_TEXT = 12_000


def content(args: Json, *, max_text: int | None = None) -> Json:
    """A message's fields out of a call: text, markdown, blocks and, if it is named, metadata.

    SlackError no_text, msg_too_long, markdown_text_conflict, or what is wrong with the blocks.
    """
    text, markdown = str(args.get("text") or ""), str(args.get("markdown_text") or "")
    if markdown and (text or args.get("blocks")):
        raise SlackError("markdown_text_conflict")
    if not (text or markdown or args.get("blocks") or args.get("attachments")):
        raise SlackError("no_text")
    if len(markdown) > MAX_MARKDOWN_TEXT or (max_text is not None and len(text) > max_text):
        raise SlackError("msg_too_long")
    blocks = check(args["blocks"]) if args.get("blocks") else []
    return {"text": text[:MAX_TEXT], "markdown": markdown, "blocks": blocks, **metadata(args)}


def metadata(args: Json) -> Json:
    """`{"metadata": ...}` if the call names it; an empty object takes it away."""
    given = args.get("metadata")
    if given is None:
        return {}
    if given == {}:
        return {"metadata": None}
    if not isinstance(given, dict) or not given.get("event_type") or not isinstance(given.get("event_payload"), dict):
        raise SlackError("invalid_metadata_format")
    return {"metadata": given}


def thread_ts(args: Json) -> str | None:
    """SlackError invalid_thread_ts for what is no ts at all."""
    given = args.get("thread_ts")
    if given is not None and not re.fullmatch(r"\d+\.\d{6}", str(given)):
        raise SlackError("invalid_thread_ts")
    return None if given is None else str(given)


def own_message(home: Workspace, channel_id: object, ts: object, otherwise: str) -> Message:
    """A message of the bot's; SlackError message_not_found, or `otherwise` when it is somebody else's."""
    message = home.channel(channel_id).messages.get(str(ts))
    if message is None:
        raise SlackError("message_not_found")
    if message.user != BOT_USER:
        raise SlackError(otherwise)
    return message


async def post_message(home: Workspace, args: Json) -> Json:
    channel = home.writable(args.get("channel"))
    fields = content(args)
    under = thread_ts(args)
    root = None if under is None else home.root_of(channel, under)
    message = home.own(channel.id, thread_ts=root, **fields)
    home.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": home.payload(message, with_metadata=True)}


async def update(home: Workspace, args: Json) -> Json:
    """Text without blocks takes the blocks away; a call without either keeps what is shown."""
    message = own_message(home, args.get("channel"), args.get("ts"), "cant_update_message")
    if home.channels[message.channel].is_archived:
        raise SlackError("is_inactive")
    if message.streaming:
        raise SlackError("streaming_state_conflict")
    fields = metadata(args)
    if not (fields and not any(args.get(name) for name in ("text", "blocks", "markdown_text", "attachments"))):
        fields = content(args, max_text=MAX_UPDATE_TEXT)
    files = args.get("file_ids")
    if files is not None:
        fields["file_ids"] = files.split(",") if isinstance(files, str) else list(files)
    home.change(message, **fields, edited_at=home.now())
    told = home.payload(message, with_metadata=True)
    return {"channel": message.channel, "ts": message.ts, "text": told["text"], "message": told}


async def delete(home: Workspace, args: Json) -> Json:
    message = own_message(home, args.get("channel"), args.get("ts"), "cant_delete_message")
    home.remove(message)
    return {"channel": message.channel, "ts": message.ts}


async def post_ephemeral(home: Workspace, args: Json) -> Json:
    channel = home.writable(args.get("channel"))
    if args.get("user") not in channel.members:
        raise SlackError("user_not_in_channel")
    fields = content(args)
    fields.pop("metadata", None)
    message = home.own(channel.id, thread_ts=thread_ts(args), ephemeral_for=args["user"], **fields)
    message.keep()
    home.ephemerals.append(message)
    return {"message_ts": message.ts}


async def get_permalink(home: Workspace, args: Json) -> Json:
    channel = home.channel(args.get("channel"))
    message = channel.messages.get(str(args.get("message_ts")))
    if message is None:
        raise SlackError("message_not_found")
    link = f"https://corral-test.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.thread_ts not in (None, message.ts):
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


async def open_conversation(home: Workspace, args: Json) -> Json:
    users: Any = args.get("users") or ""
    named = users.split(",") if isinstance(users, str) else list(users)
    if any(user not in home.users for user in named) or len(named) != 1:
        raise SlackError("user_not_found" if named and named != [""] else "users_list_not_supplied")
    return {"channel": {"id": dm_of(named[0])}, "no_op": True, "already_open": True}
