"""Slack's rate limits: so many calls of a method a minute for a workspace (docs.slack.dev/apis/web-api/rate-limits)."""

from __future__ import annotations

import math
from collections import defaultdict, deque

# The least that each tier promises; a bot that lives within it is never limited.
_TIER_2, _TIER_3, _TIER_4 = 20, 50, 100

PER_MINUTE = {
    "agents.sessions.rename": _TIER_3,
    "agents.sessions.setStatus": _TIER_3,
    "apps.connections.open": _TIER_3,
    "assistant.threads.setStatus": 600,
    "assistant.threads.setSuggestedPrompts": _TIER_4,
    "assistant.threads.setTitle": _TIER_4,
    "bots.info": _TIER_3,
    "chat.appendStream": _TIER_4,
    "chat.delete": _TIER_3,
    "chat.postEphemeral": _TIER_4,
    "chat.postMessage": 300,  # "several hundred a minute for a workspace"
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
    "files.getUploadURLExternal": _TIER_4,
    "files.info": _TIER_4,
    "reactions.add": _TIER_3,
    "reactions.remove": _TIER_2,
    "users.info": _TIER_4,
    "views.open": _TIER_4,
}


class Limits:
    """A sliding window for each method, and for chat.postMessage also one message a second for each channel.

    `post_burst` messages may come at once in a channel. `per_minute` may be changed at any time, also for one method.
    A call that is refused does not count.
    """

    def __init__(self, post_burst: int = 1, window_seconds: float = 60.0) -> None:
        self.post_burst = post_burst
        self.window_seconds = window_seconds
        self.per_minute = dict(PER_MINUTE)
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._posts: dict[str, tuple[float, float]] = {}  # channel -> tokens left, when

    def refusal(self, method: str, channel: str, now: float) -> int | None:
        """The Retry-After (whole seconds, at least 1) if this call at `now` is one too many; else it is counted."""
        calls = self._calls[method]
        while calls and calls[0] <= now - self.window_seconds:
            calls.popleft()
        if len(calls) >= self.per_minute.get(method, math.inf):
            return max(1, math.ceil(calls[0] + self.window_seconds - now))
        if method == "chat.postMessage":
            tokens, then = self._posts.get(channel, (float(self.post_burst), now))
            tokens = min(float(self.post_burst), tokens + now - then)
            self._posts[channel] = (tokens, now)
            if tokens < 1:
                return max(1, math.ceil(1 - tokens))
            self._posts[channel] = (tokens - 1, now)
        calls.append(now)
        return None
