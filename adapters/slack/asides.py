"""What people are told beside their answers: at once, by this process, and only if Slack takes it."""

from __future__ import annotations

import logging

from adapters.slack.api import SlackApi
from adapters.slack.blocks import NOTICE_LIMIT, escape
from adapters.slack.limits import SPARE_BESIDE, limit_of, posts_in
from adapters.slack.rendering import ASIDE, metadata
from adapters.slack.respond import respond
from conversation.background import Background
from conversation.errors import CorralError, StoreUnavailable
from conversation.model import InboundMessage
from conversation.pacing import Use, take_or_raise
from conversation.recent import Lately

log = logging.getLogger(__name__)

# Slack brings a question again at once, after one minute and after five more; later it is lost.
PROMISE = (
    "I'll answer when I'm back, no need to send it again. "
    "If you hear nothing within five minutes, please ask once more."
)
PROMISE_SECONDS = 300.0


class Asides:
    """Says things to people without making anybody wait. What the limits have no room for is not said."""

    def __init__(self, api: SlackApi, background: Background) -> None:
        self._api, self._background = api, background
        self._promised = Lately(PROMISE_SECONDS)  # channels

    def tell(self, team: str, channel: str, user: str, thread_ts: str | None, sentence: str) -> None:
        """Show a sentence to this person alone, in the thread or, without one, at the top level; "" is nothing."""
        if sentence:
            telling = self._say(
                team, "chat.postEphemeral", channel=channel, user=user, thread_ts=thread_ts, text=sentence
            )
            self._background.start(telling, "tell a person")

    def respond(self, response_url: str, sentence: str) -> None:
        """The same to who pressed or called something up, also where we are not."""
        if sentence:
            self._background.start(self._respond(response_url, sentence), "tell a person")

    def promise(self, message: InboundMessage) -> None:
        """Say under a question that it is not lost though it was not stored; once in five minutes for a channel."""
        where = message.address
        if where.channel not in self._promised:
            self._promised.add(where.channel)
            # Marked, so that nobody takes it for the beginning of an answer whose writer died.
            mark = metadata(ASIDE, "")
            promising = self._say(
                where.tenant, "chat.postMessage", Use(posts_in(where.tenant, where.channel)),
                channel=where.channel, thread_ts=where.thread, text=PROMISE, metadata=mark,
            )  # fmt: skip
            self._background.start(promising, "promise an answer")

    async def _respond(self, response_url: str, sentence: str) -> None:
        try:
            body = {"response_type": "ephemeral", "replace_original": False, "text": escape(sentence, NOTICE_LIMIT)}
            await respond(self._api, response_url, body)
        except CorralError as error:
            log.info("a person could not be told: %s", error)

    async def _say(self, team: str, method: str, *uses: Use, **shown: object) -> None:
        try:
            try:
                await take_or_raise(self._api.budget, Use(limit_of(team, method), spare=SPARE_BESIDE), *uses)
            except StoreUnavailable:
                log.debug("nobody counts calls while the store is away, and just that is to be told")
            await self._api.call(team, method, **shown)
        except CorralError as error:
            log.info("a person could not be told: %s", error)
