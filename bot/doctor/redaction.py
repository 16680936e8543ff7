"""Makes findings fit to be shown: without secrets, wherever a library may have quoted one, and without what a name from
elsewhere could do to a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from bot.doctor.findings import Finding
from bot.settings import Settings

_SHORTEST = 4  # a shorter one would take words apart
LONGEST_CHARS = 1200  # every setting's name has room
_ADDRESSES = ("model_url", "infill_model_url", "slack_api_url", "discord_api_url")


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret value of the settings, and the names and passwords inside addresses."""
    return frozenset(secret for secret in _all(settings) if len(secret) >= _SHORTEST)


def redacted(finding: Finding, secrets: Collection[str]) -> Finding:
    """The finding with `***` in the place of each secret, and a space in that of each control character."""
    return Finding(
        finding.name, finding.state, *(_hide(text, secrets) for text in (finding.seen, finding.cause, finding.fix))
    )


def _hide(text: str, secrets: Collection[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    shown = "".join(character if character.isprintable() else " " for character in text)
    return shown if len(shown) <= LONGEST_CHARS else shown[:LONGEST_CHARS] + "..."


def _all(settings: Settings) -> Iterator[str]:
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if name == "redis_url" and value is not None:
            yield from _inside(value.get_secret_value())  # its host and port are no secret
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif name in _ADDRESSES and value is not None:
            yield from _inside(value)


def _inside(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    yield from parse_qs(parts.query).get("password", ())
    userinfo = parts.netloc.rpartition("@")[0]
    name, _, password = userinfo.partition(":")
    # A user's name alone is no secret, unless it is all there is: some services put their key there.
    for secret in (userinfo, password or name):
        yield secret
        yield unquote(secret)
