"""How Discord says no, in the conversation's own terms
(discord.com/developers/docs/topics/opcodes-and-status-codes#json)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from conversation.errors import DeliveryError, Paced, Unreachable, Unwritable

UNKNOWN_CHANNEL, UNKNOWN_MESSAGE, UNKNOWN_WEBHOOK = 10003, 10008, 10015
UNKNOWN_MEMBER, UNKNOWN_USER = 10007, 10013
MISSING_ACCESS, NOT_OURS, NO_DM, NO_PERMISSION, INVALID_WEBHOOK_TOKEN = 50001, 50005, 50007, 50013, 50027
ARCHIVED, NO_MUTUAL_GUILD = 50083, 50278
THREAD_EXISTS, THREAD_LOCKED, INVALID_FORM = 160004, 160005, 50035

# When nobody says how long: that is no answer of Discord's, but of what guards it (Cloudflare).
UNSAID_RETRY_SECONDS = 30.0

# "Internal network error", HTTP 403: Cloudflare refuses our whole address.
GUARDED = 40333

# Such a call carries an interaction's token and not the bot's.
_IN_ADDRESS = "{webhook_token}"

LOCKED = "This thread is locked."
_GONE = "This channel is gone."
_UNSEEN = "I may not see this channel. An admin of this server can let me in."
_FORBIDDEN = "I may not write here. An admin of this server can change that."
_NO_DM = "You take no direct messages from me."
_BARRED = {
    UNKNOWN_CHANNEL: _GONE,
    10004: "I was removed from this server.",
    MISSING_ACCESS: _UNSEEN,
    NO_DM: _NO_DM,
    NO_MUTUAL_GUILD: _NO_DM,
    50024: "There are no threads in this channel.",
    THREAD_LOCKED: LOCKED,
    160006: "This server has as many open threads as it may have.",
    200000: "This server's AutoMod did not let my answer through.",
    200001: "This server's AutoMod did not let my answer through.",
}
# What leaves something to do, though its HTTP status says "forbidden".
_SURMOUNTABLE = frozenset({ARCHIVED, INVALID_WEBHOOK_TOKEN, NOT_OURS})


class Refusal(DeliveryError):
    """Discord said no, with a code that leaves something to do. Nothing was done."""

    def __init__(self, route: str, code: int, quoted: str) -> None:
        super().__init__(f"{route}: {code}", certain=True, quoted=quoted)
        self.code = code


class Barred(Unwritable):
    """Discord said no for the whole place."""

    def __init__(self, route: str, code: int, *, user_notice: str = "") -> None:
        super().__init__(f"{route}: {code}", user_notice=user_notice or _BARRED.get(code, _FORBIDDEN))
        self.code = code


class Limited(Paced):
    """Too many calls: of this route, or with `everywhere` of all. `code` is Discord's, or 0."""

    def __init__(self, route: str, retry_after_seconds: float, *, code: int, everywhere: bool) -> None:
        super().__init__(f"{route}: 429 {code}", retry_after_seconds=retry_after_seconds)
        self.code, self.everywhere = code, everywhere


class TokenRefused(Unreachable):
    """The bot's token is not taken, since somebody reset it, say. Nothing was done. What is to be written waits for the
    process that has the new token."""

    def __init__(self, route: str, code: int) -> None:
        super().__init__(f"{route}: 401 {code}", certain=True, retry_after_seconds=UNSAID_RETRY_SECONDS)


def refused(route: str, status: int, headers: Mapping[str, str], body: object) -> DeliveryError:
    """What an answer means that is no success. `route` has no ids and no tokens."""
    told: Mapping[str, Any] = body if isinstance(body, dict) else {}
    code = told.get("code")
    code = code if isinstance(code, int) else 0
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        # Without a body of Discord's it comes from its guard, which looks at the whole address.
        everywhere = bool(told.get("global")) or "retry_after" not in told
        return Limited(route, _retry_after(told, headers), code=code, everywhere=everywhere)
    if code in _BARRED:
        return Barred(route, code)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Unreachable(f"{route}: HTTP {status}", certain=False)
    if code == GUARDED or "code" not in told:
        # A page of what stands before Discord: it says nothing about the place, and Discord did not see the call.
        told_by = f"{route}: HTTP {status}, not by Discord"
        return Unreachable(told_by, certain=True, retry_after_seconds=UNSAID_RETRY_SECONDS)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} and code not in _SURMOUNTABLE:
        return _shut_out(route, status, code)
    # Never the whole answer: what is wrong with a form quotes the form.
    return Refusal(route, code, str(told.get("message") or f"HTTP {status}")[:100])


def _shut_out(route: str, status: int, code: int) -> DeliveryError:
    if status == HTTPStatus.FORBIDDEN:
        return Barred(route, code)
    if _IN_ADDRESS in route:
        return Refusal(route, INVALID_WEBHOOK_TOKEN, f"401 {code}")
    return TokenRefused(route, code)


def _retry_after(told: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    try:
        return max(0.05, float(told.get("retry_after", headers.get("Retry-After", UNSAID_RETRY_SECONDS))))
    except (TypeError, ValueError):
        return UNSAID_RETRY_SECONDS
