"""How the Web API says no."""

from __future__ import annotations

from typing import Any


class SlackError(Exception):
    """Becomes `{"ok": false, "error": code, **more}` with this HTTP status; `retry_after` is in seconds."""

    def __init__(self, code: str, *, status: int = 200, retry_after: int | None = None, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.retry_after = retry_after
        self.more = more
