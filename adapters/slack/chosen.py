"""The message that a form is about, where it is too long to be shown in one."""

from __future__ import annotations

from adapters.slack.api import SlackApi
from adapters.slack.forms import Origin
from adapters.slack.mrkdwn import plain
from adapters.slack.payloads import string
from adapters.slack.threads import replies, top_level


async def text_of_message(api: SlackApi, team: str, origin: Origin) -> str:
    """What its author typed; "" when it is not there any more. Raises DeliveryError and StoreUnavailable."""
    ts, thread_ts = origin.message_ts, origin.thread_ts
    if thread_ts not in {"", ts}:
        found = replies(
            api, team, origin.channel, thread_ts, max_pages=1, limit=2, oldest=ts, latest=ts, inclusive=True
        )
    else:
        found = top_level(api, team, origin.channel, max_pages=1, limit=1, oldest=ts, latest=ts, inclusive=True)
    async for message in found:
        if message.get("ts") == ts:
            return plain(string(message, "text"), {})
    return ""
