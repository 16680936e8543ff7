"""Keeps secrets out of log lines, whoever writes them: the last line of defence, behind messages that name none."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from pydantic import SecretStr

from bot.settings import Settings

# What is shorter stands in ordinary words; hiding it would spoil the log, and tell what it is.
SHORTEST = 8
HIDDEN = "[hidden]"


class Discretion:
    """Hides some texts in others."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # As a JSON line writes them, too.
        secrets = [
            form for one in secrets for form in (one, json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1])
        ]
        # The longest first, or the rest of one that begins with another would stay.
        found = sorted({one for one in secrets if len(one) >= SHORTEST}, key=lambda one: (-len(one), one))
        self._pattern = re.compile("|".join(map(re.escape, found))) if found else None

    @classmethod
    def of(cls, settings: Settings) -> Discretion:
        """Of all that the settings and the environment's proxies hold: tokens, and names' passwords in addresses."""
        values = {name: getattr(settings, name) for name in type(settings).model_fields}
        secrets = [value.get_secret_value() for value in values.values() if isinstance(value, SecretStr)]
        addresses = [value for name, value in values.items() if name.endswith("_url") and isinstance(value, str)]
        addresses += [*secrets, *getproxies().values()]
        return cls([*secrets, *(password for address in addresses for password in passwords_in(address))])

    def hide(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(HIDDEN, text) if self._pattern is not None else text


class DiscreetFormatter(logging.Formatter):
    """Another formatter's lines, tracebacks included, without the secrets."""

    def __init__(self, inner: logging.Formatter, discretion: Discretion) -> None:
        super().__init__()
        self._inner, self._discretion = inner, discretion

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter.format."""
        return self._discretion.hide(self._inner.format(record))


def _forms(secret: str) -> tuple[str, ...]:
    return secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]


def passwords_in(address: str) -> tuple[str, ...]:
    """The password that an address holds, as it is written and as it is meant; none where there is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ()
    # Of `password=` too, which Redis addresses take.
    named = re.findall(r"(?:^|&)password=([^&]+)", parts.query)
    name, has_password, password = parts.netloc.rpartition("@")[0].partition(":")
    # Where HTTP has one word only, that is a token. Redis's user name is none.
    written = [*named, password if has_password or parts.scheme not in {"http", "https"} else name]
    return tuple(form for one in written for form in (one, unquote(one)))
