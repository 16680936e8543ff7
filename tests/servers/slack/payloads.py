"""Messages and files as the Web API and events show them (docs.slack.dev/reference/events/message)."""

from __future__ import annotations

from tests.servers.slack.cast import APP, BOT, TEAM, Channel, File, Json
from tests.servers.slack.messages import Message
from tests.servers.slack.text import escape, rich_text


def message_payload(message: Message, channel: Channel) -> Json:
    """A message without its files and metadata."""
    text = message.text or escape(message.markdown or message.body)
    shown: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": text}
    shown |= _author(message) | _place(message, channel)
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.attachments:
        shown["attachments"] = message.attachments
    if message.subtype is not None:
        shown["subtype"] = message.subtype
    if message.was_streamed:
        shown["streaming_state"] = "in_progress" if message.streaming else "completed"
    if message.edited_at is not None:
        shown["edited"] = {"user": message.user, "ts": message.edited_at}
    if message.reactions:
        shown["reactions"] = [
            {"name": name, "users": users, "count": len(users)} for name, users in message.reactions.items()
        ]
    return shown


def undescribed(file: File) -> Json:
    """A file of a shared channel: only files.info tells more of it."""
    return {"id": file.id, "created": 0, "file_access": "check_file_info"}


def file_payload(file: File, base_url: str) -> Json:
    """A file; its address wants the bot's token."""
    address = f"{base_url}/files-pri/{TEAM}-{file.id}/download/{file.name}"
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title or file.name,
        "mimetype": file.mimetype,
        "filetype": file.filetype,
        "mode": file.mode,
        "size": len(file.data or b""),
        "user": file.user,
        "is_external": file.mode == "external",
        "url_private": address,
        "url_private_download": address,
    }


def _author(message: Message) -> Json:
    if message.bot_id is not None:
        app, name = (APP, "corral") if message.bot_id == BOT else ("A0OTHERBOT", "deploybot")
        profile = {"id": message.bot_id, "app_id": app, "name": name, "deleted": False, "team_id": TEAM}
        return {"bot_id": message.bot_id, "app_id": app, "team": TEAM, "bot_profile": profile}
    if message.subtype is not None:
        return {}
    team = message.team or TEAM
    origin = {"team": team, "user_team": team, "source_team": team}
    return {"client_msg_id": message.client_msg_id, "blocks": rich_text(message.text), **origin}


def _place(message: Message, channel: Channel) -> Json:
    place: Json = {}
    replies = channel.replies(message.ts)
    if message.thread_ts is not None or replies:
        place["thread_ts"] = root = message.thread_ts or message.ts
        if root != message.ts and root in channel.messages:
            place["parent_user_id"] = channel.messages[root].user
    if replies:
        place |= {"reply_count": len(replies), "latest_reply": replies[-1].ts}
    return place
