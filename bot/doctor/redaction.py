"""Makes findings fit to be shown: without secrets, wherever a library may have quoted one, and without what a name from
elsewhere could do to a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from pydantic import SecretStr

from bot.discretion import passwords_in
from bot.doctor.findings import Finding
from bot.settings import Settings

_SHORTEST = 4  # a shorter one would take words apart
LONGEST_CHARS = 1200  # every setting's name has room
_ADDRESSES = ("model_url", "infill_model_url", "slack_api_url", "discord_api_url")


def secrets_of(settings: Settings) -> frozenset[str]:
    """Every secret value of the settings, and the passwords inside addresses."""
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
            yield from passwords_in(value.get_secret_value())  # its host and port are no secret
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif name in _ADDRESSES and value is not None:
            yield from passwords_in(value)
