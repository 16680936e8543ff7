"""What people are called, looked up beside the way of a message and never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.identity import UNREACHABLE, error_code, retry_after_seconds
from adapters.slack.payloads import part, string

log = logging.getLogger(__name__)

# The acknowledgement waits for the name of whoever asks; Slack gives it three seconds in all.
LOOKUP_SECONDS = 0.5
KNOWN_SECONDS = 3600.0
# A person that Slack could not tell us about is asked for again after this.
UNKNOWN_SECONDS = 60.0


class People:
    """Names by user id. Slack's limit for users.info is 100 a minute and is left room (docs.slack.dev, tier 4);
    beyond `per_minute`, and whenever Slack does not tell, people are called by their id."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        size: int = 1000,
        per_minute: int = 80,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._size, self._per_minute, self._clock = client, size, per_minute, clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()  # id -> name, until when
        self._asking: dict[str, asyncio.Task[str]] = {}
        self._asked: deque[float] = deque(maxlen=per_minute)
        self._silent_until = 0.0

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
            elif (task := self._ask(user_id)) is not None:
                asking[user_id] = task
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
        name, until = self._known.get(user_id, ("", 0.0))
        if self._clock() >= until:
            return None
        self._known.move_to_end(user_id)
        return name

    def _ask(self, user_id: str) -> asyncio.Task[str] | None:
        """The one lookup of this person that is under way; None when there is no quota for it."""
        if user_id not in self._asking:
            now = self._clock()
            is_spent = len(self._asked) == self._per_minute and now - self._asked[0] < 60
            if is_spent or now < self._silent_until:
                return None
            self._asked.append(now)
            task = asyncio.create_task(self._look_up(user_id), name=f"the name of {user_id}")
            self._asking[user_id] = task
            task.add_done_callback(lambda _: self._asking.pop(user_id, None))
        return self._asking[user_id]

    async def _look_up(self, user_id: str) -> str:
        name = ""
        try:
            answer = await self._client.users_info(user=user_id)
            name = _name(answer.data)
        except SlackApiError as exc:
            if (seconds := retry_after_seconds(exc)) > 0:
                self._silent_until = self._clock() + seconds
            log.info("Slack does not tell a name: %s", error_code(exc))
        except (*UNREACHABLE, ValueError) as exc:
            log.info("Slack does not tell a name: %s", str(exc) or type(exc).__name__)
        self._known[user_id] = (name, self._clock() + (KNOWN_SECONDS if name else UNKNOWN_SECONDS))
        self._known.move_to_end(user_id)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        return name


def _name(answer: object) -> str:
    """Display name, else real name (docs.slack.dev/reference/objects/user-object)."""
    user = part(answer, "user")
    profile = part(user, "profile")
    names = (string(profile, "display_name"), string(profile, "real_name"), string(user, "real_name"))
    return next((name for name in names if name.strip()), string(user, "name"))
