"""Who may ask: rules against people, and what the rules mean in words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation import notices
from conversation.access import DISCORD, SLACK, TERMINAL, Person, Rule, Rules
from conversation.access_rules import rules_of
from conversation.access_words import describe
from conversation.model import Belonging, ThreadId

GUEST, EXTERNAL, UNKNOWN = Belonging.GUEST, Belonging.EXTERNAL, Belonging.UNKNOWN
IN_C1, IN_C2, IN_DM = (ThreadId(SLACK, "T1", channel, "1.2") for channel in ("C1", "C2", "D1"))
IN_55, IN_66 = ThreadId(DISCORD, "41", "55", "9"), ThreadId(DISCORD, "41", "66", "9")
IN_DISCORDS_DM = ThreadId(DISCORD, "@me", "77", "9")


@pytest.mark.parametrize(
    ("allow", "deny", "person", "refusal"),
    [
        # Without rules: members, and nobody else.
        ("", "", Person(IN_C1, "U1"), ""),
        ("", "", Person(IN_C1, "U1", GUEST), notices.GUEST),
        ("", "", Person(IN_C1, "U9", EXTERNAL, home="T9"), notices.OUTSIDER),
        ("", "", Person(IN_55, "12"), ""),
        ("", "", Person(ThreadId(TERMINAL, "local", "here", "1"), "me"), ""),
        # Members, once a rule is about those of their platform.
        ("slack workspace:T1", "", Person(IN_C1, "U1"), ""),
        ("slack workspace:T2", "", Person(IN_C1, "U1"), notices.NOT_ALLOWED),
        ("slack workspace:T2", "", Person(IN_C1, "U1", home="T2"), ""),
        ("slack channel:C1", "", Person(IN_C1, "U1"), ""),
        ("slack channel:C1", "", Person(IN_C2, "U1"), notices.NOT_ALLOWED),
        ("slack channel:C1", "", Person(IN_DM, "U1"), notices.NOT_ALLOWED),
        ("slack channel:C1,C2", "", Person(IN_C2, "U1"), ""),
        ("slack channel:C1 user:U1", "", Person(IN_C1, "U2"), notices.NOT_ALLOWED),
        ("slack channel:C1 user:U1", "", Person(IN_C1, "U1"), ""),
        ("slack channel:C1; slack user:U2", "", Person(IN_C2, "U2"), ""),
        ("slack channel:C1", "", Person(IN_55, "12"), ""),
        ("discord guild:42", "", Person(IN_C1, "U1"), ""),
        ("slack", "", Person(IN_C2, "U1"), ""),
        # Guests and other organisations, whom only rules allow that name them.
        ("slack workspace:T1", "", Person(IN_C1, "U1", GUEST), notices.GUEST),
        ("slack guests channel:C1", "", Person(IN_C1, "U1", GUEST), ""),
        ("slack guests channel:C1", "", Person(IN_C2, "U1", GUEST), notices.GUEST),
        ("slack guests channel:C1", "", Person(IN_C2, "U1"), ""),
        ("slack guests", "", Person(IN_C1, "U9", EXTERNAL, home="T9"), notices.OUTSIDER),
        ("slack external workspace:T9", "", Person(IN_C1, "U9", EXTERNAL, home="T9"), ""),
        ("slack external workspace:T9", "", Person(IN_C1, "U8", EXTERNAL, home="T8"), notices.OUTSIDER),
        ("slack user:U9", "", Person(IN_C1, "U9", EXTERNAL, home="T9"), notices.OUTSIDER),
        # Deny wins.
        ("slack user:U1", "slack user:U1", Person(IN_C1, "U1"), notices.NOT_ALLOWED),
        ("", "slack channel:C1", Person(IN_C1, "U1"), notices.NOT_ALLOWED),
        ("", "slack channel:C1", Person(IN_C2, "U1"), ""),
        ("", "slack", Person(IN_C2, "U1"), notices.NOT_ALLOWED),
        ("slack guests", "slack guests channel:C1", Person(IN_C1, "U1", GUEST), notices.NOT_ALLOWED),
        ("slack guests", "slack guests channel:C1", Person(IN_C1, "U1"), ""),
        ("slack external", "slack workspace:T9", Person(IN_C1, "U9", EXTERNAL, home="T9"), notices.NOT_ALLOWED),
        ("slack external", "slack workspace:T1", Person(IN_C1, "U9", EXTERNAL, home="T9"), ""),
        # Discord: servers, roles, channels, people.
        ("discord guild:41 role:7", "", Person(IN_55, "12", roles=("6", "7")), ""),
        ("discord guild:41 role:7", "", Person(IN_55, "12", roles=("6",)), notices.NOT_ALLOWED),
        ("discord guild:42", "", Person(IN_55, "12"), notices.NOT_ALLOWED),
        ("discord role:41", "", Person(IN_55, "12"), ""),
        ("discord role:6,7", "discord role:8", Person(IN_55, "12", roles=("7", "8")), notices.NOT_ALLOWED),
        ("discord guild:41 channel:55", "", Person(IN_55, "12"), ""),
        ("discord guild:41 channel:55", "", Person(IN_66, "12"), notices.NOT_ALLOWED),
        ("discord user:12", "", Person(IN_DISCORDS_DM, "12"), ""),
        ("discord guild:41", "", Person(IN_DISCORDS_DM, "12"), notices.NOT_ALLOWED),
        ("", "discord guild:41", Person(IN_DISCORDS_DM, "12"), ""),
        ("", "discord role:7", Person(IN_DISCORDS_DM, "12"), ""),
        # The terminal, whatever is said of others.
        ("slack user:U1; discord user:1; terminal", "slack", Person(ThreadId(TERMINAL, "a", "b", "1"), "me"), ""),
    ],
)
def test_who_may_ask(allow: str, deny: str, person: Person, refusal: str) -> None:
    """As the rules say, in the words that the person hears."""
    assert rules_of(allow, deny).refusal(person) == refusal


@pytest.mark.parametrize(
    ("allow", "deny", "person", "refusal", "asked_again"),
    [
        ("", "", Person(IN_C1, "U1", UNKNOWN), notices.NOT_KNOWN, ""),
        ("slack guests; slack external", "", Person(IN_C1, "U1", UNKNOWN), "", ""),
        ("", "slack user:U1", Person(IN_C1, "U1", UNKNOWN), notices.NOT_ALLOWED, notices.NOT_ALLOWED),
        ("slack user:U2", "", Person(IN_C1, "U1", UNKNOWN), notices.NOT_ALLOWED, notices.NOT_ALLOWED),
        ("slack user:U2; slack guests", "", Person(IN_C1, "U1", UNKNOWN), notices.NOT_KNOWN, ""),
        ("slack guests; slack external", "slack guests", Person(IN_C1, "U1", UNKNOWN), notices.NOT_KNOWN, ""),
        ("", "", Person(IN_55, "12", UNKNOWN), "", ""),
        ("discord role:7", "", Person(IN_55, "12", UNKNOWN), notices.NOT_KNOWN, ""),
        ("", "discord role:7", Person(IN_55, "12", UNKNOWN), notices.NOT_KNOWN, ""),
        ("discord role:7", "discord role:7", Person(IN_55, "12", UNKNOWN), notices.NOT_ALLOWED, notices.NOT_ALLOWED),
        ("discord role:7", "discord role:7 channel:66", Person(IN_55, "12", UNKNOWN), notices.NOT_KNOWN, ""),
        ("discord role:7 channel:66", "", Person(IN_55, "12", UNKNOWN), notices.NOT_ALLOWED, notices.NOT_ALLOWED),
    ],
)
def test_of_whom_too_little_is_known(allow: str, deny: str, person: Person, refusal: str, asked_again: str) -> None:
    """They are refused where it matters, unless somebody asks again before anything comes of it."""
    rules = rules_of(allow, deny)
    assert rules.refusal(person) == refusal
    assert rules.refusal(person, asked_again=True) == asked_again
    assert rules.is_undecided(person) is (refusal == notices.NOT_KNOWN)


@pytest.mark.parametrize(
    ("allow", "deny", "person", "may_change"),
    [
        ("", "", Person(IN_C1, "U1"), True),  # into a guest
        ("", "", Person(IN_55, "12"), False),
        ("discord user:12", "discord channel:5", Person(IN_55, "12"), False),
        ("slack workspace:T1", "", Person(IN_55, "12"), False),
        ("discord guild:41", "", Person(IN_55, "12"), True),
        ("", "discord role:7", Person(IN_55, "12"), True),
    ],
)
def test_whether_it_is_worth_asking_the_platform(allow: str, deny: str, person: Person, may_change: bool) -> None:
    """An answer in Discord costs a call more only where rules name servers or roles."""
    assert rules_of(allow, deny).may_change(person) is may_change


# Ids are few, so that rules and people meet.
_SLACK = {"homes": ["T1", "T9"], "channels": ["C1", "C2"], "roles": [], "users": ["U1", "U2"]}
_DISCORD = {"homes": ["41", "42"], "channels": ["55", "66"], "roles": ["7", "8"], "users": ["12", "13"]}


def _ids(some: list[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(some), unique=True).map(tuple) if some else st.just(())


def _rules(platform: str, ids: dict[str, list[str]]) -> st.SearchStrategy[Rule]:
    who = st.sampled_from([None, GUEST, EXTERNAL]) if platform == SLACK else st.none()
    return st.builds(Rule, st.just(platform), belonging=who, **{name: _ids(some) for name, some in ids.items()})


RULE = st.one_of(_rules(SLACK, _SLACK), _rules(DISCORD, _DISCORD))
RULES = st.lists(RULE, max_size=4).map(tuple)
MEMBER_OF_SLACK = st.builds(
    Person, st.sampled_from([IN_C1, IN_C2, IN_DM]), st.sampled_from(["U1", "U2"]), home=st.sampled_from(["", "T9"])
)
SLACKS = st.builds(
    lambda one, how: replace(one, belonging=how), MEMBER_OF_SLACK, st.sampled_from([Belonging.MEMBER, GUEST, EXTERNAL])
)
DISCORDS = st.builds(
    Person, st.sampled_from([IN_55, IN_66, IN_DISCORDS_DM]), st.sampled_from(["12", "13"]), roles=_ids(["7", "8"])
)
PEOPLE = st.one_of(SLACKS, DISCORDS)


@given(RULES, RULES, PEOPLE)
def test_deny_always_wins(allow: tuple[Rule, ...], deny: tuple[Rule, ...], person: Person) -> None:
    """Whatever is allowed beside it."""
    if any(rule.holds(person) for rule in deny):
        assert Rules(allow, deny).refusal(person) == notices.NOT_ALLOWED


@given(RULES, RULES, RULE, PEOPLE)
def test_one_more_deny_rule_lets_nobody_in(
    allow: tuple[Rule, ...], deny: tuple[Rule, ...], more: Rule, person: Person
) -> None:
    """And refuses those alone for whom it holds."""
    before, after = Rules(allow, deny).refusal(person), Rules(allow, (*deny, more)).refusal(person)
    assert bool(after) == (bool(before) or more.holds(person))


@given(PEOPLE)
def test_without_a_rule_members_alone(person: Person) -> None:
    """On every platform."""
    assert bool(Rules().refusal(person)) == (person.belonging is not Belonging.MEMBER)


@given(RULES, RULES, PEOPLE)
def test_guests_and_others_are_off_unless_a_rule_names_them(
    allow: tuple[Rule, ...], deny: tuple[Rule, ...], person: Person
) -> None:
    """A rule about members says nothing of them."""
    named = [rule for rule in allow if rule.belonging is person.belonging]
    if person.belonging is not Belonging.MEMBER and not named:
        assert Rules(allow, deny).refusal(person)


@given(RULES, RULES, PEOPLE)
def test_who_is_let_through_unknown_might_be_allowed_and_who_is_not_is_not(
    allow: tuple[Rule, ...], deny: tuple[Rule, ...], person: Person
) -> None:
    """However the person turns out to belong."""
    rules = Rules(allow, deny)
    unknown = replace(person, belonging=UNKNOWN, roles=())
    if not rules.refusal(unknown):
        assert not rules.refusal(person)
    if rules.refusal(unknown, asked_again=True):
        assert rules.refusal(person)


@given(RULES, RULES)
def test_the_words_name_every_rule(allow: tuple[Rule, ...], deny: tuple[Rule, ...]) -> None:
    """Each id, and whom it is about, in the sentence of its platform."""
    slack, discord, terminal = describe(Rules(allow, deny))
    assert "everybody" in terminal
    for rule in (*allow, *deny):
        sentence = slack if rule.platform == SLACK else discord
        for one in (*rule.homes, *rule.channels, *rule.roles, *rule.users):
            assert one in sentence.replace(",", " ").replace(";", " ").replace(".", " ").split()
        assert rule.belonging is None or {GUEST: "guest", EXTERNAL: "other organisation"}[rule.belonging] in sentence
    assert all(sentence.count("never") <= 1 and sentence.endswith(".") for sentence in (slack, discord))


@pytest.mark.parametrize(
    ("allow", "deny", "slack", "discord"),
    [
        (
            "",
            "",
            "Slack: every member may ask; guests and people of other organisations (Slack Connect) may not.",
            "Discord: every member may ask.",
        ),
        (
            "slack workspace:T024; slack channel:C0123 guests",
            "slack user:U7",
            "Slack: everybody of workspace T024 and guests in channel C0123 may ask; people of other organisations "
            "(Slack Connect) may not; user U7 never.",
            "Discord: every member may ask.",
        ),
        (
            "slack guests; slack external workspace:T9; discord guild:41 role:77,78; discord user:12 channel:5",
            "slack; slack guests user:U1; discord channel:55,56,57",
            "Slack: every member, guests and people of other organisations (Slack Connect) of workspace T9 may ask; "
            "everybody and user U1 as a guest never.",
            "Discord: everybody with role 77 or 78 in server 41 and user 12 in channel 5 may ask; everybody in channel "
            "55, 56 or 57 never.",
        ),
    ],
)
def test_what_the_rules_mean(allow: str, deny: str, slack: str, discord: str) -> None:
    """In sentences that an operator can hold against what was meant."""
    assert describe(rules_of(allow, deny))[:2] == [slack, discord]
