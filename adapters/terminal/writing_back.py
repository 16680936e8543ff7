"""Filled code, written back into its file: whole or not at all, and never over anybody else's work."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.attachments import Decoded
from adapters.terminal.given import decoded, read_bytes
from conversation.errors import PromptError
from conversation.prompts.infill import split_hole

MAX_BACKUPS = 1000


class NotWritten(Exception):
    """The file is as it was; the text is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class Original:
    """A file as it was read."""

    shown: Path  # as the person named it
    path: Path  # what a link leads to: the link stays
    data: bytes
    decoded: Decoded

    @classmethod
    def read(cls, path: Path, max_chars: int) -> Original:
        """Raises PromptError when it cannot be read, or could not be written back, and MessageTooLong."""
        data = read_bytes(path, max_chars)
        real = path.resolve()
        text = decoded(path, data, max_chars)
        if not real.is_file() or not os.access(real, os.W_OK) or not os.access(real.parent, os.W_OK):
            raise PromptError("not writable", user_notice=f"{path}: I may not write it, or beside it.")
        if real.stat().st_nlink > 1:  # a new file takes the place of one name alone, and the others keep the old one
            raise PromptError(
                "linked", user_notice=f"{path}: it has other names (hard links), which would not be filled."
            )
        if text.encode(text.text) != data:  # an old encoding that was found out wrongly
            raise PromptError("not exact", user_notice=f"{path}: I cannot write its encoding. Save it as UTF-8 first.")
        return cls(path, real, data, text)

    def filled(self, said: str) -> str:
        """The file's text with its hole filled, in the file's own line ends."""
        hole, text = split_hole(self.decoded.text), self.decoded.text
        if "\r\n" in text and text.count("\n") == text.count("\r\n"):
            said = said.replace("\r\n", "\n").replace("\n", "\r\n")
        return f"{hole.prefix}{said}{hole.suffix}"

    def write(self, text: str) -> Path:
        """Put `text` into the file, in its encoding, with its mode and access lists; gives the backup's path. A reader
        sees the old file or the new one. Raises NotWritten; then nothing has changed."""
        try:
            data = self.decoded.encode(text)
        except UnicodeEncodeError as exc:
            letter = exc.object[exc.start]
            raise NotWritten(f"the answer has {letter!r}, which {self.decoded.encoding} cannot write") from None
        try:
            before = self.path.stat()
            self._check()
            new = _written_beside(self.path, data, before)
            try:
                backup = _backup(self.path, self.data, before)
                try:
                    self._check()  # as late as can be
                    new.replace(self.path)
                except BaseException:
                    backup.unlink()
                    raise
            finally:
                new.unlink(missing_ok=True)
            _sync_folder(self.path.parent)
        except OSError as exc:
            raise NotWritten(exc.strerror or str(exc)) from exc
        return self.shown.with_name(backup.name) if self.shown.parent.resolve() == backup.parent else backup

    def _check(self) -> None:
        if self.path.read_bytes() != self.data:
            raise NotWritten("it was changed meanwhile")


def _written_beside(path: Path, data: bytes, like: os.stat_result) -> Path:
    """A new file in the same folder, on disk, with the owner and mode of the old one."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        _fill(handle, data, like, path)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _backup(path: Path, data: bytes, like: os.stat_result) -> Path:
    """FILE.bak, or FILE.bak2 and so on where that is taken: an older backup is somebody's too."""
    for number in range(1, MAX_BACKUPS):
        backup = path.with_name(f"{path.name}.bak{number if number > 1 else ''}")
        try:
            handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        try:
            _fill(handle, data, like, path)
        except BaseException:
            backup.unlink()
            raise
        return backup
    raise NotWritten(f"there are {MAX_BACKUPS} backups of it already")


def _fill(handle: int, data: bytes, like: os.stat_result, path: Path) -> None:
    with os.fdopen(handle, "wb") as file:
        with suppress(PermissionError):  # another one's file in a folder of ours becomes ours
            os.fchown(handle, like.st_uid, like.st_gid)
        os.fchmod(handle, stat.S_IMODE(like.st_mode))
        _copy_attributes(path, handle)
        file.write(data)
        file.flush()
        os.fsync(handle)


def _copy_attributes(path: Path, handle: int) -> None:
    """Access lists and the like, where the system has them; those that only root may set stay behind."""
    if not hasattr(os, "listxattr"):
        return
    with suppress(OSError):  # a file system without any
        for name in os.listxattr(path):
            with suppress(OSError):
                os.setxattr(handle, name, os.getxattr(path, name))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
