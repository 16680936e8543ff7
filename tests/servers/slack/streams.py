"""chat.startStream, appendStream and stopStream.

Beyond docs.slack.dev: thread_ts is required everywhere, DMs included; a stream dies some five minutes after its start
and at about 12,000 bytes (python-slack-sdk#1859, CopilotKit#6064); a message says so as `streaming_state`.
"""

from __future__ import annotations

import time

from tests.servers.slack.block_rules import check
from tests.servers.slack.cast import Json
from tests.servers.slack.chat import MAX_MARKDOWN_TEXT, metadata, own_message, thread_ts
from tests.servers.slack.errors import SlackError
from tests.servers.slack.messages import Message
from tests.servers.slack.workspace import Workspace

_CHUNKS = {"markdown_text", "task_update", "plan_update", "blocks"}


def _text(args: Json) -> str:
    chunks = args.get("chunks") or []
    if not isinstance(chunks, list) or any(chunk.get("type") not in _CHUNKS for chunk in chunks):
        raise SlackError("invalid_chunks")
    parts = [chunk["text"] for chunk in chunks if chunk["type"] == "markdown_text"]
    if args.get("markdown_text") is not None:
        parts.append(str(args["markdown_text"]))
    if any(len(part) > MAX_MARKDOWN_TEXT for part in parts):
        raise SlackError("msg_too_long")
    return "".join(parts)


def _streaming(home: Workspace, args: Json) -> Message:
    home.writable(args.get("channel"))
    message = own_message(home, args.get("channel"), args.get("ts"), "message_not_owned_by_app")
    if message.stopped_by_user:
        raise SlackError("stopped_by_user")
    if not message.streaming:
        raise SlackError("message_not_in_streaming_state")
    return message


def _fits(home: Workspace, text: str) -> str:
    if len(text.encode()) > home.stream_bytes:
        raise SlackError("msg_too_long")
    return text


async def start(home: Workspace, args: Json) -> Json:
    channel = home.writable(args.get("channel"))
    if "metadata" in args or "blocks" in args:
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] unexpected argument"]})
    if channel.kind != "im":
        if not args.get("recipient_team_id"):
            raise SlackError("missing_recipient_team_id")
        if not args.get("recipient_user_id"):
            raise SlackError("missing_recipient_user_id")
        if args["recipient_user_id"] not in home.users:
            raise SlackError("user_not_found")
    under = thread_ts(args)
    root = None if under is None else home.root_of(channel, under)
    if root is None:
        raise SlackError("invalid_thread_ts")
    message = home.own(channel.id, thread_ts=root, markdown=_fits(home, _text(args)), was_streamed=True)
    message.streams_until = time.monotonic() + home.stream_seconds
    home.sessions.setdefault((channel.id, root), {"title": ""})["status"] = "processing"
    home.post(message)
    return {"channel": channel.id, "ts": message.ts}


async def append(home: Workspace, args: Json) -> Json:
    message = _streaming(home, args)
    text = _text(args)
    if not text and not args.get("chunks"):
        raise SlackError("no_text")
    message.markdown = _fits(home, message.markdown + text)
    message.keep()
    return {"channel": message.channel, "ts": message.ts}


async def stop(home: Workspace, args: Json) -> Json:
    """What is given here is added below what was streamed."""
    message = _streaming(home, args)
    text = _fits(home, message.markdown + _text(args))
    blocks = check(args["blocks"]) if args.get("blocks") else []
    status = args.get("session_status") or "active"
    home.sessions.setdefault((message.channel, message.thread_ts or ""), {"title": ""})["status"] = status
    home.change(message, markdown=text, blocks=blocks, streams_until=None, **metadata(args))
    return {"channel": message.channel, "ts": message.ts, "message": home.payload(message, with_metadata=True)}
