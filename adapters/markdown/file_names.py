"""What the files are called in which very long code is sent once more."""

from __future__ import annotations

from hashlib import sha256

from adapters.languages import ending_of
from conversation.ports import Attachment


def name_of(attachment: Attachment, key: str) -> str:
    """The file's name: its own, what tells it from others, and its language's ending (".txt" for none). `key` is the
    segment's."""
    return f"{attachment.name}-{_tag(key)}{ending_of(attachment.language)}"


def is_named_for(name: str, key: str) -> bool:
    """Whether a file of this name was sent for the segment `key`."""
    return f"-{_tag(key)}." in name


def _tag(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:8]
