"""What a process can be."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What this process does: receive, answer, or both."""

    ALL = "all"
    LISTENER = "listener"
    WORKER = "worker"
