"""Our figures of Slack's limits."""

from __future__ import annotations

import pytest

from adapters.slack.limits import limit_of, posts_in
from tests.servers.slack.limits import PER_MINUTE

# What the writer and the reader call; the local Slack has its own table of the documented limits.
METHODS = (
    "agents.sessions.setStatus", "assistant.threads.setStatus", "chat.appendStream", "chat.delete", "chat.postMessage",
    "chat.startStream", "chat.stopStream", "chat.update", "conversations.history", "conversations.info",
    "conversations.open", "conversations.replies", "files.completeUploadExternal", "files.delete",
    "files.getUploadURLExternal",
)  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_no_limit_is_higher_than_slacks(method: str) -> None:
    """A higher one would be passed, and a lower one would make answers slow."""
    allowance = limit_of("T1", method)
    assert (allowance.limit, allowance.seconds) == (PER_MINUTE[method], 60.0)


def test_each_workspace_method_and_channel_has_its_own_allowance() -> None:
    """One busy workspace or channel slows no other."""
    names = [
        limit_of("T1", "chat.update").name,
        limit_of("T2", "chat.update").name,
        limit_of("T1", "chat.postMessage").name,
        posts_in("T1", "C1").name,
        posts_in("T1", "C2").name,
        posts_in("T2", "C1").name,
    ]
    assert len(set(names)) == len(names)


def test_a_method_that_nobody_looked_up_has_no_limit_by_chance() -> None:
    """A new call needs its line in the table."""
    with pytest.raises(KeyError):
        limit_of("T1", "chat.scheduleMessage")
