"""Direct messages as Slack's agent view shows them: suggestions what to ask, and a title for each thread."""

from __future__ import annotations

import logging

from adapters.slack.api import SlackApi
from adapters.slack.events import HomeOpened
from adapters.slack.limits import SPARE_BESIDE
from conversation.errors import CorralError
from conversation.model import InboundMessage
from conversation.recent import Recent

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

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._greeted = Recent[None](_MAX_USERS)

    async def greet(self, opened: HomeOpened) -> None:
        """Show the suggestions, unless they were shown. Best effort: never raises."""
        if opened.user in self._greeted:
            return
        self._greeted[opened.user] = None
        try:
            # Without thread_ts: with it the call does nothing for an app with an agent_view, and says so nowhere.
            await self._api.ask(
                (await self._api.me()).team, "assistant.threads.setSuggestedPrompts", spare=SPARE_BESIDE,
                channel_id=opened.channel, title=PROMPTS_TITLE, prompts=prompts(),
            )  # fmt: skip
        except CorralError as error:
            log.info("the suggested prompts could not be shown: %s", error)
            self._greeted.pop(opened.user, None)

    async def title(self, question: InboundMessage) -> None:
        """Call the thread that a question begins after it. Best effort: never raises."""
        title, where = " ".join(question.text.split()), question.address
        if not title:
            return
        try:
            await self._api.ask(
                where.tenant, "assistant.threads.setTitle", spare=SPARE_BESIDE,
                channel_id=where.channel, thread_ts=where.thread, title=title[:TITLE_CHARACTERS],
            )  # fmt: skip
        except CorralError as error:
            log.info("a thread's title could not be shown: %s", error)
