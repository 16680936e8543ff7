"""The form for a skill: a modal with language, code and words, and the question that comes of it. Pure.

Sources: docs.slack.dev/surfaces/modals, docs.slack.dev/reference/interaction-payloads/view-interactions-payload. What
the question needs beside what is entered travels in the view's private_metadata: whoever takes the submission in, a
process that began meanwhile too, knows where it belongs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adapters.fetching import MAX_FILES, Read
from adapters.languages import language_meant, language_named
from adapters.slack import inputs
from adapters.slack.attachments import File, files_of
from adapters.slack.identity import Identity
from adapters.slack.inputs import TEXT_LIMIT, Block
from adapters.slack.payloads import Json, Malformed, identifier, part, string, timestamp, timestamp_or_none
from adapters.slack.places import address, reply_to, somebody
from adapters.slack.private import reply_privately
from adapters.understanding import remarks_on
from adapters.wishes import code_in, entered_wish
from conversation import notices
from conversation.errors import PromptError
from conversation.model import InboundMessage, Language, Skill
from conversation.prompts.infill import HOLE
from conversation.reception import Heard
from conversation.skills import CodeFile, Wish, ask_for, card_of

SKILL_FORM = "corral_skill"
TITLE, SUBMIT = "Ask Corral", "Ask"
SKILL, LANGUAGE, CODE, WORDS, FILES, PRIVATE = "skill", "language", "code", "words", "files", "private"
ATTACH_HINT = f"Attach what has more than {TEXT_LIMIT:,} characters."
FILL_HINT = f"Write {HOLE} where the gap is. {ATTACH_HINT}"
CODE_ALONE_HINT = "To complete and to fill the code alone is used."
MESSAGE_GONE = "I cannot read that message any more. Paste what I am to look at."
MESSAGE_TAKEN = "The code is the message that you chose: it is too long to be shown here."
_ASKED_CHARS = 300


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a form was called up: a channel, and below a message of it, if it is about one."""

    channel: str
    opened_at: float  # seconds since 1970
    response_url: str = ""
    message_ts: str = ""
    thread_ts: str = ""
    files: tuple[str, ...] = ()  # ids of that message's
    takes_message: bool = False  # its text is the code

    def dump(self) -> str:
        """For private_metadata."""
        fields = {"c": self.channel, "o": round(self.opened_at), "u": self.response_url, "m": self.message_ts}
        return json.dumps(fields | {"t": self.thread_ts, "f": self.files, "a": self.takes_message})

    @classmethod
    def load(cls, data: str) -> Origin:
        """Read it. Raises Malformed."""
        try:
            of = part(json.loads(data))
        except ValueError as exc:
            raise Malformed("private_metadata is none of ours") from exc
        opened, files = of.get("o"), of.get("f")
        return cls(
            channel=identifier(of, "c"),
            opened_at=float(opened) if isinstance(opened, int) else 0.0,
            response_url=string(of, "u"),
            message_ts=timestamp(of, "m") if of.get("m") else "",
            thread_ts=timestamp(of, "t") if of.get("t") else "",
            files=tuple(str(one) for one in files) if isinstance(files, list) else (),
            takes_message=of.get("a") is True,
        )


@dataclass(frozen=True, slots=True)
class Form:
    """What the modal shows when it opens."""

    origin: Origin
    skill: Skill = Skill.EXPLAIN
    language: Language | None = None
    words: str = ""
    code: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """What somebody sent in. `id` is the same when they press twice."""

    id: str
    origin: Origin
    user: str
    team: str  # of the person
    wish: Wish  # without files
    files: tuple[File, ...] = ()
    private: bool = False


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is to be changed, by field, as `response_action: errors` takes it."""

    sentences: Mapping[str, str] = field(default_factory=dict)


def form_of(wish: Wish, origin: Origin, *, private: bool = False) -> Form | None:
    """The form for what was typed; None when there is more than its fields take."""
    code = wish.files[0].text if wish.files else ""
    if max(len(code), len(wish.words)) > TEXT_LIMIT:
        return None
    return Form(origin, wish.skill, wish.language, wish.words, code, private)


def form_about(skill: Skill, text: str, origin: Origin) -> Form:
    """The form for somebody's message: its code, or all of it where it has no code block."""
    marked = code_in(skill, text)
    code = marked or CodeFile(text.strip("\n"))
    if len(code.text) > TEXT_LIMIT:
        return Form(replace(origin, takes_message=True), skill, code.language)
    return Form(origin, skill, code.language, code="" if origin.files and marked is None else code.text)


def view(form: Form) -> Block:
    """The modal."""
    skills, is_fill = [(skill.value, card_of(skill).summary) for skill in Skill], form.skill is Skill.FILL
    blocks = [
        inputs.choice(SKILL, "What to do", skills, form.skill),
        inputs.language_field(LANGUAGE, "Language", form.language),
        inputs.text_field(CODE, "Code", form.code, multiline=True, hint=FILL_HINT if is_fill else ATTACH_HINT),
        inputs.text_field(
            WORDS,
            "In words",
            form.words,
            multiline=True,
            example="What it is to do, or to look at",
            hint=CODE_ALONE_HINT,
        ),
        inputs.files_field(FILES, "Files", MAX_FILES),
        inputs.tick(PRIVATE, "Answer", "Show the answer to me alone", is_ticked=form.private),
    ]
    if form.origin.takes_message:
        blocks.insert(0, inputs.words(MESSAGE_TAKEN))
    return inputs.modal(SKILL_FORM, TITLE, blocks, submit=SUBMIT, data=form.origin.dump())


def submitted(payload: Json) -> Submitted | None:
    """What was entered; None when it is another view's. Raises Malformed."""
    shown, user = part(payload, "view"), part(payload, "user")
    if string(shown, "callback_id") != SKILL_FORM:
        return None
    origin, values = Origin.load(string(shown, "private_metadata")), part(shown, "state", "values")
    skill, language = inputs.chosen(values, SKILL), language_named(inputs.chosen(values, LANGUAGE))
    return Submitted(
        id=identifier(shown, "id"),
        origin=origin,
        user=identifier(user, "id"),
        team=string(user, "team_id"),
        wish=entered_wish(
            Skill(skill) if skill in set(Skill) else Skill.ASK,
            inputs.typed(values, WORDS),
            inputs.typed(values, CODE),
            language,
        ),
        files=(*(File(one) for one in origin.files), *files_of(inputs.attached(values, FILES))),
        private=inputs.is_ticked(values, PRIVATE),
    )


def question(
    given: Submitted, read: Read, me: Identity, names: Mapping[str, str], now: float, message_text: str = ""
) -> Heard | Wrong:
    """The question that it makes with its files, and with the text of the message that it is about if the form had no
    room for that; or what is missing, at the field where it is."""
    origin, wish = given.origin, _with_language(given.wish)
    taken = [code_in(wish.skill, message_text) or CodeFile(message_text.strip("\n"))] if message_text.strip() else []
    wish = replace(wish, files=(*taken, *wish.files, *read.files))
    try:
        asked = ask_for(wish)
    except PromptError as error:
        return Wrong({_field_of(wish): "\n".join(filter(None, (error.user_notice, read.remarks)))})
    if not asked.text.strip():
        return Wrong({WORDS: "\n".join(filter(None, (notices.ASK_ME, read.remarks)))})
    base = f"view-{given.id}"
    thread = origin.thread_ts or origin.message_ts
    is_below = bool(thread) and not given.private
    if given.private:
        reply = reply_privately(me, given.user, given.team, origin.response_url, origin.opened_at)
    elif is_below:
        reply = reply_to(me, origin.channel, thread, given.user, given.team)
    else:
        reply = {"command": SKILL_FORM, "user": given.user, "team": given.team or me.team}
    message = InboundMessage(
        address=address(me, origin.channel, thread if is_below else base),
        message_id=f"{origin.message_ts}/{base}" if is_below else base,
        author_id=given.user,
        author_name=names.get(given.user, given.user),
        text="",
        sent_at=now,
        reply_to=reply if is_below else reply | {"asked": _as_typed(wish)[:_ASKED_CHARS]},
        private=given.private,
        remarks=remarks_on(wish, read),
    )
    return Heard(somebody(me, message.address, given.user, given.team).sign(asked.into(message)), mentioned=True)


def origin_of_message(body: Json) -> Origin:
    """Of a message's shortcut. Raises Malformed."""
    message = part(body, "message")
    return Origin(
        channel=identifier(part(body, "channel"), "id"),
        opened_at=float(timestamp(body, "action_ts")),
        response_url=string(body, "response_url"),
        message_ts=timestamp(message, "ts"),
        thread_ts=timestamp_or_none(message, "thread_ts") or "",
        files=tuple(file.id for file in files_of(message.get("files"))[:MAX_FILES]),
    )


def suggestions(languages: Sequence[Language]) -> dict[str, Any]:
    """The answer to block_suggestion: 100 options at most."""
    return {"options": [inputs.language_option(language) for language in languages[:100]]}


def _with_language(wish: Wish) -> Wish:
    """The language that the words name, where none was chosen."""
    if wish.language is not None or wish.skill is Skill.ASK:
        return wish
    language, words = language_meant(wish.words)
    return replace(wish, language=language, words=words)


def _field_of(wish: Wish) -> str:
    return WORDS if card_of(wish.skill).needs_words and not wish.words.strip() else CODE


def _as_typed(wish: Wish) -> str:
    """As somebody would have asked it with a command, for the message that shows it to others."""
    language = wish.language.name if wish.language else ""
    first = " ".join(filter(None, ("" if wish.skill is Skill.ASK else wish.skill.value, language, wish.words)))
    names = ", ".join(file.name for file in wish.files if file.name)
    code = "\n".join(file.text for file in wish.files if not file.name)
    return "\n".join(filter(None, (first, names, code)))
