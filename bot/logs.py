"""Log lines: for people on a terminal, JSON elsewhere; for `chat` a file, so that they never mix with the talk."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from pathlib import Path

import structlog

from bot.discretion import DiscreetFormatter, Discretion

_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure_logs(level: str, file: Path | None = None, discretion: Discretion | None = None) -> None:
    """Send all logging through one formatter, to stderr or to `file` (two files of 1 MB at most), without what the
    `discretion` hides."""
    handler: logging.Handler
    if file is None:
        handler = logging.StreamHandler(sys.stderr)
    else:
        file.touch(mode=0o600)  # before anything is in it
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    for_people = file is not None or sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        # Plain tracebacks: the default shows local variables, which are people's questions and our secrets.
        structlog.dev.ConsoleRenderer(colors=file is None, exception_formatter=structlog.dev.plain_traceback)
        if for_people
        else structlog.processors.JSONRenderer()
    )
    steps: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not for_people:
        steps.append(structlog.processors.format_exc_info)
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=[*steps, renderer])
    handler.setFormatter(DiscreetFormatter(formatter, discretion) if discretion is not None else formatter)
    logging.raiseExceptions = False  # a log that cannot be written, on a full disk, must not fill the terminal
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
