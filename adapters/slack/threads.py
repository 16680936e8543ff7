"""Reads what stands in a thread or channel, page by page and never without end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from adapters.slack.api import SlackApi

PAGE = 200  # what Slack recommends at most (docs.slack.dev/apis/web-api/pagination)
MAX_PAGES = 5


async def replies(
    api: SlackApi, team: str, channel: str, thread_ts: str, *, spare: int = 0, max_pages: int = MAX_PAGES, **bounds: Any
) -> AsyncIterator[dict[str, Any]]:
    """A thread's messages with their metadata, oldest first, the root always first; at most a thousand. `bounds` are
    conversations.replies' own: oldest, latest, inclusive. Raises DeliveryError."""
    async for message in _pages(
        api, team, "conversations.replies", spare, max_pages, channel=channel, ts=thread_ts, **bounds
    ):
        yield message


async def top_level(
    api: SlackApi, team: str, channel: str, *, spare: int = 0, max_pages: int = MAX_PAGES, **bounds: Any
) -> AsyncIterator[dict[str, Any]]:
    """What stands in a channel outside of threads, newest first; else as `replies`."""
    async for message in _pages(api, team, "conversations.history", spare, max_pages, channel=channel, **bounds):
        yield message


async def members(api: SlackApi, team: str, channel: str, *, spare: int = 0) -> AsyncIterator[str]:
    """Ids of who is in a channel; at most five thousand. Raises as `replies`."""
    async for member in _pages(
        api, team, "conversations.members", spare, MAX_PAGES, "members", limit=1000, channel=channel
    ):
        yield member


async def _pages(
    api: SlackApi, team: str, method: str, spare: int, max_pages: int, of: str = "messages", **arguments: Any
) -> AsyncIterator[Any]:
    cursor: str | None = None
    arguments.setdefault("limit", PAGE)
    if of == "messages":
        arguments["include_all_metadata"] = True
    for _ in range(max_pages):
        reply = await api.ask(team, method, spare=spare, cursor=cursor, **arguments)
        for one in reply.get(of) or []:
            yield one
        cursor = (reply.get("response_metadata") or {}).get("next_cursor") or None
        if cursor is None:
            return
