"""The slash commands `/corral` and `/code`. Pure.

Source: docs.slack.dev/interactivity/implementing-slash-commands. Slack delivers a command once, and refuses those of
apps inside threads: the answer gets a thread of its own, which the writer opens.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from adapters.slack.forms import Form, Origin, form_of
from adapters.slack.identity import Identity
from adapters.slack.mrkdwn import plain
from adapters.slack.payloads import Json, Malformed, identifier, part, string
from adapters.slack.places import address, linked, somebody
from adapters.slack.private import reply_privately
from adapters.wishes import parsed_wish
from conversation import guide
from conversation.access import Person
from conversation.errors import PromptError
from conversation.model import InboundMessage, Skill
from conversation.reception import Heard
from conversation.skills import SKILLS, Wish, ask_for

log = logging.getLogger(__name__)

CORRAL, CODE = "/corral", "/code"
ASKED_CHARS = 300  # of the question, shown above the answer
EXAMPLES = (Skill.CODE, Skill.EXPLAIN, Skill.FIX, Skill.TEST)  # what help offers to press

HELP = (
    f"`{CORRAL} <question>` asks here, `{CORRAL} private ...` so that only you see the answer; `{CORRAL} settings` "
    f"sets how I answer. {guide.help_text(lambda skill: f'{CORRAL} {skill}')}"
)
ONLY_IN_THREADS = "That works inside a thread: mention me there with `{word}`."
ANSWER_COMES = "The answer comes in a moment, in a thread here."
ANSWER_COMES_DIRECTLY = (
    "I am not in this channel (`/invite` brings me in), so the answer comes in a moment in our direct messages."
)
ANSWER_COMES_PRIVATELY = "The answer comes here when it is whole, and only you will see it."
ANSWER_COMES_SOMEWHERE = "The answer comes in a moment: in a thread here, or in our direct messages if I am not here."
NOT_KNOWN = "I do not know this command."
NOT_READ = "I could not read this command. Please try it again."

_HELP, _SETTINGS = frozenset({"help", "help!", "?"}), frozenset({"settings", "preferences"})
# What is said to a running answer or a thread, and a command belongs to neither.
_OF_THREADS = frozenset({"stop", "quiet", "mute", "back", "unmute", "forget"})
_NAMED = re.compile(rf"({'|'.join(SKILLS)})\b:?[ \t]*(?:\r?\n)?", re.IGNORECASE)
# "private methods in Python" is a question, and is asked where everybody sees it.
_PRIVATELY = re.compile(
    r"(?:privately\b|private\b(?!\s+(?:class|constructor|field|final|function|int|key|member|method|property|repo|static|"
    r"variable|void)))[:,]?\s*",
    re.IGNORECASE,
)


def answer_comes(is_member: bool | None) -> str:
    """What the author is told when the question has been stored: where the answer will be."""
    if is_member is None:
        return ANSWER_COMES_SOMEWHERE
    return ANSWER_COMES if is_member else ANSWER_COMES_DIRECTLY


@dataclass(frozen=True, slots=True)
class Opening:
    """A form is to be opened, within three seconds of the payload that brought `trigger`."""

    form: Form
    trigger: str
    person: Person


@dataclass(frozen=True, slots=True)
class SettingsWanted:
    """Somebody wants to see and change what is set."""

    person: Person
    trigger: str


Commanded = Heard | Opening | SettingsWanted | str
"""What a command asks for, or a sentence for its author."""


def translate(payload: Json, me: Identity, names: Mapping[str, str], now: float) -> Commanded:
    """What a command asks for, or what its author is told instead. `now` is seconds since 1970."""
    try:
        return _translate(part(payload), me, names, now)
    except Malformed as exc:
        log.warning("a command of Slack's cannot be read: %s", exc)
        return NOT_READ


def caller(payload: Json, me: Identity) -> Person | None:
    """Who typed a command, and where; None for what is none."""
    try:
        body = part(payload)
        where = address(me, identifier(body, "channel_id"), "")
        return somebody(me, where, identifier(body, "user_id"), string(body, "team_id"))
    except Malformed:
        return None


def example_form(skill: Skill, origin: Origin) -> Form:
    """The form for an example of help, filled in."""
    wish = parsed_wish(skill, SKILLS[skill].example)
    return form_of(wish, origin) or Form(origin, skill)


@dataclass(frozen=True, slots=True)
class _Typed:
    """A command's text, taken apart."""

    text: str
    skill: Skill | None  # None: none is named
    private: bool

    @property
    def word(self) -> str:
        """What may be no question; "" where a skill is named that it can belong to."""
        word = self.text.strip().lower()
        return word if self.skill is None or (self.skill is Skill.CODE and word in _HELP) else ""


def _translate(body: Json, me: Identity, names: Mapping[str, str], now: float) -> Commanded:
    command, mrkdwn = string(body, "command"), string(body, "text")
    asked = plain(mrkdwn, names).strip()
    typed = _taken_apart(command, asked)
    if sentence := _sentence(command, typed):
        return sentence
    channel, user, team = identifier(body, "channel_id"), identifier(body, "user_id"), string(body, "team_id")
    trigger = string(body, "trigger_id")
    if not trigger:
        raise Malformed("trigger_id is missing")
    person = somebody(me, address(me, channel, ""), user, team)
    if typed.word in _SETTINGS:
        return SettingsWanted(person, trigger)
    origin = Origin(channel, now, string(body, "response_url"))
    wish = parsed_wish(typed.skill, typed.text) if typed.skill else Wish(Skill.ASK, typed.text)
    try:
        question = ask_for(wish)
    except PromptError as error:
        form = form_of(wish, origin, private=typed.private)
        return Opening(form, trigger, person) if form is not None else error.user_notice
    if not question.text:
        return Opening(Form(origin, Skill.ASK, private=typed.private), trigger, person)
    # The same in a replayed request: it is answered once.
    message_id = f"command-{trigger}"
    reply_to = {"command": command, "user": user, "team": team or me.team}
    if typed.private:
        reply_to = reply_privately(me, user, team, origin.response_url, now)
    message = InboundMessage(
        address=address(me, channel, message_id),
        message_id=message_id,
        author_id=user,
        author_name=names.get(user, user),
        text="",
        sent_at=now,
        above=linked(mrkdwn),
        reply_to=reply_to | {"asked": asked[:ASKED_CHARS]},
        private=typed.private,
    )
    return Heard(person.sign(question.into(message)), mentioned=True)


def _sentence(command: str, typed: _Typed) -> str:
    """What needs no more than a sentence; "" for the rest."""
    if command not in {CORRAL, CODE}:
        return NOT_KNOWN
    if typed.word in _HELP or (command == CORRAL and typed.skill is None and not (typed.text or typed.private)):
        return HELP
    return ONLY_IN_THREADS.format(word=typed.word) if typed.word in _OF_THREADS else ""


def _taken_apart(command: str, asked: str) -> _Typed:
    private = _PRIVATELY.match(asked)
    text = asked[private.end() :] if private is not None else asked
    if command == CODE:
        return _Typed(text, Skill.CODE, private is not None)
    named = _NAMED.match(text)
    if named is not None:
        return _Typed(text[named.end() :], Skill(named[1].lower()), private is not None)
    # How things stand is told to whoever asks, and to nobody else.
    return _Typed(text, None, private is not None or text.strip().lower() == "status")
