"""Whom a message calls, by its text and its allowed_mentions (docs: resources/message#allowed-mentions-object)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.servers.discord.errors import DiscordError, invalid_form

_EVERYONE = re.compile(r"@(?:everyone|here)\b")
_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")


@dataclass(frozen=True, slots=True)
class Pings:
    """Who is called: by @everyone or @here, by name, by role; `replied` is the person whom a reply calls.

    It is true when the text calls anybody. A reply's own call alone is no ping: the person asked.
    """

    everyone: bool = False
    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    replied: str | None = None

    def __bool__(self) -> bool:
        return self.everyone or bool(self.users) or bool(self.roles)


def pinged(text: str, allowed: Mapping[str, Any] | None, replied: str | None = None) -> Pings:
    """Whom `text` calls. Code does not excuse it: whether Discord spares code is documented nowhere.

    Without `allowed` everything calls, and so does a reply; with it only what it names.
    """
    if allowed is None:
        allowed = {"parse": ["everyone", "users", "roles"], "replied_user": True}
    parse = set(allowed.get("parse") or ())
    return Pings(
        everyone="everyone" in parse and _EVERYONE.search(text) is not None,
        users=_called(_USER, text, allowed, "users", parse),
        roles=_called(_ROLE, text, allowed, "roles", parse),
        replied=replied if allowed.get("replied_user") else None,
    )


def check(allowed: Any) -> None:
    """DiscordError 50035 for a kind that is both parsed and listed, or that does not exist."""
    if allowed is None:
        return
    parse = set(allowed.get("parse") or ())
    if not parse <= {"everyone", "users", "roles"}:
        raise _wrong("parse", f"Value must be one of everyone, users, roles: {sorted(parse)}")
    for kind in ("users", "roles"):
        if kind in parse and allowed.get(kind):
            raise _wrong("parse", f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.')
        if len(allowed.get(kind) or ()) > 100:
            raise _wrong(kind, "Must be 100 or fewer in length.")


def _called(
    pattern: re.Pattern[str], text: str, allowed: Mapping[str, Any], kind: str, parse: set[str]
) -> tuple[str, ...]:
    listed = {str(one) for one in allowed.get(kind) or ()}
    return tuple(dict.fromkeys(one for one in pattern.findall(text) if kind in parse or one in listed))


def _wrong(field: str, message: str) -> DiscordError:
    return invalid_form(f"allowed_mentions.{field}", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message)
