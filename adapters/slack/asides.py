"""What people are told beside their answers: at once, by this process, and only if Slack takes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.identity import UNREACHABLE, error_code
from adapters.slack.rendering import ASIDE, metadata
from conversation.background import Background
from conversation.model import InboundMessage

log = logging.getLogger(__name__)

# Slack brings a question again at once, after one minute and after five more; later it is lost.
PROMISE = (
    "I'll answer when I'm back, no need to send it again. "
    "If you hear nothing within five minutes, please ask once more."
)
PROMISE_SECONDS = 300.0
MAX_PROMISES = 1000


class Asides:
    """Says things to people without making anybody wait."""

    def __init__(self, client: AsyncWebClient, background: Background) -> None:
        self._client, self._background = client, background
        self._promised: dict[str, float] = {}  # channel -> when

    def tell(self, channel: str, user: str, thread_ts: str | None, sentence: str) -> None:
        """Show a sentence to this person alone, in the thread or, without one, at the top level; "" is nothing."""
        if sentence:
            posting = self._client.chat_postEphemeral(channel=channel, user=user, thread_ts=thread_ts, text=sentence)
            self._background.start(_best_effort(posting), "tell a person")

    def promise(self, message: InboundMessage) -> None:
        """Say under a question that it is not lost though it was not stored; once in five minutes for a channel."""
        now, channel = time.monotonic(), message.address.channel
        self._promised = {place: at for place, at in self._promised.items() if now - at < PROMISE_SECONDS}
        if channel not in self._promised and len(self._promised) < MAX_PROMISES:
            self._promised[channel] = now
            # Marked, so that nobody takes it for the beginning of an answer whose writer died.
            posting = self._client.chat_postMessage(
                channel=channel, thread_ts=message.address.thread, text=PROMISE, metadata=metadata(ASIDE, "")
            )
            self._background.start(_best_effort(posting), "promise an answer")


async def _best_effort(call: Awaitable[object]) -> None:
    try:
        await call
    except SlackApiError as exc:
        log.info("a person could not be told: %s", error_code(exc))
    except UNREACHABLE as exc:
        log.info("a person could not be told: %s", str(exc) or type(exc).__name__)
