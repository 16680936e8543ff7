"""How rules are written: `slack guests channel:C024BE91L,C024BE92M; discord guild:41 role:77`.

Rules stand between semicolons or in lines. Each names a platform, and words that must all hold: kinds of ids with the
ids, and for Slack `guests` or `external`. Of several ids between commas one must hold.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from conversation.access import DISCORD, SLACK, TERMINAL, Rule, Rules
from conversation.model import Belonging

_WHO = {"guests": Belonging.GUEST, "external": Belonging.EXTERNAL}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of id: the field of Rule, its shape, and in words how to recognise and find one."""

    of_rule: str
    shape: re.Pattern[str]
    looks: str
    example: str


@dataclass(frozen=True, slots=True)
class _Language:
    """What can be said of one platform."""

    kinds: dict[str, _Kind] = field(default_factory=dict)
    who: frozenset[str] = frozenset()
    example: str = ""

    @property
    def words(self) -> list[str]:
        return [f"{kind}:ID" for kind in self.kinds] + sorted(self.who, reverse=True)


def _slack(of_rule: str, letters: str, of: str, where: str, example: str) -> _Kind:
    # docs.slack.dev: ids are capitals and digits, and their first letter tells the kind.
    first = " or ".join(letters) if len(letters) < 3 else f"{', '.join(letters[:-1])} or {letters[-1]}"
    looks = f"the id of a Slack {of} begins with {first}, in capitals and digits ({where})"
    return _Kind(of_rule, re.compile(rf"[{letters}][A-Z0-9]{{1,30}}"), looks, example)


def _discord(of_rule: str, of: str, example: str) -> _Kind:
    looks = f"the id of a Discord {of} is a number (Developer Mode on, then Copy ID in its menu)"
    return _Kind(of_rule, re.compile(r"[0-9]{1,20}"), looks, example)


_LANGUAGES = {
    SLACK: _Language(
        {
            "workspace": _slack("homes", "TE", "workspace", "it stands in Slack's address in a browser", "T024BE7LD"),
            "channel": _slack("channels", "CGD", "channel", "it stands below the channel's details", "C024BE91L"),
            "user": _slack("users", "UW", "user", "Copy member ID in the profile's menu", "U024BE7LH"),
        },
        frozenset(_WHO),
        "slack guests channel:C024BE91L",
    ),
    DISCORD: _Language(
        {
            "guild": _discord("homes", "server", "41771983423143937"),
            "channel": _discord("channels", "channel", "155101607195836416"),
            "role": _discord("roles", "role", "165511591545143296"),
            "user": _discord("users", "user", "80351110224678912"),
        },
        example="discord guild:41771983423143937 role:165511591545143296",
    ),
    TERMINAL: _Language(example=TERMINAL),
}


class WrongRules(ValueError):
    """Rules that say nothing; `mistakes` has a sentence for each, which names the rule, why, and an example."""

    def __init__(self, mistakes: tuple[str, ...]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def rules_of(allow: str, deny: str) -> Rules:
    """What ACCESS_ALLOW and ACCESS_DENY say. Raises WrongRules."""
    return Rules(parse(allow), parse(deny, is_deny=True))


def parse(text: str, *, is_deny: bool = False) -> tuple[Rule, ...]:
    """The rules in a text, in order. Raises WrongRules with all mistakes."""
    rules, mistakes = list[Rule](), list[str]()
    for written in _written(text):
        try:
            rules.append(_rule(written.split(), is_deny=is_deny))
        except _Mistake as mistake:
            mistakes.append(f'in the rule "{written}" {mistake}')
    if mistakes:
        raise WrongRules(tuple(mistakes))
    return tuple(rules)


class _Mistake(Exception):
    pass


def _written(text: str) -> Iterator[str]:
    for line in text.splitlines():
        parts = [part.strip() for part in line.split(";")]
        # Lines may be empty, and may end with a semicolon.
        yield from parts if parts[-1] else parts[:-1]


def _rule(words: list[str], *, is_deny: bool) -> Rule:
    if not words:
        raise _Mistake(f"nothing is said; write a rule there, such as `{_LANGUAGES[SLACK].example}`, or take it out")
    platform, said = words[0].lower(), words[1:]
    if platform not in _LANGUAGES:
        known = "slack, discord or terminal"
        raise _Mistake(f"{words[0]} is no platform: begin with {known}, like `{_LANGUAGES[SLACK].example}`")
    if platform == TERMINAL and (said or is_deny):
        raise _Mistake(
            "terminal is followed by nothing and cannot be denied: who has one here runs this service. Take it out, "
            f"or name another platform, like `{_LANGUAGES[DISCORD].example}`"
        )
    language, ids, who = _LANGUAGES[platform], dict[str, tuple[str, ...]](), list[Belonging]()
    for word in said:
        name, colon, listed = word.partition(":")
        name = name.lower()
        if name in language.who and not colon:
            who.append(_WHO[name])
            continue
        kind = language.kinds.get(name)
        if kind is None or not colon:
            raise _Mistake(_not_a_word(platform, word))
        if kind.of_rule in ids:
            raise _Mistake(f"{name} stands twice: write `{name}:ID,ID` for one of several")
        ids[kind.of_rule] = _ids(platform, name, kind, listed)
    if len(who) > 1:
        raise _Mistake(f"{' and '.join(who)} is nobody: write one rule for each, like `{language.example}`")
    return Rule(platform, belonging=who[0] if who else None, **ids)


def _ids(platform: str, name: str, kind: _Kind, listed: str) -> tuple[str, ...]:
    found = tuple(listed.split(","))
    for one in found:
        if not kind.shape.fullmatch(one):
            what = f"{one} is no id" if one else f"an id is missing behind {name}:"
            raise _Mistake(f"{what}: {kind.looks}, like `{platform} {name}:{kind.example}`")
    return found


def _not_a_word(platform: str, word: str) -> str:
    language, name = _LANGUAGES[platform], word.partition(":")[0].lower()
    others = [one for one, other in _LANGUAGES.items() if name in other.kinds or name in other.who]
    if name in language.kinds:
        why = f"{word} names no id"
    elif name in language.who:
        why = f"{name} takes no id"
    elif others:
        why = f"{platform} has no {name}"
    else:
        close = difflib.get_close_matches(name, [*language.kinds, *language.who], n=1)
        why = f"{word} says nothing{f' (did you mean {close[0]}?)' if close else ''}"
    return f"{why}: {platform} knows {', '.join(language.words)}, like `{language.example}`"
