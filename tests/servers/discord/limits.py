"""Discord's rate limits (discord.com/developers/docs/topics/rate-limits). The numbers are what bots observe."""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass

_THREADS = ("POST /channels/{channel_id}/threads", "POST /channels/{channel_id}/messages/{message_id}/threads")

# calls, in so many seconds, for each channel (guild, webhook). Discord tells these only in headers.
PER_WINDOW: dict[str, tuple[int, float]] = {
    "POST /channels/{channel_id}/messages": (5, 5.0),
    "PATCH /channels/{channel_id}/messages/{message_id}": (5, 5.0),
    "DELETE /channels/{channel_id}/messages/{message_id}": (5, 1.0),
    "PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me": (1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me": (1, 0.25),
    "POST /channels/{channel_id}/typing": (5, 5.0),
    "threads": (5, 5.0),
    "PATCH /channels/{channel_id}": (5, 5.0),
    "rename": (2, 600.0),
    "old edits": (3, 20.0),
}
_READING, _OTHER = (50, 5.0), (5, 5.0)
# Interactions, and webhooks with a token, do not count for the bot as a whole.
_NOT_GLOBAL = ("/interactions/", "/webhooks/")
_UNLIMITED = ("POST /interactions/",)


@dataclass(slots=True)
class _Bucket:
    used: int = 0
    ends: float = 0.0  # monotonic


@dataclass(frozen=True, slots=True)
class Verdict:
    """`headers` go with the answer; `retry_after` (seconds) is None when the call may pass."""

    headers: dict[str, str]
    retry_after: float | None = None
    everywhere: bool = False


class Limits:
    """Fixed windows that begin with their first call, and so many calls a second in all.

    `per_window` may be changed at any time, also for one route. A call that is refused does not count.
    """

    def __init__(self, per_second: int = 50) -> None:
        self.per_second = per_second
        self.per_window = dict(PER_WINDOW)
        self._buckets: defaultdict[tuple[str, str], _Bucket] = defaultdict(_Bucket)
        self._lately: deque[float] = deque()

    def judge(self, route: str, major: str, now: float) -> Verdict:
        """Whether this call at `now` is one too many; else it is counted. `major`: its channel, guild or webhook."""
        if route.startswith(_UNLIMITED):
            return Verdict({})
        wait = self._everywhere(route, now)
        if wait is not None:
            headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
            return Verdict(headers | _retry(wait), wait, everywhere=True)
        name = "threads" if route in _THREADS else route
        limit, seconds = self.per_window.get(name, _READING if route.startswith("GET ") else _OTHER)
        bucket = self._bucket(name, major, seconds, now)
        left = bucket.ends - now
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Bucket": hashlib.blake2b(name.encode(), digest_size=16).hexdigest(),
        }
        if bucket.used >= limit:
            refused = {"X-RateLimit-Remaining": "0", "X-RateLimit-Scope": "user"}
            return Verdict(headers | refused | _retry(left), left)
        bucket.used += 1
        if not any(part in route for part in _NOT_GLOBAL):
            self._lately.append(now)
        return Verdict(headers | {"X-RateLimit-Remaining": str(limit - bucket.used)})

    def within(self, name: str, major: str, now: float) -> float | None:
        """The seconds to wait when a limit that no header tells (`rename`, `old edits`) is used up; else it counts."""
        limit, seconds = self.per_window[name]
        bucket = self._bucket(name, major, seconds, now)
        if bucket.used >= limit:
            return bucket.ends - now
        bucket.used += 1
        return None

    def _bucket(self, name: str, major: str, seconds: float, now: float) -> _Bucket:
        bucket = self._buckets[name, major]
        if now >= bucket.ends:
            bucket.used, bucket.ends = 0, now + seconds
        return bucket

    def _everywhere(self, route: str, now: float) -> float | None:
        while self._lately and self._lately[0] <= now - 1:
            self._lately.popleft()
        if any(part in route for part in _NOT_GLOBAL) or len(self._lately) < self.per_second:
            return None
        return self._lately[0] + 1 - now


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(seconds))}
