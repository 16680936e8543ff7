"""What a log line may say: nothing that people or the model wrote, and nobody's id.

Our own messages are written so; an error that is given to one may still quote a payload (pydantic does, a KeyError
does), and libraries were not asked. So every record passes here before it is written, whoever logged it.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import structlog

from conversation.errors import CorralError
from conversation.pseudonyms import without_ids

_OURS = frozenset({"__main__", "adapters", "bot", "conversation", "inference", "storage"})
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]

# A loop of causes, or of calls, must not fill the disk.
MOST_ERRORS, MOST_FRAMES = 12, 40
_BECAUSE = "\nThe above exception came before the following:\n\n"


class _Told(str):
    """Looks the same with %r."""

    __slots__ = ()
    __repr__ = str.__str__


def is_ours(name: str) -> bool:
    """Whether a logger, or a class's module, is this program's and no library's."""
    return name.partition(".")[0] in _OURS


def is_fit(record: logging.LogRecord) -> bool:
    """Whether a record may be written at all: below INFO libraries tell what passes through them."""
    return is_ours(record.name) or record.levelno >= logging.INFO


def told(error: BaseException) -> str:
    """An error in one line: of ours what it says for the log, of the system's what the system says, of all others only
    the kind, for their text may be a payload's."""
    if isinstance(error, CorralError):
        return error.detail
    if is_ours(type(error).__module__):
        return str(error) or type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"{type(error).__name__}: {error.strerror}"
    return type(error).__name__


def traceback_told(exc_info: ExcInfo) -> str:
    """Where the error came from, its causes first, and of each what `told` says."""
    return "".join(_lines(exc_info[1], set())).rstrip("\n")


def discreet(record: logging.LogRecord) -> logging.LogRecord:
    """The same record, with each error in its arguments as `told`."""
    copy = logging.makeLogRecord(record.__dict__)
    if isinstance(record.args, tuple):
        copy.args = tuple(_Told(told(one)) if isinstance(one, BaseException) else one for one in record.args)
    if record.name == "asyncio":
        # What follows the first line is the task with its result or error, as Python shows it.
        copy.msg, copy.args = record.getMessage().partition("\n")[0], ()
    return copy


def hide_ids(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor: pseudonyms for ids that nobody thought of."""
    return {name: without_ids(value) if isinstance(value, str) else value for name, value in event.items()}


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in seen and len(seen) < MOST_ERRORS:
        yield from _lines(before, seen)
        yield _BECAUSE
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__, limit=-MOST_FRAMES)
    yield f"{type(error).__module__}.{type(error).__qualname__}: {told(error)}\n"
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            if id(one) not in seen and len(seen) < MOST_ERRORS:
                yield "\nOne of these was:\n\n"
                yield from _lines(one, seen)
