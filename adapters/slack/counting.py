"""Counts calls of Slack's API by method and by what came of them, of sets that do not grow: whatever Slack, or what
stands before it, says besides is "other"."""

from __future__ import annotations

from http import HTTPStatus
from types import TracebackType
from typing import Self

from adapters.slack.limits import METHODS
from conversation.observing import Observer

OK, SWITCHED, LIMITED, NO_ANSWER, OTHER = "200", "101", "429", "no_answer", "other"
# What is no method of the Web API: a file's bytes on their way to Slack and from it, the address that came with a
# command or a button, and the WebSocket of Socket Mode.
UPLOAD, DOWNLOAD, RESPOND, SOCKET = "upload", "download", "response_url", "socket"
NAMES = METHODS | {"apps.connections.open", "auth.test", UPLOAD, DOWNLOAD, RESPOND, SOCKET}

# Errors that Slack answers with HTTP 200, as the methods' pages name them.
_ERRORS = frozenset(
    {
        "access_denied", "account_inactive", "already_exists", "cannot_reply_to_message", "cant_delete_message",
        "cant_update_message", "channel_not_found", "channel_type_not_supported", "edit_window_closed",
        "ekm_access_denied", "exchanged_trigger_id", "expired_trigger_id", "expired_url", "fatal_error",
        "file_deleted", "file_not_found", "forbidden_team", "internal_error", "invalid_arguments", "invalid_auth",
        "invalid_blocks", "invalid_blocks_format", "invalid_thread_ts", "invalid_trigger_id", "invalid_ts",
        "is_archived", "is_inactive", "message_not_found", "message_not_in_streaming_state",
        "message_not_owned_by_app", "messages_tab_disabled", "missing_recipient_team_id",
        "missing_recipient_user_id", "missing_scope", "msg_blocks_too_long", "msg_too_long", "no_permission",
        "no_text", "not_allowed_token_type", "not_authed", "not_in_channel", "request_timeout",
        "restricted_action", "restricted_action_non_threadable_channel", "restricted_action_read_only_channel",
        "restricted_action_thread_locked", "restricted_action_thread_only_channel", "service_unavailable",
        "stopped_by_user", "streaming_mode_mismatch", "team_access_not_granted", "thread_locked",
        "thread_not_found", "token_expired", "token_revoked", "too_many_websockets", "unknown_method", "used_url",
        "user_is_restricted", "user_not_found", "user_not_in_channel",
    }
)  # fmt: skip
_STATUSES = frozenset(str(status.value) for status in HTTPStatus)


class Call:
    """A context around one call, told to the observer at its end. Who makes the call says in `code` what came of it;
    until then nothing did."""

    __slots__ = ("_method", "_observer", "code")

    def __init__(self, observer: Observer, method: str) -> None:
        self._observer, self._method = observer, method
        self.code = NO_ANSWER

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._observer.called(
            self._method if self._method in NAMES else OTHER,
            self.code if self.code in _ERRORS | _STATUSES | {NO_ANSWER} else OTHER,
        )
