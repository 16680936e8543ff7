"""How rules are written, and what is said of those that say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation.access import Rule
from conversation.access_rules import WrongRules, parse
from conversation.model import Belonging


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", []),
        (" \n ", []),
        ("slack workspace:T024BE7LD", [Rule("slack", homes=("T024BE7LD",))]),
        ("slack channel:C0123 guests", [Rule("slack", channels=("C0123",), belonging=Belonging.GUEST)]),
        ("slack external workspace:T0999", [Rule("slack", homes=("T0999",), belonging=Belonging.EXTERNAL)]),
        ("discord guild:41 role:77", [Rule("discord", homes=("41",), roles=("77",))]),
        ("discord user:12", [Rule("discord", users=("12",))]),
        ("discord guild:41 channel:55", [Rule("discord", homes=("41",), channels=("55",))]),
        ("terminal", [Rule("terminal")]),
        ("slack channel:C1,C2 user:U1,W2", [Rule("slack", channels=("C1", "C2"), users=("U1", "W2"))]),
        ("slack user:U1; discord user:2", [Rule("slack", users=("U1",)), Rule("discord", users=("2",))]),
        ("slack user:U1;\n\n  discord user:2;\n", [Rule("slack", users=("U1",)), Rule("discord", users=("2",))]),
        ("Slack  Channel:D1\tGUESTS", [Rule("slack", channels=("D1",), belonging=Belonging.GUEST)]),
    ],
)
def test_rules(text: str, rules: list[Rule]) -> None:
    """Between semicolons or in lines; in any order of words."""
    assert list(parse(text)) == rules


@pytest.mark.parametrize(
    ("rule", "why", "example"),
    [
        ("slak user:U1", "slak is no platform: begin with slack, discord or terminal", "`slack guests channel:"),
        ("user:U1", "user:U1 is no platform", "`slack guests channel:"),
        ("slack chanel:C1", "chanel:C1 says nothing (did you mean channel?)", "`slack guests channel:"),
        ("slack guest", "guest says nothing (did you mean guests?)", "`slack guests channel:"),
        ("slack role:77", "slack has no role", "`slack guests channel:"),
        ("slack guild:41", "slack has no guild", "`slack guests channel:"),
        ("discord guests", "discord has no guests", "`discord guild:"),
        ("discord workspace:41", "discord has no workspace", "`discord guild:"),
        ("slack channel", "channel names no id", "`slack guests channel:"),
        ("slack guests:C1", "guests takes no id", "`slack guests channel:"),
        ("slack channel:", "an id is missing behind channel:", "`slack channel:C024BE91L`"),
        ("slack channel:C1,,C2", "an id is missing behind channel:", "`slack channel:C024BE91L`"),
        ("slack channel:#general", "#general is no id: the id of a Slack channel begins with C, G or D", "`slack ch"),
        ("slack channel:c024be91l", "c024be91l is no id", "`slack channel:C024BE91L`"),
        ("slack channel:U024BE91L", "U024BE91L is no id", "`slack channel:C024BE91L`"),
        ("slack user:@ada", "@ada is no id: the id of a Slack user begins with U or W", "`slack user:U024BE7LH`"),
        ("slack workspace:acme", "acme is no id: the id of a Slack workspace begins with T or E", "`slack workspace:T"),
        ("slack channel:C1:C2", "C1:C2 is no id", "`slack channel:C024BE91L`"),
        ("slack channel::C1", ":C1 is no id", "`slack channel:C024BE91L`"),
        ("slack channel: C1", "an id is missing behind channel:", "`slack channel:C024BE91L`"),
        ("slack channel:C1 channel:C2", "channel stands twice: write `channel:ID,ID`", "`channel:ID,ID`"),
        ("slack guests external", "guest and external is nobody: write one rule for each", "`slack guests channel:"),
        ("discord role:helpers", "helpers is no id: the id of a Discord role is a number", "`discord role:1655"),
        ("discord channel:#general", "#general is no id", "`discord channel:1551"),
        ("discord guild:-41", "-41 is no id", "`discord guild:4177"),
        ("discord user:123456789012345678901", "is no id", "`discord user:8035"),
        ("terminal user:me", "terminal is followed by nothing", "`discord guild:"),
    ],
)
def test_a_rule_that_says_nothing(rule: str, why: str, example: str) -> None:
    """It is named, with why and an example."""
    with pytest.raises(WrongRules) as caught:
        parse(f"slack user:U1; {rule}")
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f'in the rule "{rule}" ')
    assert why in mistake
    assert example in mistake


def test_nothing_between_two_semicolons() -> None:
    """Something was meant to be there."""
    with pytest.raises(WrongRules, match="nothing is said"):
        parse("slack user:U1; ; slack user:U2")


def test_the_terminal_cannot_be_denied() -> None:
    """Who believes that it is would be mistaken."""
    with pytest.raises(WrongRules, match="cannot be denied"):
        parse("terminal", is_deny=True)


def test_all_mistakes_at_once() -> None:
    """In their order."""
    with pytest.raises(WrongRules) as caught:
        parse("slack x; slack user:U1\ndiscord y; nowhere")
    assert [mistake.split('"')[1] for mistake in caught.value.mistakes] == ["slack x", "discord y", "nowhere"]


@given(st.text(alphabet="slackdiord guet:x;,\n#C1U2T9", max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    """With a sentence for each mistake, and never otherwise."""
    mistakes: tuple[str, ...] = ("in the rule that is none",)
    try:
        parse(text)
    except WrongRules as error:
        mistakes = error.mistakes
    assert mistakes
    assert all(mistake.startswith("in the rule ") for mistake in mistakes)
