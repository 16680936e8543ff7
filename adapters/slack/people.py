"""What people are called and where they belong, looked up beside the way of a message and never in its way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from adapters.slack.api import SlackApi
from adapters.slack.identity import Identity
from adapters.slack.limits import SPARE_BESIDE
from adapters.slack.payloads import part, string
from conversation.access import Person
from conversation.errors import CorralError, Paced, StoreUnavailable
from conversation.model import Belonging
from conversation.recent import Recent

log = logging.getLogger(__name__)

# The acknowledgement waits for the name of whoever asks; Slack gives it three seconds in all.
LOOKUP_SECONDS = 0.5
# Where somebody belongs is not guessed when it takes longer than a name may.
STANDING_SECONDS = 5.0
KNOWN_SECONDS = 3600.0
# Who was known when they asked is not kept waiting for it.
AGAIN_SECONDS = 1.0
# Before an answer is made: who was made a guest, or has left, gets no more of them after this.
KNOWN_NOW_SECONDS = 300.0
# While Slack does not tell, what it told last still counts: its trouble must not lock everybody out.
STALE_SECONDS = 24 * 3600.0
# A person that Slack could not tell us about is asked for again after this.
UNKNOWN_SECONDS = 60.0
# Whose answer waits for it is asked for again at once.
RETRY_SECONDS = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Profile:
    """What Slack tells of somebody; all of it is empty when it does not tell."""

    name: str = ""
    team: str = ""
    enterprise: str = ""
    is_guest: bool = False
    is_admin: bool = False  # of the workspace
    is_stranger: bool = False  # is seen in shared channels only
    is_gone: bool = False  # was deactivated

    def belonging(self, me: Identity, came_as: Belonging) -> Belonging:
        """How they belong to our workspace, given how their payload looked."""
        same_organisation = me.enterprise != "" and self.enterprise == me.enterprise
        is_ours = (me.is_home(self.team) and came_as is not Belonging.EXTERNAL) or same_organisation
        if not is_ours or self.is_stranger:
            return Belonging.EXTERNAL
        return Belonging.GUEST if self.is_guest else Belonging.MEMBER


@dataclass(frozen=True, slots=True)
class _Known:
    """What was told last and when; it may have been asked for again since, in vain. Times are the clock's."""

    profile: Profile
    told_at: float
    asked_at: float


class People:
    """Names and standing by user id, of `size` people. When the workspace's budget has no room for asking, and whenever
    Slack does not tell, people are called by their id, and are what they were last."""

    def __init__(self, api: SlackApi, *, size: int = 5000, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._known = Recent[_Known](size)
        self._asking: dict[str, asyncio.Task[Profile]] = {}

    async def name_of(self, user_id: str) -> str:
        """The person's name, or the id. Takes half a second at most, and never raises."""
        return (await self.names([user_id])).get(user_id, user_id)

    async def names(self, user_ids: Iterable[str]) -> dict[str, str]:
        """Names of those that are known or can be found out within half a second."""
        found = await self._find(user_ids, LOOKUP_SECONDS)
        return {user_id: profile.name for user_id, profile in found.items() if profile.name}

    async def standing(
        self,
        person: Person,
        *,
        seconds: float = LOOKUP_SECONDS,
        known_seconds: float = KNOWN_SECONDS,
        unknown_seconds: float = UNKNOWN_SECONDS,
    ) -> Person | None:
        """How the person belongs to our workspace: as Slack tells it within `seconds`, or told it in the last day, or
        as they came when it never did. None for who was deactivated. Raises DeliveryError while nobody knows who we
        are."""
        me = await self._api.me()
        found = await self._find([person.id], seconds, known_seconds, unknown_seconds)
        return _placed(person, found.get(person.id) or self._last(person.id), me)

    async def recalled(self, person: Person) -> Person | None:
        """The same as far as it was told before: nothing is asked, and nobody waits."""
        return _placed(person, self._last(person.id), await self._api.me())

    async def standing_now(self, person: Person) -> Person | None:
        """The same for somebody whose answer waits for it: as it was a few minutes ago at most, if Slack tells it."""
        now: Person | None = person
        seconds = STANDING_SECONDS if person.belonging is Belonging.UNKNOWN else AGAIN_SECONDS
        for pause_seconds in (*RETRY_SECONDS, 0.0):
            now = await self.standing(
                person, seconds=seconds, known_seconds=KNOWN_NOW_SECONDS, unknown_seconds=RETRY_SECONDS[0]
            )
            if now is None or now.belonging is not Belonging.UNKNOWN:
                break
            await asyncio.sleep(pause_seconds)
        return now

    async def sees_public_channels(self, user_id: str) -> bool:
        """Whether they surely may read every public channel: guests and people of other organisations see those only
        that they are in."""
        me = await self._api.me()
        profile = (await self._find([user_id], STANDING_SECONDS)).get(user_id, Profile())
        return bool(profile.team) and profile.belonging(me, Belonging.UNKNOWN) is Belonging.MEMBER

    async def is_admin(self, user_id: str) -> bool:
        """Whether they surely manage the whole workspace."""
        return (await self._find([user_id], LOOKUP_SECONDS)).get(user_id, Profile()).is_admin

    async def aclose(self) -> None:
        """Ask for nothing more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(
        self,
        user_ids: Iterable[str],
        seconds: float,
        known_seconds: float = KNOWN_SECONDS,
        unknown_seconds: float = UNKNOWN_SECONDS,
    ) -> dict[str, Profile]:
        found: dict[str, Profile] = {}
        asking: dict[str, asyncio.Task[Profile]] = {}
        for user_id in dict.fromkeys(user_ids):
            if (profile := self._remembered(user_id, known_seconds, unknown_seconds)) is not None:
                found[user_id] = profile
            else:
                asking[user_id] = self._ask(user_id)
        if asking:
            # Not cancelled when it takes too long: the answer serves the next message.
            await asyncio.wait(asking.values(), timeout=seconds)
        return found | {one: task.result() for one, task in asking.items() if task.done() and not task.cancelled()}

    def _remembered(self, user_id: str, known_seconds: float, unknown_seconds: float) -> Profile | None:
        """None: it is to be asked for."""
        known, now = self._known.get(user_id), self._clock()
        if known is None:
            return None
        asked_in_vain = known.asked_at > known.told_at and now - known.asked_at < unknown_seconds
        if not asked_in_vain and now - known.told_at >= known_seconds:
            return None
        self._known[user_id] = known  # those that were wanted last are kept
        return self._last(user_id)

    def _last(self, user_id: str) -> Profile:
        """What was told last, unless that is too long ago."""
        known = self._known.get(user_id)
        return known.profile if known is not None and self._clock() - known.told_at < STALE_SECONDS else Profile()

    def _ask(self, user_id: str) -> asyncio.Task[Profile]:
        """The one lookup of this person that is under way."""
        if user_id not in self._asking:
            task = asyncio.create_task(self._look_up(user_id), name=f"the name of {user_id}")
            self._asking[user_id] = task
            task.add_done_callback(lambda _: self._asking.pop(user_id, None))
        return self._asking[user_id]

    async def _look_up(self, user_id: str) -> Profile:
        """What Slack tells; else what it told last."""
        profile = Profile()
        try:
            team = (await self._api.me()).team
            profile = _read(await self._api.ask(team, "users.info", spare=SPARE_BESIDE, user=user_id))
        except (Paced, StoreUnavailable) as error:
            log.info("Slack is not asked for a name: %s", error)
            return self._last(user_id)
        except (CorralError, ValueError) as error:
            log.info("Slack does not tell a name: %s", error)
        now, before = self._clock(), self._known.get(user_id)
        if profile.name:
            self._known[user_id] = _Known(profile, now, now)
        else:
            told_at = before.told_at if before is not None else float("-inf")
            self._known[user_id] = _Known(self._last(user_id), told_at, now)
        return self._last(user_id)


def _placed(person: Person, profile: Profile, me: Identity) -> Person | None:
    if not profile.team:
        return person
    if profile.is_gone:
        return None
    home = "" if profile.team == me.team else profile.team
    return replace(person, belonging=profile.belonging(me, person.belonging), home=home or person.home)


def _read(answer: object) -> Profile:
    """Display name, else real name; and where they belong (docs.slack.dev/reference/objects/user-object)."""
    user = part(answer, "user")
    profile = part(user, "profile")
    names = (string(profile, "display_name"), string(profile, "real_name"), string(user, "real_name"))
    return Profile(
        name=next((name for name in names if name.strip()), string(user, "name")),
        team=string(user, "team_id"),
        enterprise=string(part(user, "enterprise_user"), "enterprise_id"),
        is_guest=user.get("is_restricted") is not False or user.get("is_ultra_restricted") is True,
        is_admin=user.get("is_admin") is True or user.get("is_owner") is True,
        is_stranger=user.get("is_stranger") is True,
        is_gone=user.get("deleted") is True,
    )
