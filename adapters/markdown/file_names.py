"""What the files are called in which very long code is sent once more."""

from __future__ import annotations

from hashlib import sha256
from pathlib import PurePosixPath

from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

from conversation.ports import Attachment


def name_of(attachment: Attachment, key: str) -> str:
    """The file's name: its own, what tells it from others, and its language's ending (".txt" for none). `key` is the
    segment's."""
    return f"{attachment.name}-{_tag(key)}{_ending(attachment.language)}"


def is_named_for(name: str, key: str) -> bool:
    """Whether a file of this name was sent for the segment `key`."""
    return f"-{_tag(key)}." in name


def _tag(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:8]


def _ending(language: str) -> str:
    try:
        patterns = get_lexer_by_name(language.strip().lower()).filenames
    except ClassNotFound:
        patterns = []
    endings = [PurePosixPath(pattern).suffix for pattern in patterns if pattern.startswith("*.")]
    return next((ending for ending in endings if ending[1:].isalnum()), ".txt")
