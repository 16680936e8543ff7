"""What people are called, looked up beside the way of a message and never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from adapters.slack.api import SlackApi
from adapters.slack.limits import SPARE_BESIDE
from adapters.slack.payloads import part, string
from conversation.errors import CorralError, Paced, StoreUnavailable
from conversation.recent import Recent

log = logging.getLogger(__name__)

# The acknowledgement waits for the name of whoever asks; Slack gives it three seconds in all.
LOOKUP_SECONDS = 0.5
KNOWN_SECONDS = 3600.0
# A person that Slack could not tell us about is asked for again after this.
UNKNOWN_SECONDS = 60.0


class People:
    """Names by user id, of `size` people. When the workspace's budget has no room for asking, and whenever Slack does
    not tell, people are called by their id."""

    def __init__(self, api: SlackApi, *, size: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._known = Recent[tuple[str, float]](size)  # id -> name, until when
        self._asking: dict[str, asyncio.Task[str]] = {}

    async def name_of(self, user_id: str) -> str:
        """The person's name, or the id. Takes half a second at most, and never raises."""
        return (await self.names([user_id])).get(user_id, user_id)

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Names of those that are known or can be found out within half a second."""
        found: dict[str, str] = {}
        asking: dict[str, asyncio.Task[str]] = {}
        for user_id in dict.fromkeys(user_ids):
            if (name := self._remembered(user_id)) is not None:
                found[user_id] = name
            else:
                asking[user_id] = self._ask(user_id)
        if asking:
            # Not cancelled when it takes too long: the answer serves the next message.
            await asyncio.wait(asking.values(), timeout=LOOKUP_SECONDS)
        found |= {user_id: task.result() for user_id, task in asking.items() if task.done() and not task.cancelled()}
        return {user_id: name for user_id, name in found.items() if name}

    async def aclose(self) -> None:
        """Ask for nothing more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remembered(self, user_id: str) -> str | None:
        known = self._known.get(user_id)
        if known is None or self._clock() >= known[1]:
            return None
        self._known[user_id] = known  # those that were wanted last are kept
        return known[0]

    def _ask(self, user_id: str) -> asyncio.Task[str]:
        """The one lookup of this person that is under way."""
        if user_id not in self._asking:
            task = asyncio.create_task(self._look_up(user_id), name=f"the name of {user_id}")
            self._asking[user_id] = task
            task.add_done_callback(lambda _: self._asking.pop(user_id, None))
        return self._asking[user_id]

    async def _look_up(self, user_id: str) -> str:
        name = ""
        try:
            team = (await self._api.me()).team
            name = _name(await self._api.ask(team, "users.info", spare=SPARE_BESIDE, user=user_id))
        except (Paced, StoreUnavailable) as error:
            log.info("Slack is not asked for a name: %s", error)
            return ""
        except (CorralError, ValueError) as error:
            log.info("Slack does not tell a name: %s", error)
        self._known[user_id] = (name, self._clock() + (KNOWN_SECONDS if name else UNKNOWN_SECONDS))
        return name


def _name(answer: object) -> str:
    """Display name, else real name (docs.slack.dev/reference/objects/user-object)."""
    user = part(answer, "user")
    profile = part(user, "profile")
    names = (string(profile, "display_name"), string(profile, "real_name"), string(user, "real_name"))
    return next((name for name in names if name.strip()), string(user, "name"))
