"""The rules asked once more, with how the person stands by then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from conversation import notices
from conversation.access import Person
from conversation.access_gate import AccessGate
from conversation.access_rules import rules_of
from conversation.errors import NotAllowed, Unreachable
from conversation.model import Belonging, InboundMessage, Job, ThreadId

SLACKS, DISCORDS = ThreadId("slack", "T1", "C1", "1.2"), ThreadId("discord", "41", "55", "9")


@dataclass
class Platform:
    """Tells that somebody is `now`; None: they have left. `asked` are those that it was asked about."""

    now: Person | None = None
    error: Exception | None = None
    hangs: bool = False
    asked: list[str] = field(default_factory=list)

    async def standing(self, person: Person) -> Person | None:
        self.asked.append(person.id)
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        return self.now


def job(*people: Person) -> Job:
    messages = [
        person.sign(InboundMessage(person.address, str(number), person.id, person.id, "why?", 0.0))
        for number, person in enumerate(people)
    ]
    return Job("job1", "conversation1", tuple(messages), 0.0)


async def refused(gate: AccessGate, asked: Job) -> str:
    """What the person is told; "" when the job is admitted. It is the same at its delivery."""
    told = []
    for admit in (gate.admit, gate.admit_delivery):
        try:
            await admit(asked)
        except NotAllowed as error:
            told.append(error.user_notice)
        else:
            told.append("")
    assert told[0] == told[1]
    return told[0]


ADA = Person(SLACKS, "U1")
BOB = Person(DISCORDS, "12", roles=("7",))


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (ADA, ""),
        (replace(ADA, belonging=Belonging.GUEST), notices.GUEST),
        (replace(ADA, belonging=Belonging.EXTERNAL, home="T9"), notices.OUTSIDER),
        (replace(ADA, belonging=Belonging.UNKNOWN), notices.NOT_KNOWN),
        (None, notices.LEFT),
    ],
)
async def test_how_they_stand_now_counts(now: Person | None, told: str) -> None:
    """Not how they stood when they asked."""
    assert await refused(AccessGate(rules_of("", ""), {"slack": Platform(now)}), job(ADA)) == told


@pytest.mark.parametrize("hangs", [True, False])
@pytest.mark.parametrize(
    ("before", "told"),
    [
        (Belonging.MEMBER, ""),
        (Belonging.GUEST, notices.GUEST),
        (Belonging.UNKNOWN, notices.NOT_KNOWN),
    ],
)
async def test_what_was_stored_counts_while_the_platform_does_not_tell(
    hangs: bool, before: Belonging, told: str
) -> None:
    """Members get their answers whatever ails the platform; whom nobody ever knew does not."""
    platform = Platform(error=Unreachable("away", certain=True), hangs=hangs)
    gate = AccessGate(rules_of("", ""), {"slack": platform}, lookup_seconds=0.05)
    assert await refused(gate, job(replace(ADA, belonging=before))) == told
    assert platform.asked == ["U1", "U1"]


async def test_stricter_rules_hold_for_what_was_asked_before() -> None:
    """A restart with a new ACCESS_DENY is enough."""
    assert await refused(AccessGate(rules_of("", "slack user:U1"), {}), job(ADA)) == notices.NOT_ALLOWED


async def test_a_role_that_was_taken_away() -> None:
    """The roles of now count, where rules name any."""
    gate = AccessGate(rules_of("discord role:7", ""), {"discord": Platform(replace(BOB, roles=()))})
    assert await refused(gate, job(BOB)) == notices.NOT_ALLOWED


async def test_discord_is_asked_only_where_rules_depend_on_it() -> None:
    """One call for each answer is too dear for nothing."""
    platform = Platform(None)
    assert await refused(AccessGate(rules_of("discord user:12", ""), {"discord": platform}), job(BOB)) == ""
    assert platform.asked == []
    assert await refused(AccessGate(rules_of("discord guild:41", ""), {"discord": platform}), job(BOB)) == notices.LEFT


async def test_everybody_who_wrote_of_a_question_must_be_allowed() -> None:
    """And is asked about once."""
    eve = replace(ADA, id="U6")
    platform = Platform(ADA)
    gate = AccessGate(rules_of("", ""), {"slack": platform})
    await gate.admit(job(ADA, ADA, eve))
    assert platform.asked == ["U1", "U6"]
    with pytest.raises(NotAllowed):
        await AccessGate(rules_of("", "slack user:U6"), {}).admit(job(ADA, ADA, eve))


async def test_platforms_without_people_are_as_they_were() -> None:
    """The terminal is asked about nobody, and tokens are nothing to these rules."""
    gate = AccessGate(rules_of("slack user:U1", "slack"), {})
    asked = job(Person(ThreadId("terminal", "local", "here", "1"), "me"))
    assert await refused(gate, asked) == ""
    await gate.spent(asked, 1000)
