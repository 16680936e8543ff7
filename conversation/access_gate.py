"""The rules asked once more, by whoever answers: they may be stricter by now, and so may be how a person stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping

from conversation import notices
from conversation.access import Person, Rules
from conversation.errors import CorralError, NotAllowed
from conversation.model import Job
from conversation.ports import DeliveryGate, Gate, KnowsPeople

log = logging.getLogger(__name__)

# An answer waits so long for what its platform tells of who asked; then what was known at asking counts.
LOOKUP_SECONDS = 6.0


class AccessGate:
    """`people` are those platforms that can tell how somebody stands now."""

    def __init__(
        self, rules: Rules, people: Mapping[str, KnowsPeople], *, lookup_seconds: float = LOOKUP_SECONDS
    ) -> None:
        self._rules, self._people, self._lookup_seconds = rules, people, lookup_seconds

    async def admit(self, job: Job) -> None:
        """See Gate.admit. Raises NotAllowed."""
        for person in _people_of(job):
            now = await self._now(person)
            refusal = notices.LEFT if now is None else self._rules.refusal(now)
            if refusal:
                raise NotAllowed(f"job {job.id}: its author may not ask", user_notice=refusal)

    async def spent(self, job: Job, tokens: int) -> None:
        """See Gate.spent: that is nothing to these rules."""

    async def admit_delivery(self, job: Job) -> None:
        """See DeliveryGate.admit_delivery."""
        await self.admit(job)

    async def _now(self, person: Person) -> Person | None:
        platform = self._people.get(person.address.platform)
        if platform is None or not self._rules.may_change(person):
            return person
        try:
            async with asyncio.timeout(self._lookup_seconds):
                return await platform.standing(person)
        except (CorralError, TimeoutError) as error:
            log.warning("how somebody stands now is not known, what was known at asking counts: %r", error)
            return person


def _people_of(job: Job) -> Iterator[Person]:
    """Once each, in the order of their messages."""
    yield from dict.fromkeys(Person.who_wrote(message) for message in job.messages)


_gate: type[Gate] = AccessGate
_delivery_gate: type[DeliveryGate] = AccessGate
