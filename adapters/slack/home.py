"""Direct messages as Slack's agent view shows them: suggestions what to ask, and a title for each thread."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.events import HomeOpened
from adapters.slack.identity import UNREACHABLE, error_code
from conversation.model import InboundMessage

log = logging.getLogger(__name__)

# At most four (docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts).
PROMPTS = (
    ("Explain an error", "Explain this error and how to fix it:\n"),
    ("Write a function", "Write a Python function that reads a CSV file and returns the sum of each numeric column."),
    ("Review my code", "Review this code: find bugs, edge cases and unclear names.\n"),
    ("Write tests", "Write pytest tests for this function, edge cases included:\n"),
)
PROMPTS_TITLE = "What can I help you to code?"
TITLE_CHARACTERS = 60  # more is cut off in the list of threads
_MAX_USERS = 10_000


def prompts() -> list[dict[str, str]]:
    """The suggestions as Slack takes them."""
    return [{"title": title, "message": message} for title, message in PROMPTS]


class Home:
    """Offers the suggestions to each person once in the life of this process."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._greeted: OrderedDict[str, None] = OrderedDict()

    async def greet(self, opened: HomeOpened) -> None:
        """Show the suggestions, unless they were shown. Best effort: never raises."""
        if opened.user in self._greeted:
            return
        self._greeted[opened.user] = None
        if len(self._greeted) > _MAX_USERS:
            self._greeted.popitem(last=False)
        # Without thread_ts: with it the call does nothing for an app with an agent_view, and says so nowhere.
        suggesting = self._client.assistant_threads_setSuggestedPrompts(
            channel_id=opened.channel, title=PROMPTS_TITLE, prompts=prompts()
        )
        if not await _tried(suggesting, "the suggested prompts"):
            self._greeted.pop(opened.user, None)

    async def title(self, question: InboundMessage) -> None:
        """Call the thread that a question begins after it. Best effort: never raises."""
        title = " ".join(question.text.split())
        if title:
            where = question.address
            naming = self._client.assistant_threads_setTitle(
                channel_id=where.channel, thread_ts=where.thread, title=title[:TITLE_CHARACTERS]
            )
            await _tried(naming, "a thread's title")


async def _tried(call: Awaitable[object], what: str) -> bool:
    try:
        await call
    except (SlackApiError, *UNREACHABLE) as exc:
        why = error_code(exc) if isinstance(exc, SlackApiError) else str(exc) or type(exc).__name__
        log.info("%s could not be shown: %s", what, why)
        return False
    return True
