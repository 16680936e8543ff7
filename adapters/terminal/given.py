"""What a skill is given on the command line: code from files and pipes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from adapters.attachments import Decoded, decode, read_file
from conversation import notices
from conversation.errors import MessageTooLong, PromptError
from conversation.skills import CodeFile

STDIN = Path("-")
# No character takes more in any encoding that is read, its mark aside.
_BYTES_PER_CHARACTER = 4


def read_files(paths: Sequence[Path], stdin: BinaryIO, max_chars: int) -> tuple[CodeFile, ...]:
    """The files in order; `-` is `stdin`, which has no name and may be empty. Files with the same name are told apart
    by their folders. Raises PromptError for what cannot be read as text, MessageTooLong when all of it has more than
    `max_chars`: before anything is tokenised."""
    names = [path.name for path in paths]
    found: list[CodeFile] = []
    for path in paths:
        file = read_stdin(stdin, max_chars) if path == STDIN else _read(path, max_chars)
        if file is not None:
            is_twice = path != STDIN and names.count(path.name) > 1
            found.append(replace(file, name=f"{path.resolve().parent.name}/{file.name}") if is_twice else file)
        check_length(sum(len(file.text) for file in found), max_chars)
    return tuple(found)


def read_stdin(stdin: BinaryIO, max_chars: int) -> CodeFile | None:
    """What is piped in, byte for byte; None when that is nothing. Raises as `read_files`."""
    data = stdin.read(most_bytes(max_chars) + 1)
    return replace(_text("stdin", data, max_chars), name="") if data.strip() else None


def read_bytes(path: Path, max_chars: int) -> bytes:
    """A file's bytes. Raises PromptError and MessageTooLong."""
    try:
        with path.open("rb") as file:
            data = file.read(most_bytes(max_chars) + 1)
    except OSError as exc:
        hint = " Name the files in it." if isinstance(exc, IsADirectoryError) else ""
        raise PromptError(str(exc), user_notice=f"{path}: {exc.strerror}.{hint}") from None
    return data


def decoded(path: Path, data: bytes, max_chars: int) -> Decoded:
    """The text of a file of at most `max_chars`. Raises PromptError and MessageTooLong."""
    _text(path.name, data, max_chars)
    text = decode(data)
    assert text is not None  # it was just read
    return text


def check_length(characters: int, max_chars: int) -> None:
    """Raises MessageTooLong."""
    if characters > max_chars:
        raise MessageTooLong(user_notice=notices.too_long(characters, max_chars))


def most_bytes(max_chars: int) -> int:
    """More cannot be `max_chars` characters."""
    return _BYTES_PER_CHARACTER * (max_chars + 1)


def _read(path: Path, max_chars: int) -> CodeFile:
    return _text(os.fspath(path), read_bytes(path, max_chars), max_chars)


def _text(name: str, data: bytes, max_chars: int) -> CodeFile:
    if len(data) > most_bytes(max_chars):
        raise MessageTooLong(
            user_notice=f"{name} is too long: I take up to {max_chars:,} characters. Give me a part of it."
        )
    read = read_file(name, data, max_bytes=len(data))
    if isinstance(read, str):
        raise PromptError(read, user_notice=read)
    check_length(len(read.text), max_chars)
    return read
