"""What Slack allows one app in one workspace, as it documents it.

A tier promises at least so many calls of a method in any minute (docs.slack.dev/apis/web-api/rate-limits); each
method's page names its tier, or a figure of its own.
"""

from __future__ import annotations

from conversation.pacing import Allowance

_TIER_2, _TIER_3, _TIER_4 = 20, 50, 100
_MINUTE = 60.0
# A window of a second must not become one of three: what is late by more is told by Slack, and then waited for.
_SHORT_MARGIN_SECONDS = 0.3

_A_MINUTE = {
    "agents.sessions.setStatus": _TIER_3,
    "assistant.threads.setStatus": 600,  # its page: 600 a minute for an app in a team
    "assistant.threads.setSuggestedPrompts": _TIER_4,
    "assistant.threads.setTitle": _TIER_4,
    "chat.appendStream": _TIER_4,
    "chat.delete": _TIER_3,
    "chat.postEphemeral": _TIER_4,
    "chat.postMessage": 300,  # the page on limits: "several hundred messages per minute" in a workspace
    "chat.startStream": _TIER_2,
    "chat.stopStream": _TIER_2,
    "chat.update": _TIER_3,
    "conversations.history": _TIER_3,
    "conversations.info": _TIER_3,
    "conversations.members": _TIER_4,
    "conversations.open": _TIER_3,
    "conversations.replies": _TIER_3,
    "files.completeUploadExternal": _TIER_4,
    "files.delete": _TIER_3,
    "files.info": _TIER_4,
    "files.getUploadURLExternal": _TIER_4,
    "users.info": _TIER_4,
    "views.open": _TIER_4,
}
# Calls that are only nice to have leave so many to others: names, titles, suggestions, remarks.
SPARE_BESIDE = 20
# All that is called within limits; besides these only auth.test and apps.connections.open are.
METHODS = frozenset(_A_MINUTE)


def limit_of(team: str, method: str) -> Allowance:
    """How often the app may call `method` in the workspace `team`. KeyError for a method that is not used here."""
    return Allowance(f"slack:{team}:{method}", _A_MINUTE[method], _MINUTE)


def posts_in(team: str, channel: str) -> Allowance:
    """New messages in one channel: one a second (the page on limits, "posting messages")."""
    return Allowance(f"slack:{team}:chat.postMessage:{channel}", 1, 1.0, _SHORT_MARGIN_SECONDS)
