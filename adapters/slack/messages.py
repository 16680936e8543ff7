"""Answers as ordinary messages: posted once, then updated as a whole (chat.postMessage, chat.update).

The way for what no stream can do, and the only one once a stream is over. Every message that is not finished keeps one
update free for its end.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from adapters.slack.api import Barred, Refusal, Reply, SlackApi
from adapters.slack.destination import Destination
from adapters.slack.limits import limit_of, posts_in
from adapters.slack.rendering import ANSWER, metadata, notification, whole
from conversation.errors import DeliveryError, Paced, StoreUnavailable
from conversation.pacing import Pace, Use, take_or_raise
from conversation.ports import Content
from conversation.recent import Recent

log = logging.getLogger(__name__)

# An answer waits longer only while it stands in line; then its next edit keeps its end free anew.
HOLD_SECONDS = 360.0
PAUSE_SECONDS = 1.0
# Updates that growing texts leave to others, and those that new messages leave to the ends which kept none free: of
# streams that broke off, and of messages that were taken over.
SPARE_FOR_ENDS = 20
SPARE_FOR_BROKEN = 5
# Slack does not know one of the blocks. The text matters more than what can be pressed below it.
_REFUSED_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_arguments"})


class Messages:
    """What this process writes with chat.update. `key` is the segment's."""

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._gone = Recent[None]()  # messages that somebody deleted
        self._growing = Recent[str]()  # ts -> the key that keeps an update free for its end
        self.pace = Pace(limit_of("", "chat.update"), PAUSE_SECONDS)

    async def post(self, at: Destination, key: str, content: Content) -> str:
        """Send it; gives the ts. Raises DeliveryError."""
        update = limit_of(at.team, "chat.update")
        uses = [Use(posts_in(at.team, at.channel)), Use(limit_of(at.team, "chat.postMessage"))]
        if not content.final:
            uses.append(Use(update, spare=SPARE_FOR_BROKEN, hold=key, hold_seconds=HOLD_SECONDS))
        await take_or_raise(self._api.budget, *uses)
        try:
            reply = await self._send(
                at,
                "chat.postMessage",
                key,
                content,
                thread_ts=at.thread_ts,
                unfurl_links=False,
                unfurl_media=False,
            )
        except DeliveryError as error:
            if error.certain and not content.final:
                await self._api.budget.release(update, key)
            raise
        ts = str(reply["ts"])
        if _is_astray(reply):
            await self._take_back(at, key, ts)
            raise Barred("chat.postMessage", "invalid_thread_ts")
        if not content.final:
            self._wrote(key, ts)
        return ts

    async def update(self, at: Destination, key: str, ts: str, content: Content) -> None:
        """Put `content` in its place; nothing happens when somebody deleted it. Raises DeliveryError."""
        if ts in self._gone:
            return
        allowance = limit_of(at.team, "chat.update")
        if content.final:
            await take_or_raise(self._api.budget, Use(allowance, hold=key))
        else:
            self.pace.check(key)
            grant = await self._api.budget.take(
                Use(allowance, spare=SPARE_FOR_ENDS), Use(allowance, hold=key, hold_seconds=HOLD_SECONDS)
            )
            self.pace.note(grant)
            if grant.wait_seconds > 0:
                raise Paced("no update is left", retry_after_seconds=grant.wait_seconds)
        try:
            await self._send(at, "chat.update", key, content, ts=ts)
        except Refusal as error:
            if error.code != "message_not_found":
                raise
            self._gone[ts] = None
            await self._release(at, key)
            return
        if content.final:
            self._growing.pop(ts, None)
            self.pace.end(key)
        else:
            self._wrote(key, ts)

    async def delete(self, at: Destination, ts: str) -> None:
        """Take it away. Safe to repeat. Raises DeliveryError and StoreUnavailable."""
        try:
            await self._api.ask(at.team, "chat.delete", channel=at.channel, ts=ts)
        except Refusal as error:
            if error.code != "message_not_found":
                raise
        if (key := self._growing.get(ts)) is not None:
            await self._release(at, key)
            self._growing.pop(ts, None)

    def _wrote(self, key: str, ts: str) -> None:
        self.pace.wrote(key)
        self._growing[ts] = key

    async def _release(self, at: Destination, key: str) -> None:
        """It is not written any more: what it kept for its end serves another message."""
        self.pace.end(key)
        await self._api.budget.release(limit_of(at.team, "chat.update"), key)

    async def _send(self, at: Destination, method: str, key: str, content: Content, **more: object) -> Reply:
        shown = {"channel": at.channel, "text": notification(content), "metadata": metadata(ANSWER, key), **more}
        try:
            return await self._api.call(at.team, method, blocks=[] if content.plain else whole(content), **shown)
        except Refusal as error:
            if error.code not in _REFUSED_BLOCKS or not content.offers:
                raise
            log.error("Slack refuses our buttons: %s", error)
        return await self._api.call(at.team, method, blocks=whole(replace(content, offers=())), **shown)

    async def _take_back(self, at: Destination, key: str, ts: str) -> None:
        """Raises nothing that would have the answer posted once more."""
        try:
            try:
                await self.delete(at, ts)
                await self._release(at, key)
            except StoreUnavailable:  # nobody grants calls now, and what stays there is seen by all
                await self._api.call(at.team, "chat.delete", channel=at.channel, ts=ts)
        except DeliveryError as error:
            log.warning("an answer without a thread may stay in the channel: %s", error)


def _is_astray(reply: Reply) -> bool:
    """Under a root that was deleted meanwhile Slack posts at the top level, and says nothing (slack-go/slack#1571)."""
    message = reply.get("message")
    return isinstance(message, dict) and "thread_ts" not in message
