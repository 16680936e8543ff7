"""Finds a message of ours that was planned and may or may not have been sent."""

from __future__ import annotations

from typing import Any

from adapters.slack.api import Refusal, SlackApi
from adapters.slack.destination import destination_of, is_private, question_ts
from adapters.slack.files import FILE, file_id_in
from adapters.slack.private import unseen
from adapters.slack.rendering import ANSWER, key_in
from adapters.slack.threads import replies
from conversation.model import Job, Segment
from conversation.ports import Written

STREAM, MESSAGE = "stream", "message"


async def find(api: SlackApi, job: Job, segment: Segment) -> Written | None:
    """A message is known by the key that it carries. A stream carries none before its end: it is our one message after
    the question that carries nothing, for the answers in a thread are written one after the other, and each ends with
    its key; an errand streams nothing. A file is known by its name. What one person sees alone cannot be looked for.
    Raises DeliveryError."""
    if is_private(job):
        return unseen(segment.key)
    at = destination_of(job)
    us = (await api.me()).user
    unfinished: Written | None = None
    try:
        async for message in replies(api, at.team, at.channel, at.thread_ts, oldest=question_ts(job)):
            if message.get("user") != us or message.get("ts") == at.thread_ts:
                continue
            if segment.mode == FILE:
                if (file_id := file_id_in(message, segment.key)) is not None:
                    return Written(file_id, FILE)
            elif key_in(message, ANSWER) == segment.key:
                return Written(message["ts"], MESSAGE)
            elif not job.is_errand and _is_unfinished(message):
                unfinished = Written(message["ts"], STREAM)
    except Refusal as error:
        if error.code not in {"thread_not_found", "message_not_found"}:
            raise
        return None  # the root is gone, and all below it
    return unfinished


def _is_unfinished(message: dict[str, Any]) -> bool:
    """A message that nothing but chat.startStream can have made."""
    return not (message.get("metadata") or message.get("files") or message.get("subtype") or message.get("edited"))
