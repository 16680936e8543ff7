"""Where forms are opened and taken in, within Slack's three seconds: what is entered is stored, and then acknowledged.

Sources: docs.slack.dev/reference/methods/views.open (a trigger lives for three seconds, and is used once),
docs.slack.dev/surfaces/modals ("response actions": `errors` keeps the form open, with a sentence at each field).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adapters.languages import languages_like
from adapters.slack import forms, settings_form
from adapters.slack.admins import manages
from adapters.slack.api import SlackApi
from adapters.slack.asides import Asides
from adapters.slack.attachments import Attachments
from adapters.slack.chosen import text_of_message
from adapters.slack.commands import ANSWER_COMES_PRIVATELY, Opening, SettingsWanted
from adapters.slack.forms import Submitted, Wrong
from adapters.slack.identity import Identity
from adapters.slack.in_time import in_time
from adapters.slack.inputs import Block
from adapters.slack.payloads import Json, Malformed, string
from adapters.slack.people import People
from adapters.slack.settings_form import CHANNEL, PERSON, Saving, Settings
from adapters.slack.standing import known, person_known
from conversation.errors import CorralError, DeliveryError, NotSettable, Refused, StoreUnavailable
from conversation.preference_desk import PreferenceDesk
from conversation.reception import Reception

log = logging.getLogger(__name__)

OPEN_SECONDS = 1.8  # what is left of a trigger's life when its payload is here and something was looked up
FILE_SECONDS = 1.2
NOT_OPENED = "Slack did not let me open the form. Please try it again."
NOT_UNDERSTOOD = "I could not read this form. Please close it, and try it again."

Reply = dict[str, Any]
"""The body of an acknowledgement; empty: the form is closed."""


class Desk:
    """Opens forms, and takes in what was filled in. Raises nothing that is foreseen."""

    def __init__(
        self,
        api: SlackApi,
        reception: Reception,
        preferences: PreferenceDesk,
        people: People,
        attachments: Attachments,
        asides: Asides,
    ) -> None:
        self._api, self._reception, self._preferences = api, reception, preferences
        self._people, self._attachments, self._asides = people, attachments, asides

    async def open(self, opening: Opening, me: Identity) -> str:
        """Open a skill's form; gives what its person is told when it does not open."""
        return await self._opened(me, opening.trigger, forms.view(opening.form))

    async def open_settings(self, wanted: SettingsWanted, me: Identity) -> str:
        """The same for what is set."""
        person, channel = wanted.person, wanted.person.address.channel
        try:
            async with in_time():
                of_channel, of_person, is_manager = await asyncio.gather(
                    self._preferences.shown(person, of_channel=True),
                    self._preferences.shown(person),
                    manages(self._api, self._people, me.team, channel, person.id),
                )
        except CorralError as error:
            log.info("settings are not shown: %s", error)
            return error.user_notice
        settings = Settings(of_channel, of_person, self._preferences.most_tokens, is_manager)
        return await self._opened(me, wanted.trigger, settings_form.view(settings, channel))

    async def submitted(self, payload: Json, me: Identity) -> Reply:
        """Take in what was entered; what is wrong with it stands at its fields."""
        try:
            if (saving := settings_form.submitted(payload, me)) is not None:
                return await self._save(saving, me)
            if (given := forms.submitted(payload)) is not None:
                return await self._ask(given, me)
        except Malformed as exc:
            log.warning("a form of Slack's cannot be read: %s", exc)
            return _errors({forms.CODE: NOT_UNDERSTOOD})
        return {}

    def suggested(self, payload: Json) -> Reply:
        """Languages for what is typed in their field."""
        try:
            return forms.suggestions(languages_like(string(payload, "value")[:100]))
        except Malformed:
            return forms.suggestions(())

    async def _opened(self, me: Identity, trigger: str, view: Block) -> str:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._api.ask(me.team, "views.open", trigger_id=trigger, view=view)
        except (CorralError, TimeoutError) as error:
            log.warning("a form could not be opened: %r", error)
            return error.user_notice if isinstance(error, StoreUnavailable) else NOT_OPENED
        return ""

    async def _ask(self, given: Submitted, me: Identity) -> Reply:
        try:
            async with in_time():
                names, read, message_text = await asyncio.gather(
                    self._people.names([given.user]),
                    self._attachments.read(me.team, given.files, seconds=FILE_SECONDS),
                    self._message_text(given, me),
                )
                heard = forms.question(given, read, me, names, time.time(), message_text)
                if isinstance(heard, Wrong):
                    return _errors(heard.sentences)
                heard = await known(self._people, heard, seconds=0)
                self._reception.check(heard.message)
                await self._reception.hear(heard)
        except CorralError as error:
            # The form stays open, with all that was entered.
            log.warning("a form was not stored: %s", error)
            return _errors({forms.CODE: error.user_notice})
        if given.private:
            origin = given.origin
            self._asides.tell(me.team, origin.channel, given.user, origin.thread_ts or None, ANSWER_COMES_PRIVATELY)
        return {}

    async def _message_text(self, given: Submitted, me: Identity) -> str:
        if not given.origin.takes_message:
            return ""
        try:
            text = await text_of_message(self._api, me.team, given.origin)
        except DeliveryError as error:
            raise Refused(error.detail, user_notice=forms.MESSAGE_GONE) from error
        if not text:
            raise Refused("the message is gone", user_notice=forms.MESSAGE_GONE)
        self._reception.check_length(len(text))
        return text

    async def _save(self, saving: Saving, me: Identity) -> Reply:
        """Keep both halves, or neither: who is told that something is wrong does not look whether half of it holds."""
        person, sentences = saving.person, list[str]()
        try:
            async with in_time():
                person = await person_known(self._people, person)
                is_admin = saving.of_channel is not None and await manages(
                    self._api, self._people, me.team, person.address.channel, person.id
                )
                if wrong := await self._wrong(replace(saving, person=person), is_admin=is_admin):
                    return _errors(wrong)
                sentences.append(await self._preferences.change(person, saving.of_person))
                if saving.of_channel is not None:
                    sentences.append(
                        await self._preferences.change(person, saving.of_channel, of_channel=True, is_admin=is_admin)
                    )
        except CorralError as error:
            log.warning("settings were not stored: %s", error)
            return _errors({f"{PERSON}.language": error.user_notice})
        return {"response_action": "update", "view": settings_form.saved("\n".join(sentences))}

    async def _wrong(self, saving: Saving, *, is_admin: bool) -> dict[str, str]:
        """Sentences for the fields of both halves that cannot be kept."""
        wrong = dict[str, str]()
        try:
            await self._preferences.check(saving.person, saving.of_person)
        except NotSettable as error:
            wrong |= settings_form.at_fields(PERSON, error.sentences)
        if saving.of_channel is None:
            return wrong
        if not is_admin:
            return wrong | {f"{CHANNEL}.language": settings_form.ADMINS_ONLY}
        try:
            await self._preferences.check(saving.person, saving.of_channel, of_channel=True, is_admin=is_admin)
        except NotSettable as error:
            wrong |= settings_form.at_fields(CHANNEL, error.sentences)
        except Refused as error:
            wrong[f"{CHANNEL}.language"] = error.user_notice
        return wrong


def _errors(sentences: Mapping[str, str]) -> Reply:
    return {"response_action": "errors", "errors": dict(sentences)}
