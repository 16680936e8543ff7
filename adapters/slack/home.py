"""The first thing that people see in their direct messages with us: what one may ask."""

from __future__ import annotations

import logging
from collections import OrderedDict

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.events import HomeOpened
from adapters.slack.identity import UNREACHABLE, error_code

log = logging.getLogger(__name__)

# At most four (docs.slack.dev/reference/methods/assistant.threads.setSuggestedPrompts).
PROMPTS = (
    ("Explain an error", "Explain this error and how to fix it:\n"),
    ("Write a function", "Write a Python function that reads a CSV file and returns the sum of each numeric column."),
    ("Review my code", "Review this code: find bugs, edge cases and unclear names.\n"),
    ("Write tests", "Write pytest tests for this function, edge cases included:\n"),
)
PROMPTS_TITLE = "What can I help you to code?"
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
        try:
            # Without thread_ts: with it the call does nothing for an app with an agent_view, and says so nowhere.
            await self._client.assistant_threads_setSuggestedPrompts(
                channel_id=opened.channel, title=PROMPTS_TITLE, prompts=prompts()
            )
        except (SlackApiError, *UNREACHABLE) as exc:
            self._greeted.pop(opened.user, None)
            why = error_code(exc) if isinstance(exc, SlackApiError) else str(exc) or type(exc).__name__
            log.info("the suggested prompts could not be shown: %s", why)
