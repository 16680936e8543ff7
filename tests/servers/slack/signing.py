"""Slack's request signature (docs.slack.dev/authentication/verifying-requests-from-slack)."""

from __future__ import annotations

import hashlib
import hmac


def sign(body: str, timestamp: int | str, secret: str) -> str:
    """The `X-Slack-Signature` of a body sent at `timestamp` (Unix seconds, also in `X-Slack-Request-Timestamp`)."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
