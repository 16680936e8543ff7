"""Finds a message of ours that was planned and may or may not have been sent.

An answer's last message carries its segment in its buttons; a file its own in its name. What carries neither (a full
message amid a long answer) is guarded by its nonce alone, for the few minutes that Discord keeps one.
"""

from __future__ import annotations

from adapters.discord import pages
from adapters.discord.api import DiscordApi
from adapters.discord.refusals import UNKNOWN_CHANNEL, Barred
from adapters.discord.rendering import carries
from adapters.markdown.file_names import is_named_for
from conversation.ports import Written

MESSAGE, FILE = "message", "file"


async def find(api: DiscordApi, channel: str, question_id: int, key: str) -> Written | None:
    """Looks at the hundred messages after the question: answers there are written one after the other. Raises
    DeliveryError."""
    us = await api.me()
    try:
        found = await pages.after(api, channel, question_id)
    except Barred as error:
        if error.code != UNKNOWN_CHANNEL:
            raise
        return None  # the thread was never opened
    for message in found:
        if (message.get("author") or {}).get("id") != us:
            continue  # people can give a file of theirs any name
        if carries(message, key):
            return Written(str(message["id"]), MESSAGE)
        if any(is_named_for(str(file.get("filename")), key) for file in message.get("attachments") or ()):
            return Written(str(message["id"]), FILE)
    return None
