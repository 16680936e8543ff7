"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands with what was looked at."""

    OK = "ok"
    SKIPPED = "skipped"  # not set, or not to be seen because of another finding
    WARNING = "warning"  # it works, or will in a while
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `name` is stable, like `slack.scopes`: its first word is the check's."""

    name: str
    state: State
    seen: str
    cause: str = ""
    fix: str = ""  # one command or one click, with the variable's name


def ok(name: str, seen: str) -> Finding:
    """All is well."""
    return Finding(name, State.OK, seen)


def skipped(name: str, seen: str, fix: str = "") -> Finding:
    """Not looked at; `fix` says how it would be."""
    return Finding(name, State.SKIPPED, seen, fix=fix)


def warning(name: str, seen: str, cause: str, fix: str) -> Finding:
    """Somebody should know."""
    return Finding(name, State.WARNING, seen, cause, fix)


def failed(name: str, seen: str, cause: str, fix: str) -> Finding:
    """It does not work, or loses something."""
    return Finding(name, State.FAILED, seen, cause, fix)
