"""What may be set, what is refused with which words, and what comes of it in a prompt."""

from __future__ import annotations

import pytest

from conversation.errors import NotSettable
from conversation.model import Language, Owner, Preferences, ThreadId
from conversation.ports import Sampling
from conversation.preferences import Entered, changed, described, merged, sampling, system_prompt

TYPESCRIPT, RUST = Language("TypeScript", "typescript"), Language("Rust", "rust")
NAMES = {"ts": TYPESCRIPT, "rust": RUST}
ALL = Preferences(TYPESCRIPT, "Use tabs.", 0.5, 400)


def enter(before: Preferences = ALL, /, **fields: str) -> Preferences:
    return changed(before, Entered(**fields), NAMES.get, 1024)


def test_what_is_typed_becomes_what_is_set() -> None:
    """White space around it is nothing; a comma is a point where people write it so."""
    typed = {"language": " ts ", "additions": "\nUse tabs.\n", "temperature": "0,5", "max_new_tokens": "400 "}
    assert enter(Preferences(), **typed) == ALL


def test_what_is_not_entered_stays_and_what_is_emptied_goes() -> None:
    """So a command changes one thing, and a form can unset all."""
    assert enter() == ALL
    assert enter(language="rust") == Preferences(RUST, "Use tabs.", 0.5, 400)
    assert enter(language="", additions="  ", temperature="", max_new_tokens="") == Preferences()


@pytest.mark.parametrize("preferences", [ALL, Preferences(), Preferences(temperature=0.0)])
def test_a_form_that_is_sent_as_it_was_shown_changes_nothing(preferences: Preferences) -> None:
    """What a form is filled with can be read again."""
    shown = Entered.of(preferences)
    names = {language.name: language for language in NAMES.values()}
    assert changed(preferences, shown, names.get, 1024) == preferences


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("language", "klingon"),
        ("additions", "x" * 2001),
        *(("temperature", typed) for typed in ("-0.1", "2.01", "nan", "inf", "warm")),
        *(("max_new_tokens", typed) for typed in ("15", "1025", "16.5", "many", "1e999")),
    ],
)
def test_what_cannot_be_set_is_refused_with_a_sentence(field: str, typed: str) -> None:
    """It names the field, for forms that mark it."""
    with pytest.raises(NotSettable) as caught:
        enter(**{field: typed})
    assert list(caught.value.sentences) == [field]
    assert caught.value.user_notice.endswith(".")


def test_all_mistakes_are_told_at_once() -> None:
    """A form is not sent four times."""
    with pytest.raises(NotSettable) as caught:
        enter(language="klingon", temperature="3", max_new_tokens="2000", additions="fine")
    assert set(caught.value.sentences) == {"language", "temperature", "max_new_tokens"}
    assert "klingon" in caught.value.user_notice
    assert "1024" in caught.value.user_notice


@pytest.mark.parametrize(("field", "typed"), [("temperature", "0"), ("temperature", "2"), ("max_new_tokens", "16")])
def test_the_bounds_themselves_can_be_set(field: str, typed: str) -> None:
    """Zero is a temperature, not the lack of one."""
    assert getattr(enter(**{field: typed}), field) == float(typed)
    assert enter(max_new_tokens="1024").max_new_tokens == 1024
    assert len(enter(additions="x" * 2000).additions) == 2000


def test_half_a_character_can_be_stored() -> None:
    """A broken input is kept as the sign for it."""
    assert enter(additions="a\ud800b").additions == "a\ufffdb"


def test_the_person_comes_before_the_channel() -> None:
    """But for additions, which are those of both, the channel's first."""
    person = Preferences(RUST, "Be terse.", 0.0, None)
    assert merged(ALL, person) == Preferences(RUST, "Use tabs.\n\nBe terse.", 0.0, 400)
    assert merged(ALL, Preferences()) == ALL
    assert merged(Preferences(), person) == person


def test_a_prompt_says_what_is_set() -> None:
    """Behind the service's own words; without settings those are left as they are."""
    assert system_prompt("Be brief.\n", Preferences()) == "Be brief.\n"
    assert system_prompt("Be brief.", ALL) == (
        "Be brief.\n\nWrite code in TypeScript unless another language is asked for.\n\nUse tabs."
    )
    assert system_prompt("", Preferences(additions="Use tabs.")) == "Use tabs."


def test_no_reply_is_longer_than_the_service_allows() -> None:
    """Also where it allowed more when the length was set."""
    usual = Sampling(300, 0.2, 0.95)
    assert sampling(usual, ALL) == Sampling(300, 0.5, 0.95)
    assert sampling(usual, Preferences(temperature=0.0, max_new_tokens=16)) == Sampling(16, 0.0, 0.95)
    assert sampling(usual, Preferences()) == usual


def test_what_is_set_is_told_without_a_persons_own_words() -> None:
    """Others read a thread's status too."""
    assert described(ALL) == (
        "code in TypeScript, variety 0.5, answers of up to 400 tokens, standing instructions of 9 characters"
    )
    assert described(Preferences()) == "nothing"


def test_owners_have_names_of_their_own() -> None:
    """A channel and a person are never taken for each other, nor those of two workspaces."""
    here, there = ThreadId("slack", "T1", "X", "1"), ThreadId("slack", "T2", "X", "1")
    owners = [Owner.channel_of(here), Owner.person_of(here, "X"), Owner.channel_of(there), Owner.person_of(there, "X")]
    owners.append(Owner.person_of(ThreadId("slack", "T1:person", "", "1"), "X"))
    assert len({str(owner) for owner in owners}) == len(owners)
    assert str(owners[1]) == "slack:T1:person:X"
    assert Owner.channel_of(here) == Owner.channel_of(ThreadId("slack", "T1", "X", "2"))
