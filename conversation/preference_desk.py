"""Where people change what is set: the one door for every platform's form or command."""

from __future__ import annotations

from conversation import notices
from conversation.access import Access, Person
from conversation.errors import NotAllowed, Refused
from conversation.model import Owner, Preferences
from conversation.ports import PreferenceStore
from conversation.preferences import Entered, LanguageNamed, changed, described


class PreferenceDesk:
    """Shows and changes preferences. Every method raises StoreUnavailable; the platform is told then that nothing was
    kept."""

    def __init__(self, store: PreferenceStore, access: Access, language_named: LanguageNamed, most_tokens: int) -> None:
        self._store, self._access, self._language_named = store, access, language_named
        self.most_tokens = most_tokens  # of one reply

    async def shown(self, person: Person, *, of_channel: bool = False) -> Preferences:
        """What is set for the channel, or for the person. Raises Refused."""
        (preferences,) = await self._store.get(_owner(person, of_channel=of_channel))
        self._check(person)
        return preferences

    async def change(
        self, person: Person, entered: Entered, *, of_channel: bool = False, is_admin: bool = False
    ) -> str:
        """Keep what was entered, beside what others enter in other fields meanwhile, and say in a sentence what is set
        now. `is_admin`: the platform lets this person manage the
        channel; in direct messages everybody is. Raises NotSettable for what cannot be kept, and Refused."""
        self._check_change(person, of_channel=of_channel, is_admin=is_admin)
        preferences = await self._store.change(
            _owner(person, of_channel=of_channel), lambda before: self._changed(before, entered)
        )
        return _confirmed(preferences, of_channel=of_channel)

    async def check(
        self, person: Person, entered: Entered, *, of_channel: bool = False, is_admin: bool = False
    ) -> Preferences:
        """What `change` would keep, and keep nothing: for a form that is stored whole or not at all. Raises as that."""
        self._check_change(person, of_channel=of_channel, is_admin=is_admin)
        (before,) = await self._store.get(_owner(person, of_channel=of_channel))
        return self._changed(before, entered)

    async def clear(self, person: Person, *, of_channel: bool = False, is_admin: bool = False) -> str:
        """Unset all of it, and say so. Raises Refused."""
        self._check_change(person, of_channel=of_channel, is_admin=is_admin)
        await self._store.clear(_owner(person, of_channel=of_channel))
        return _confirmed(Preferences(), of_channel=of_channel)

    def _changed(self, before: Preferences, entered: Entered) -> Preferences:
        return changed(before, entered, self._language_named, self.most_tokens)

    def _check(self, person: Person) -> None:
        if refusal := self._access.refusal(person):
            raise NotAllowed("no member, or denied", user_notice=refusal)

    def _check_change(self, person: Person, *, of_channel: bool, is_admin: bool) -> None:
        self._check(person)
        if of_channel and not is_admin:
            raise Refused("no admin of the channel", user_notice=notices.ADMINS_ONLY)


def _owner(person: Person, *, of_channel: bool) -> Owner:
    return Owner.channel_of(person.address) if of_channel else Owner.person_of(person.address, person.id)


def _confirmed(preferences: Preferences, *, of_channel: bool) -> str:
    what = described(preferences)
    return f"{notices.set_here(what) if of_channel else notices.set_for_you(what)} {notices.FOR_NEW_THREADS}"
