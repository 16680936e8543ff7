"""How the REST API says no (discord.com/developers/docs/topics/opcodes-and-status-codes#json)."""

from __future__ import annotations

from typing import Any


class DiscordError(Exception):
    """Becomes `{"code": code, "message": message, **more}` with this HTTP status; `retry_after` is in seconds."""

    def __init__(self, status: int, code: int, message: str, *, retry_after: float | None = None, **more: Any) -> None:
        super().__init__(f"{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.more = more


def invalid_form(path: str, code: str, message: str) -> DiscordError:
    """50035; `path` names the field, with dots between its parts: `embeds.0.title`."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(path.split(".")):
        errors = {part: errors}
    return DiscordError(400, 50035, "Invalid Form Body", errors=errors)


def unknown_channel() -> DiscordError:
    return DiscordError(404, 10003, "Unknown Channel")


def unknown_message() -> DiscordError:
    return DiscordError(404, 10008, "Unknown Message")


def missing_access() -> DiscordError:
    return DiscordError(403, 50001, "Missing Access")


def missing_permissions() -> DiscordError:
    return DiscordError(403, 50013, "Missing Permissions")


def thread_is_archived() -> DiscordError:
    return DiscordError(400, 50083, "Thread is archived")
