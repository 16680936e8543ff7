"""Who may ask: rules about people and places. Pure; how rules are written is in `access_rules`, what they say in words
in `access_words`.

1. A deny rule that holds refuses.
2. Guests and people of other organisations are refused, unless an allow rule that names them holds.
3. Members are allowed when no allow rule is about the members of their platform; else one of those must hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from conversation import notices
from conversation.model import Belonging, InboundMessage, ThreadId

SLACK, DISCORD, TERMINAL = "slack", "discord", "terminal"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes or presses, and where. `home` is the workspace that they belong to where it is not the
    address's; `roles` are ids. With an unknown belonging the roles are not known either."""

    address: ThreadId
    id: str
    belonging: Belonging = Belonging.MEMBER
    home: str = ""
    roles: tuple[str, ...] = ()

    @classmethod
    def who_wrote(cls, message: InboundMessage) -> Person:
        """As much as was known when it was written."""
        return cls(message.address, message.author_id, message.belonging, message.home, message.roles)

    def sign(self, message: InboundMessage) -> InboundMessage:
        """The message, with how this person, who wrote it, belongs."""
        return replace(message, belonging=self.belonging, home=self.home, roles=self.roles)


class Access(Protocol):
    """Whom this service answers. Cheap, and safe to repeat."""

    def refusal(self, person: Person, *, asked_again: bool = False) -> str:
        """Why not, as a sentence for the person; "" when they may. With `asked_again` somebody asks once more before
        anything comes of it, and knows more by then: what is not known does not refuse."""

    def is_undecided(self, person: Person) -> bool:
        """Whether it depends on what is not known of the person."""


@dataclass(frozen=True, slots=True)
class Rule:
    """All that is set must hold; of several ids one is enough. `homes` are ids of workspaces, which people belong to,
    or of servers, where they ask."""

    platform: str
    homes: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    belonging: Belonging | None = None  # guests or people of other organisations alone

    @property
    def about(self) -> Belonging:
        """Whom it allows, as an allow rule: it never allows a guest without saying so."""
        return self.belonging or Belonging.MEMBER

    def holds(self, person: Person) -> bool:
        """Whether it is about this person, in this place."""
        at = person.address
        # Everybody in a server has the role whose id is the server's; Discord does not list it.
        roles = {*person.roles, at.tenant}
        return (
            self.platform == at.platform
            and self.belonging in {None, person.belonging}
            and (not self.homes or (person.home or at.tenant) in self.homes)
            and (not self.channels or at.channel in self.channels)
            and (not self.roles or not roles.isdisjoint(self.roles))
            and (not self.users or person.id in self.users)
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What is allowed and what is denied. Without any rule: every member, and nobody else."""

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()

    def refusal(self, person: Person, *, asked_again: bool = False) -> str:
        """See Access.refusal."""
        if person.belonging is not Belonging.UNKNOWN:
            return self._refusal(person)
        refusals = [self._refusal(guess) for guess in self._guesses(person)]
        if all(refusals):
            return refusals[0]
        return notices.NOT_KNOWN if any(refusals) and not asked_again else ""

    def is_undecided(self, person: Person) -> bool:
        """See Access.is_undecided."""
        if person.belonging is not Belonging.UNKNOWN:
            return False
        refusals = [self._refusal(guess) for guess in self._guesses(person)]
        return any(refusals) and not all(refusals)

    def may_change(self, person: Person) -> bool:
        """Whether what is said of this person can be another when how they belong has changed since they asked."""
        about = [rule for rule in (*self.allow, *self.deny) if rule.platform == person.address.platform]
        return person.address.platform == SLACK or any(rule.homes or rule.roles for rule in about)

    def _refusal(self, person: Person) -> str:
        """Of a person of whom all is known."""
        if person.address.platform == TERMINAL:
            return ""
        if any(rule.holds(person) for rule in self.deny):
            return notices.NOT_ALLOWED
        about = [
            rule for rule in self.allow if rule.platform == person.address.platform and rule.about is person.belonging
        ]
        if any(rule.holds(person) for rule in about):
            return ""
        if person.belonging is Belonging.MEMBER:
            return notices.NOT_ALLOWED if about else ""
        return notices.OUTSIDER if person.belonging is Belonging.EXTERNAL else notices.GUEST

    def _guesses(self, person: Person) -> Iterator[Person]:
        """What an unknown person may be: among these are the one that is allowed most, and the one that is denied
        most."""
        member = replace(person, belonging=Belonging.MEMBER, roles=())
        yield member
        if person.address.platform == SLACK:
            yield replace(member, belonging=Belonging.GUEST)
            yield replace(member, belonging=Belonging.EXTERNAL)
            return
        named = tuple(role for rule in (*self.allow, *self.deny) for role in rule.roles)
        yield replace(member, roles=named)
        harmless = [one for one in named if not any(rule.holds(replace(member, roles=(one,))) for rule in self.deny)]
        yield replace(member, roles=tuple(harmless))
