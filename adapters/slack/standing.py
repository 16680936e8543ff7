"""Who it is that news come from: what a payload does not tell of people, completed before anything is decided."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar, cast

from adapters.slack.commands import Opening, SettingsWanted
from adapters.slack.events import Edited, Stopped
from adapters.slack.interactions import Shortcut
from adapters.slack.people import LOOKUP_SECONDS, People
from adapters.slack.settings_form import Saving
from conversation.access import Person
from conversation.errors import CorralError
from conversation.reception import Heard, Press

N = TypeVar("N")


async def known(people: People, news: N, *, seconds: float = LOOKUP_SECONDS) -> N:
    """The news with how their person belongs, if Slack tells that in time; what comes of nobody as it is. Never
    raises."""
    match news:
        case Heard():
            person = await person_known(people, news.author, seconds=seconds)
            return cast("N", replace(news, message=person.sign(news.message)))
        case Edited() | Shortcut():
            return cast("N", replace(news, heard=await known(people, news.heard, seconds=seconds)))
        case Opening():
            return cast("N", replace(news, person=await person_recalled(people, news.person)))
        case Press() | Stopped() | SettingsWanted() | Saving():
            return cast("N", replace(news, person=await person_known(people, news.person, seconds=seconds)))
    return news


async def person_recalled(people: People, person: Person) -> Person:
    """The same without asking, for what cannot wait: a form opens within three seconds, or never."""
    try:
        return await people.recalled(person) or person
    except CorralError:
        return person


async def person_known(people: People, person: Person, *, seconds: float = LOOKUP_SECONDS) -> Person:
    """The same for a person alone."""
    try:
        # Who was deactivated does nothing any more: of them this is old news, and whoever answers asks again.
        return await people.standing(person, seconds=seconds) or person
    except CorralError:
        return person
