"""What people are called and where they belong, looked up beside the way of a message and never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from adapters.slack.api import SlackApi
from adapters.slack.identity import Identity
from adapters.slack.limits import SPARE_BESIDE
from adapters.slack.payloads import part, string
from conversation.errors import CorralError, Paced, StoreUnavailable
from conversation.recent import Recent

log = logging.getLogger(__name__)

# The acknowledgement waits for the name of whoever asks; Slack gives it three seconds in all.
LOOKUP_SECONDS = 0.5
# Where somebody belongs is not guessed when it takes longer than a name may.
STANDING_SECONDS = 5.0
KNOWN_SECONDS = 3600.0
# A person that Slack could not tell us about is asked for again after this.
UNKNOWN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Person:
    """What Slack tells of somebody; all of it is empty when it does not tell."""

    name: str = ""
    team: str = ""
    enterprise: str = ""
    is_guest: bool = False
    is_admin: bool = False  # of the workspace


class People:
    """Names by user id, of `size` people. When the workspace's budget has no room for asking, and whenever Slack does
    not tell, people are called by their id."""

    def __init__(self, api: SlackApi, *, size: int = 1000, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._known = Recent[tuple[Person, float]](size)  # id -> what is known, until when
        self._asking: dict[str, asyncio.Task[Person]] = {}

    async def name_of(self, user_id: str) -> str:
        """The person's name, or the id. Takes half a second at most, and never raises."""
        return (await self.names([user_id])).get(user_id, user_id)

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Names of those that are known or can be found out within half a second."""
        found = await self._find(user_ids, LOOKUP_SECONDS)
        return {user_id: person.name for user_id, person in found.items() if person.name}

    async def is_external(self, user_id: str, me: Identity) -> bool:
        """Whether they surely belong to another organisation."""
        person = await self._find_one(user_id, LOOKUP_SECONDS)
        return not (me.is_home(person.team) or (me.enterprise and person.enterprise == me.enterprise))

    async def sees_public_channels(self, user_id: str) -> bool:
        """Whether they surely may read every public channel: guests and people of other organisations see those only
        that they are in."""
        me, person = await self._api.me(), await self._find_one(user_id, STANDING_SECONDS)
        return bool(person.team) and not person.is_guest and not await self.is_external(user_id, me)

    async def is_admin(self, user_id: str) -> bool:
        """Whether they surely manage the whole workspace."""
        return (await self._find_one(user_id, LOOKUP_SECONDS)).is_admin

    async def _find_one(self, user_id: str, seconds: float) -> Person:
        return (await self._find([user_id], seconds)).get(user_id, Person())

    async def _find(self, user_ids: Iterable[str], seconds: float) -> dict[str, Person]:
        found: dict[str, Person] = {}
        asking: dict[str, asyncio.Task[Person]] = {}
        for user_id in dict.fromkeys(user_ids):
            if (person := self._remembered(user_id)) is not None:
                found[user_id] = person
            else:
                asking[user_id] = self._ask(user_id)
        if asking:
            # Not cancelled when it takes too long: the answer serves the next message.
            await asyncio.wait(asking.values(), timeout=seconds)
        return found | {one: task.result() for one, task in asking.items() if task.done() and not task.cancelled()}

    async def aclose(self) -> None:
        """Ask for nothing more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _remembered(self, user_id: str) -> Person | None:
        known = self._known.get(user_id)
        if known is None or self._clock() >= known[1]:
            return None
        self._known[user_id] = known  # those that were wanted last are kept
        return known[0]

    def _ask(self, user_id: str) -> asyncio.Task[Person]:
        """The one lookup of this person that is under way."""
        if user_id not in self._asking:
            task = asyncio.create_task(self._look_up(user_id), name=f"the name of {user_id}")
            self._asking[user_id] = task
            task.add_done_callback(lambda _: self._asking.pop(user_id, None))
        return self._asking[user_id]

    async def _look_up(self, user_id: str) -> Person:
        person = Person()
        try:
            team = (await self._api.me()).team
            person = _read(await self._api.ask(team, "users.info", spare=SPARE_BESIDE, user=user_id))
        except (Paced, StoreUnavailable) as error:
            log.info("Slack is not asked for a name: %s", error)
            return person
        except (CorralError, ValueError) as error:
            log.info("Slack does not tell a name: %s", error)
        self._known[user_id] = (person, self._clock() + (KNOWN_SECONDS if person.name else UNKNOWN_SECONDS))
        return person


def _read(answer: object) -> Person:
    """Display name, else real name; and where they belong (docs.slack.dev/reference/objects/user-object)."""
    user = part(answer, "user")
    profile = part(user, "profile")
    names = (string(profile, "display_name"), string(profile, "real_name"), string(user, "real_name"))
    return Person(
        name=next((name for name in names if name.strip()), string(user, "name")),
        team=string(user, "team_id"),
        enterprise=string(part(user, "enterprise_user"), "enterprise_id"),
        is_guest=user.get("is_restricted") is not False or user.get("is_ultra_restricted") is True,
        is_admin=user.get("is_admin") is True or user.get("is_owner") is True,
    )
