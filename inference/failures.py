"""What a model's server can answer instead of an answer, and which error it is: the one place that decides.

Before a stream has begun the error says whether asking again helps. Within a stream only "busy" and "never" are told
apart, and only before its first piece; everything else there is a StreamCut, because the only sensible thing is to go
on from what there is, and because a prompt that breaks the server each time must not be sent for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from conversation.errors import ModelError, ModelOverloaded, ModelRefused, ModelUnavailable, StreamCut

DETAIL_LIMIT_CHARS = 300  # an error page in a log line helps nobody beyond its first words
RETRY_AFTER_LIMIT_SECONDS = 600.0  # a server that says "tomorrow" must not silence the bot until then

_OVERLOADED_TYPES = {"overloaded", "rate_limit_exceeded", "too_many_requests"}
_REFUSED_TYPES = {
    "validation",  # TGI
    "invalid_request_error",  # llama.cpp
    "exceed_context_size_error",  # llama.cpp
    "BadRequestError",  # vLLM, SGLang
    "NotFoundError",
}
# TGI's, whose messages are sentences of its own with figures in them (router/src/validation.rs).
_OF_FIXED_WORDS = {"validation", "overloaded"}
_DENIED_TYPES = {"authentication_error", "permission_error"}  # llama.cpp

_NOT_ALLOWED = "I am not allowed to use the model at the moment. Please tell the people who run me."
_NOT_TAKEN = "The model cannot take this question. Please ask it in another way, or shorter."
_RETRY_STATUSES = {408, 409, 423, 424, 425}  # 4xx that say "not now" rather than "never"; 424: TGI's generation error


def from_status(status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    """The error for an HTTP answer that is no answer: any status outside 2xx, or a 2xx that holds no stream."""
    message, kind = _read(body)
    detail, quoted = _told(f"HTTP {status}", message, kind)
    retry_after = _retry_after(headers.get("Retry-After", ""))
    if status in {401, 403}:
        return denied(detail, quoted)
    if status in {429, 529} or kind in _OVERLOADED_TYPES:
        return ModelOverloaded(detail, quoted=quoted, retry_after_seconds=retry_after)
    # A proxy's own page says nothing about the request, except that it is too large (413).
    if status == 413 or (400 <= status < 500 and status not in _RETRY_STATUSES and kind is not None):
        return ModelRefused(detail, quoted=quoted, user_notice=_NOT_TAKEN)
    if 300 <= status < 400:
        location = headers.get("Location", "")
        return ModelUnavailable(f"HTTP {status}: the address of the model redirects to {location!r}; set that one")
    return ModelUnavailable(detail, quoted=quoted, retry_after_seconds=retry_after)


def from_payload(payload: Mapping[str, Any]) -> ModelError:
    """The error in a frame of a stream whose status was 200: TGI's `{"error", "error_type"}`, or the nested form of
    llama.cpp, vLLM and SGLang `{"error": {"message", "type", "code"}}`."""
    message, kind = _message(payload)
    detail, quoted = _told("in the stream", message, kind)
    if kind in _DENIED_TYPES:
        return denied(detail, quoted)
    if kind in _OVERLOADED_TYPES:
        return ModelOverloaded(detail, quoted=quoted)
    if kind in _REFUSED_TYPES:
        return ModelRefused(detail, quoted=quoted, user_notice=_NOT_TAKEN)
    return StreamCut(detail, quoted=quoted)


def not_a_frame(payload: bytes | object) -> StreamCut:
    """For a payload that is no piece of an answer and no error: a proxy's page, half a line, another protocol."""
    shown = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else repr(payload)
    return StreamCut("a frame that is no answer", quoted=shown[:DETAIL_LIMIT_CHARS])


def denied(detail: str, quoted: str = "") -> ModelRefused:
    """The server wants another key."""
    return ModelRefused(
        f"the model's server does not accept the key: set MODEL_TOKEN, of a second model INFILL_MODEL_TOKEN ({detail})",
        quoted=quoted,
        user_notice=_NOT_ALLOWED,
    )


def after_first_piece(error: ModelError) -> StreamCut:
    """The same failure once a part of the answer was given."""
    if isinstance(error, StreamCut):
        return error
    return StreamCut(error.detail, quoted=error.quoted, retry_after_seconds=error.retry_after_seconds)


def _told(what: str, message: str, kind: str | None) -> tuple[str, str]:
    """An error's `detail` and `quoted`. vLLM repeats a request that it does not understand, llama.cpp what it cannot
    parse, and a broken answer is anything."""
    message = message[:DETAIL_LIMIT_CHARS]
    if kind in _OF_FIXED_WORDS:
        return f"{what}: {message}", ""
    return f"{what}, {kind}" if kind in _REFUSED_TYPES | _DENIED_TYPES | _OVERLOADED_TYPES else what, message


def _read(body: bytes) -> tuple[str, str | None]:
    """(message, type); type is None when the body is not the server's own JSON."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        words = body.decode("utf-8", "replace").split()
        return " ".join(words) or "empty body", None
    if not isinstance(payload, dict):
        return str(payload), None
    return _message(payload)


def _message(payload: Mapping[str, Any]) -> tuple[str, str]:
    error = payload.get("error", payload)
    if isinstance(error, dict):
        # Not the whole of it: some servers give the request back in their error, and the question would be in the log.
        message = error.get("message") or f"an error with {', '.join(map(str, error))}"
        return str(message), str(error.get("type", error.get("code", "")))
    return str(error), str(payload.get("error_type", ""))


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header in either of its two forms (RFC 9110, 10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_LIMIT_SECONDS) if seconds == seconds else None  # noqa: PLR0124 - not NaN
