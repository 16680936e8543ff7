"""What the rules mean, in sentences for whoever runs the service."""

from __future__ import annotations

from collections.abc import Sequence

from conversation.access import DISCORD, SLACK, Rule, Rules
from conversation.model import Belonging

_NAMES = {SLACK: "Slack", DISCORD: "Discord"}
_HOMES = {SLACK: "workspace", DISCORD: "server"}
_PLURALS = {Belonging.GUEST: "guests", Belonging.EXTERNAL: "people of other organisations (Slack Connect)"}

_ONE = {Belonging.GUEST: " as a guest", Belonging.EXTERNAL: " of another organisation"}


def describe(rules: Rules) -> list[str]:
    """One sentence for each platform. Every rule is in one of them, but those of the terminal, which change nothing."""
    return [_sentence(platform, rules) for platform in _NAMES] + ["Terminal: everybody who has one here may ask."]


def _sentence(platform: str, rules: Rules) -> str:
    allow = [rule for rule in rules.allow if rule.platform == platform]
    deny = [rule for rule in rules.deny if rule.platform == platform]
    members = [_phrase(rule) for rule in allow if rule.belonging is None]
    others = [_phrase(rule) for rule in allow if rule.belonging is not None]
    named = {rule.belonging for rule in allow}
    never = [_PLURALS[one] for one in _PLURALS if one not in named] if platform == SLACK else []
    said = f"{_NAMES[platform]}: {_listed([*(members or ['every member']), *others])} may ask"
    said += f"; {_listed(never)} may not" if never else ""
    return f"{said}; {_listed([_phrase(rule) for rule in deny])} never." if deny else f"{said}."


def _phrase(rule: Rule) -> str:
    """Whom it names, such as "guests of workspace T1 in channel C1 or C2"."""
    home = _HOMES[rule.platform]
    if rule.users:
        whom = _any_of("user", rule.users) + (_ONE[rule.belonging] if rule.belonging else "")
    else:
        whom = _PLURALS[rule.belonging] if rule.belonging else "everybody"
    parts = [whom]
    if rule.roles:
        parts.append(f"with {_any_of('role', rule.roles)}")
    if rule.channels:
        parts.append(f"in {_any_of('channel', rule.channels)}")
    if rule.homes:
        parts.append(f"{'of' if rule.platform == SLACK else 'in'} {_any_of(home, rule.homes)}")
    return " ".join(parts)


def _any_of(kind: str, ids: Sequence[str]) -> str:
    return f"{kind} {_listed(ids, 'or')}"


def _listed(parts: Sequence[str], last: str = "and") -> str:
    return f" {last} ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))
