"""What a skill is given on the command line: code from files and pipes."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from adapters.attachments import Decoded, decode, read_file
from adapters.wishes import parsed_wish, reads_like_question
from conversation import notices
from conversation.errors import MessageTooLong, PromptError
from conversation.model import Skill
from conversation.skills import SKILLS, CodeFile, Wish, is_in_words

STDIN = Path("-")
# No character takes more in any encoding that is read, its mark aside.
_BYTES_PER_CHARACTER = 4


def read_wish(skill: Skill, words: str, paths: Sequence[Path], stdin: BinaryIO | None, max_chars: int) -> Wish:
    """What a skill is given: words, files, and what is piped into `stdin`, None for a terminal. Where files are named,
    or the words are code, nobody waits for a pipe that somebody left open. Raises as `read_files`, and PromptError for
    words that nothing would be done with."""
    check_length(len(words), max_chars)
    typed = parsed_wish(skill, words)
    if not paths and stdin is not None:
        has_code = bool(typed.files) and not reads_like_question(words)
        paths = [STDIN] if not has_code or _is_there(stdin) else []
    files = read_files(paths, stdin if stdin is not None else BytesIO(), max_chars)
    if files and words.strip() and not is_in_words(skill):
        raise PromptError("words", user_notice=f"I {skill} the code alone: leave the words out.")
    wish = parsed_wish(skill, words, files)
    if SKILLS[skill].needs_code and not wish.files:
        sentence = f"There is no code to {skill}: name a file with -f, pipe it in, or type it."
        raise PromptError("no code", user_notice=sentence)
    return wish


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


def is_path(typed: str) -> bool:
    """Whether there is such a file or folder."""
    return Path(typed).exists()


def check_length(characters: int, max_chars: int) -> None:
    """Raises MessageTooLong."""
    if characters > max_chars:
        raise MessageTooLong(user_notice=notices.too_long(characters, max_chars))


def most_bytes(max_chars: int) -> int:
    """More cannot be `max_chars` characters."""
    return _BYTES_PER_CHARACTER * (max_chars + 1)


def _is_there(stdin: BinaryIO) -> bool:
    """Whether something can be read from it at once; its end, too."""
    try:
        return bool(select.select([stdin], [], [], 0)[0])
    except (OSError, ValueError):  # it is no file that the system knows
        return True


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
