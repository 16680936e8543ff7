"""How people stand in a server: asked for where no event tells it, and kept for a minute.

Source: discord.com/developers/docs/resources/guild#get-guild-member, which needs no intent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from adapters.discord.api import DiscordApi
from adapters.discord.channels import DIRECT_GUILD
from adapters.discord.limits import EVERYWHERE, members_of
from adapters.discord.payloads import Json
from adapters.discord.refusals import UNKNOWN_MEMBER, UNKNOWN_USER, Refusal
from conversation.access import Person
from conversation.errors import Unreachable
from conversation.model import Belonging
from conversation.pacing import Use, wait_for_room
from conversation.recent import Recent

KNOWN_SECONDS = 60.0
MAX_ROLES = 250  # a server has no more (docs: resources/guild, roles)


def roles_of(member: Json) -> tuple[str, ...]:
    """Ids of the roles in a member object."""
    listed = member.get("roles")
    return tuple(one for one in listed if isinstance(one, str))[:MAX_ROLES] if isinstance(listed, list) else ()


@dataclass(frozen=True, slots=True)
class _Known:
    roles: tuple[str, ...] | None  # None: no member
    until: float


class People:
    """Of `size` people what was told last."""

    def __init__(
        self,
        api: DiscordApi,
        *,
        known_seconds: float = KNOWN_SECONDS,
        size: int = 5000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api, self._known_seconds, self._clock = api, known_seconds, clock
        self._known = Recent[_Known](size)

    async def standing(self, person: Person) -> Person | None:
        """The person with the roles that they have; None for who is no member any more. In direct messages, where there
        are none, as they came. Waits for room within Discord's limits. Raises DeliveryError."""
        guild = person.address.tenant
        if guild == DIRECT_GUILD:
            return replace(person, belonging=Belonging.MEMBER)
        name = f"{guild} {person.id}"
        known = self._known.get(name)
        if known is None or self._clock() >= known.until:
            known = _Known(await self._ask(guild, person.id), self._clock() + self._known_seconds)
            self._known[name] = known
        return None if known.roles is None else replace(person, belonging=Belonging.MEMBER, roles=known.roles)

    async def _ask(self, guild: str, user: str) -> tuple[str, ...] | None:
        allowance = members_of(guild)
        await wait_for_room(self._api.budget, Use(EVERYWHERE), Use(allowance))
        try:
            member = await self._api.call(allowance, lambda http: http.get_member(int(guild), int(user)))
        except Refusal as error:
            if error.code in {UNKNOWN_MEMBER, UNKNOWN_USER}:
                return None
            raise
        if not isinstance(member, dict):
            raise Unreachable("a member: not what Discord sends", certain=False)
        return roles_of(member)
