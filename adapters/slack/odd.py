"""What to say of an error that a payload of Slack's made: where it was, and nothing of what people wrote."""

from __future__ import annotations

import logging
import traceback


def log_oddity(log: logging.Logger, what: str, error: BaseException) -> None:
    """An error of any kind. Its own words may be people's: a KeyError says which key was missing."""
    log.error("%s: %s\n%s", what, type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
