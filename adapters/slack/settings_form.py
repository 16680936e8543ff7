"""The form for what a channel and a person may set. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from hashlib import sha256

from adapters.slack import inputs
from adapters.slack.identity import Identity
from adapters.slack.inputs import Block
from adapters.slack.payloads import Json, Malformed, identifier, part, string
from adapters.slack.places import address, is_dm, somebody
from conversation import notices
from conversation.access import Person
from conversation.model import Preferences
from conversation.preferences import LEAST_TOKENS, MOST_ADDITIONS, MOST_TEMPERATURE, Entered, described

SETTINGS_FORM, SAVED_FORM = "corral_settings", "corral_saved"
TITLE, SUBMIT = "Corral's settings", "Save"
FOR_YOU, FOR_CHANNEL = "For you", "For everybody in this channel"
# The blocks' names: whose, and the field as NotSettable calls it.
PERSON, CHANNEL = "person", "channel"
ADMINS_ONLY = (
    "Only admins of this workspace, and who made this channel, change what is set for it. "
    "You can change what is set for you."
)
READ_BY = "In a thread that others read, they can have the model repeat it: write nothing here that is yours alone."
WHEN = (
    "A thread keeps what was set when it began: changes are for new threads. "
    "What you set for yourself counts before what is set for the channel; instructions of both are followed."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Somebody wants to see the form; `manages` as far as Slack tells it in time."""

    channel: Preferences
    person: Preferences
    most_tokens: int
    manages: bool


@dataclass(frozen=True, slots=True)
class Saving:
    """What somebody changed in the form. `of_channel` is None where they could not, or did not."""

    person: Person
    of_person: Entered
    of_channel: Entered | None


def view(settings: Settings, channel: str) -> Block:
    """The modal, filled in with what is set."""
    blocks = [inputs.words(WHEN), inputs.heading(FOR_YOU), *_fields(PERSON, settings.person, settings.most_tokens)]
    if settings.manages and not is_dm(channel):
        blocks += [inputs.heading(FOR_CHANNEL), *_fields(CHANNEL, settings.channel, settings.most_tokens)]
    elif not is_dm(channel):
        blocks.append(inputs.words(f"{notices.set_here(described(settings.channel))} {ADMINS_ONLY}"))
    # A field that stays as it was shown is none that was entered: others may have set it while the form was open.
    shown = {whose: _marks(Entered.of(of)) for whose, of in ((PERSON, settings.person), (CHANNEL, settings.channel))}
    return inputs.modal(SETTINGS_FORM, TITLE, blocks, submit=SUBMIT, data=json.dumps({"c": channel, "shown": shown}))


def saved(sentences: str) -> Block:
    """What takes the form's place when all of it is kept."""
    return inputs.modal(SAVED_FORM, TITLE, [inputs.words(sentences)], close="Close")


def submitted(payload: Json, me: Identity) -> Saving | None:
    """What was entered; None when it is another view's. Raises Malformed."""
    shown, user = part(payload, "view"), part(payload, "user")
    if string(shown, "callback_id") != SETTINGS_FORM:
        return None
    try:
        about = part(json.loads(string(shown, "private_metadata")))
        channel = identifier(about, "c")
    except ValueError as exc:
        raise Malformed("private_metadata is none of ours") from exc
    values = part(shown, "state", "values")
    person = somebody(me, address(me, channel, ""), identifier(user, "id"), string(user, "team_id"))
    has_channel = f"{CHANNEL}.language" in values
    of_person, of_channel = (_entered(values, whose, part(about, "shown", whose)) for whose in (PERSON, CHANNEL))
    return Saving(person, of_person, of_channel if has_channel and of_channel != Entered() else None)


def at_fields(whose: str, sentences: Mapping[str, str]) -> dict[str, str]:
    """NotSettable's sentences, each at its field."""
    return {f"{whose}.{name}": sentence for name, sentence in sentences.items()}


def _fields(whose: str, preferences: Preferences, most_tokens: int) -> list[Block]:
    now = Entered.of(preferences)
    return [
        inputs.text_field(f"{whose}.language", "Language of code", now.language or "", example="TypeScript, C++, py"),
        inputs.text_field(
            f"{whose}.additions",
            "Standing instructions",
            now.additions or "",
            multiline=True,
            hint=f"At most {MOST_ADDITIONS:,} characters, read before every question. {READ_BY}",
            most=MOST_ADDITIONS,
        ),
        inputs.text_field(
            f"{whose}.temperature",
            "Variety (0 = always the same)",
            now.temperature or "",
            example=f"0 to {MOST_TEMPERATURE:g}",
        ),
        inputs.text_field(
            f"{whose}.max_new_tokens",
            f"Longest answer ({notices.TOKENS_IN_WORDS})",
            now.max_new_tokens or "",
            example=f"{LEAST_TOKENS} to {most_tokens}",
        ),
    ]


def _entered(values: Json, whose: str, shown: Json) -> Entered:
    """What is another than it was shown. A form without marks was opened by an older version: all of it counts."""
    typed = {field.name: inputs.typed(values, f"{whose}.{field.name}") for field in fields(Entered)}
    return Entered(**{name: text for name, text in typed.items() if string(shown, name) != _mark(text)})


def _marks(entered: Entered) -> dict[str, str]:
    return {field.name: _mark(text) for field, text in zip(fields(Entered), astuple(entered), strict=True)}


def _mark(text: str | None) -> str:
    """Tells whether a text is another. Not the text itself: Slack takes 3,000 characters of a form's own data."""
    return sha256((text or "").strip().encode()).hexdigest()[:16]
