"""The forms: what Slack accepts, how they are filled in when they open, and what comes of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from adapters.fetching import Read
from adapters.languages import language_named
from adapters.slack import forms, settings_form
from adapters.slack.attachments import File
from adapters.slack.forms import Form, Origin, Submitted, Wrong, form_about, form_of
from adapters.slack.identity import Identity
from adapters.slack.inputs import TEXT_LIMIT
from adapters.slack.manifest import SCOPES
from adapters.slack.settings_form import Settings
from conversation.model import Language, Preferences, Skill
from conversation.reception import Heard
from conversation.skills import CodeFile, Wish
from tests.servers.slack.view_rules import check_view, inputs_of

ME = Identity(team="T1", user="UBOT", bot="BBOT")
TS, ROOT = "1700000002.000200", "1700000001.000100"
COMMAND = Origin("C1", 1700000000.0, "https://hooks.slack.com/commands/1")
ON_MESSAGE = replace(COMMAND, message_ts=TS, thread_ts=ROOT, files=("F1",))
PYTHON = Language("Python", "python")
LONG = "x = 1\n" * 501


def submitted(origin: Origin = COMMAND, *, private: bool = False, **wish: Any) -> Submitted:
    """What somebody sent in."""
    files = tuple(CodeFile(code) for code in [wish.pop("code", "")] if code)
    return Submitted("V1", origin, "U1", "T1", Wish(**{"skill": Skill.EXPLAIN, "files": files, **wish}), (), private)


def asked(given: Submitted, read: Read = Read()) -> Heard:  # noqa: B008
    heard = forms.question(given, read, ME, {"U1": "Ada"}, 1700000009.0)
    assert isinstance(heard, Heard), heard
    return heard


def wrong(given: Submitted, read: Read = Read()) -> dict[str, str]:  # noqa: B008
    found = forms.question(given, read, ME, {}, 0.0)
    assert isinstance(found, Wrong), found
    return dict(found.sentences)


@pytest.mark.parametrize("origin", [COMMAND, ON_MESSAGE, replace(ON_MESSAGE, takes_message=True)])
@pytest.mark.parametrize("skill", Skill)
def test_slack_accepts_the_form(origin: Origin, skill: Skill) -> None:
    """Whatever stands in it."""
    form = Form(origin, skill, PYTHON, "w" * TEXT_LIMIT, "c" * TEXT_LIMIT, private=True)
    view = check_view(forms.view(form), SCOPES)
    assert Origin.load(view["private_metadata"]) == origin
    shown = inputs_of(view)
    assert shown["skill"]["element"]["initial_option"]["value"] == skill
    assert shown["language"]["element"]["initial_option"] == {
        "text": {"type": "plain_text", "text": "Python", "emoji": False},
        "value": "python",
    }
    assert shown["private"]["element"]["initial_options"]


@pytest.mark.parametrize("wish", [Wish(Skill.FIX, "w" * 3001), Wish(Skill.FIX, files=(CodeFile(LONG),))])
def test_what_no_field_takes_opens_no_form(wish: Wish) -> None:
    """Slack would refuse the whole of it."""
    assert form_of(wish, COMMAND) is None


@pytest.mark.parametrize(
    ("text", "code", "language"),
    [
        ("x = 1", "x = 1", None),
        ("look:\n```py\nx = 1\n```\nbad?", "x = 1", PYTHON),
        ("\n    def f():\n        pass\n", "    def f():\n        pass", None),
    ],
)
def test_a_message_is_taken_as_code(text: str, code: str, language: Language | None) -> None:
    """Its block, or all of it."""
    form = form_about(Skill.EXPLAIN, text, replace(ON_MESSAGE, files=()))
    assert (form.code, form.language, form.origin.takes_message) == (code, language, False)


@pytest.mark.parametrize("text", [LONG, f"bad?\n```\n{LONG}```"])
def test_a_long_message_is_taken_when_the_form_is_sent_in(text: str) -> None:
    """The form has no room for it."""
    form = form_about(Skill.COMPLETE, text, ON_MESSAGE)
    assert (form.code, form.origin.takes_message) == ("", True)
    heard = forms.question(submitted(form.origin, skill=Skill.COMPLETE), Read(), ME, {}, 0.0, text)
    assert isinstance(heard, Heard)
    assert heard.message.code == LONG.strip()


def test_of_a_message_with_a_file_the_file_is_the_code() -> None:
    """What stands beside it are words of people."""
    assert form_about(Skill.EXPLAIN, "see the file", ON_MESSAGE).code == ""


@pytest.mark.parametrize(
    ("given", "field", "sentence"),
    [
        (submitted(), "code", "Give me the code to explain"),
        (submitted(skill=Skill.CODE, words=" "), "words", "Tell me what the code is to do"),
        (submitted(skill=Skill.FILL, code="a = 1"), "code", "`<FILL_ME>`"),
        (submitted(skill=Skill.ASK), "words", "Ask me something"),
    ],
)
def test_what_is_missing_is_told_at_its_field(given: Submitted, field: str, sentence: str) -> None:
    """The form stays open."""
    found = wrong(given)
    assert list(found) == [field]
    assert sentence in found[field]


def test_files_that_were_not_read_are_told_where_code_is_missing() -> None:
    """Else nobody would know why."""
    assert wrong(submitted(), Read((), "a.zip is a ZIP archive."))["code"].endswith("a.zip is a ZIP archive.")


def test_a_question_from_a_command_gets_a_thread_of_its_own() -> None:
    """As the command's would, and sent twice it is the same."""
    message = asked(submitted(code="x = 1\n", words="why?", language=PYTHON)).message
    assert message == asked(submitted(code="x = 1\n", words="why?", language=PYTHON)).message
    assert (message.address.thread, message.message_id) == ("view-V1", "view-V1")
    assert message.text.endswith("\n\nwhy?\n\n```python\nx = 1\n```")
    assert message.reply_to["asked"] == "explain Python why?\nx = 1\n"
    assert "command" in message.reply_to
    assert (message.author_name, message.skill, message.language) == ("Ada", Skill.EXPLAIN, "python")


def test_a_question_about_a_message_is_answered_below_it() -> None:
    """In its thread."""
    message = asked(submitted(ON_MESSAGE, code="x = 1")).message
    assert message.address.thread == ROOT
    assert message.message_id == f"{TS}/view-V1"
    assert message.reply_to == {"thread_ts": ROOT, "user": "U1", "team": "T1"}


@pytest.mark.parametrize("origin", [COMMAND, ON_MESSAGE])
def test_a_private_question_is_no_part_of_any_thread(origin: Origin) -> None:
    """It is answered through the interaction's address."""
    message = asked(submitted(origin, code="x = 1", private=True)).message
    assert message.private
    assert message.address.thread == "view-V1"
    assert message.reply_to["response_url"] == origin.response_url
    assert float(message.reply_to["until"]) == origin.opened_at + 29 * 60
    assert "command" not in message.reply_to


def test_files_count_as_code() -> None:
    """Beside what was typed, with their names; what was not read is told below the answer."""
    read = Read((CodeFile("y = 2\n", "b.py", PYTHON),), "c.zip is a ZIP archive.")
    message = asked(submitted(code="x = 1"), read).message
    assert message.text.endswith("```\nx = 1\n```\n\nb.py:\n```python\ny = 2\n```")
    assert message.remarks == "c.zip is a ZIP archive."
    assert wrong(submitted(skill=Skill.COMPLETE, code="x"), read)["code"].startswith("I can complete one piece")


def test_words_may_name_the_language() -> None:
    """Where none was chosen."""
    message = asked(submitted(skill=Skill.CODE, words="go sort a slice")).message
    assert (message.language, message.text.endswith("\n\nsort a slice")) == ("go", True)
    chosen = asked(submitted(skill=Skill.CODE, words="go sort a slice", language=language_named("rust"))).message
    assert chosen.language == "rust"


def values(**entered: Any) -> dict[str, Any]:
    """`view.state.values`."""
    return {name: {"value": value} for name, value in entered.items()}


def test_a_submission_is_read() -> None:
    """With a fence that was pasted along taken away, indentation kept, and the files of both places."""
    state = values(
        skill={"selected_option": {"value": "complete"}},
        language={"selected_option": {"value": "python"}},
        code={"value": "```py\n    def f():\n```"},
        words={"value": None},
        files={"files": [{"id": "F2", "name": "b.py", "size": 3, "url_private": "https://files.slack.com/b"}]},
        private={"selected_options": [{"value": "yes"}]},
    )
    view = {
        "id": "V1",
        "callback_id": "corral_skill",
        "private_metadata": ON_MESSAGE.dump(),
        "state": {"values": state},
    }
    given = forms.submitted({"user": {"id": "U1", "team_id": "T1"}, "view": view})
    assert given is not None
    assert given.wish == Wish(Skill.COMPLETE, "", PYTHON, (CodeFile("    def f():", "", PYTHON),))
    assert given.files == (File("F1"), File("F2", "b.py", 3, "https://files.slack.com/b"))
    assert (given.private, given.origin, given.user, given.team) == (True, ON_MESSAGE, "U1", "T1")


def test_other_views_are_none_of_it() -> None:
    """Each form knows its own."""
    payload = {"user": {"id": "U1"}, "view": {"id": "V1", "callback_id": "other"}}
    assert forms.submitted(payload) is None
    assert settings_form.submitted(payload, ME) is None


SET = Preferences(PYTHON, "Be brief.", 0.5, 200)


@pytest.mark.parametrize("manages", [True, False])
@pytest.mark.parametrize("channel", ["C1", "D1"])
def test_slack_accepts_the_form_for_settings(manages: bool, channel: str) -> None:
    """Filled in with what is set; what somebody may not change is told, and is no field."""
    view = check_view(settings_form.view(Settings(SET, Preferences(), 1024, manages), channel), SCOPES)
    shown = {name: block["element"].get("initial_value", "") for name, block in inputs_of(view).items()}
    person = {f"person.{name}": "" for name in ("language", "additions", "temperature", "max_new_tokens")}
    of_channel = dict(
        zip((name.replace("person", "channel") for name in person), ["Python", "Be brief.", "0.5", "200"], strict=True)
    )
    assert shown == person | (of_channel if manages and channel == "C1" else {})
    says = json.dumps(view["blocks"])
    assert ("Set for this channel: code in Python" in says) is (not manages and channel == "C1")
    assert "changes are for new threads" in says
    assert check_view(settings_form.saved("Done."), SCOPES)
