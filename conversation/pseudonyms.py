"""Names for people and places in logs: the same id has the same one, and nobody can tell from it whose it is.

An id alone is no secret, and there are few enough to try them all: without the key a digest would hide nothing.
"""

from __future__ import annotations

import hashlib
import re
import secrets

DIGEST_BYTES = 6  # of a million ids two are alike with a chance of one in five hundred
KEY_BYTES = 32

# Slack's ids (docs.slack.dev, "Slack IDs": a letter for the kind, then capitals and digits) and Discord's snowflakes,
# wherever they stand. A word in capitals has no digit, and a job's id small letters beside its digits.
_IDS = re.compile(r"(?<![A-Za-z0-9])(?:[ABCDEFGTUVW](?=[A-Z0-9]*[0-9])[A-Z0-9]{7,20}|[0-9]{16,20})(?![A-Za-z0-9])")


class _Key:
    """This process's own, until the store's is known."""

    value = secrets.token_bytes(KEY_BYTES)


def use_key(key: bytes) -> None:
    """From now on write the names that every process with this key writes."""
    _Key.value = key


def pseudonym(identifier: str) -> str:
    """What a person's or a place's id is called in logs: `~` and twelve hexadecimal digits."""
    digest = hashlib.blake2b(identifier.encode("utf-8", "replace"), key=_Key.value, digest_size=DIGEST_BYTES)
    return f"~{digest.hexdigest()}"


def without_ids(text: str) -> str:
    """The text with a pseudonym for all that looks like an id of a platform's."""
    return _IDS.sub(lambda found: pseudonym(found[0]), text)
