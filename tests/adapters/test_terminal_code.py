"""Code out of files and pipes, and filled code back into its file."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from adapters.terminal.given import STDIN, most_bytes, read_files
from adapters.terminal.replies import TerminalReplies
from adapters.terminal.writing_back import NotWritten, Original
from conversation.errors import MessageTooLong, PromptError
from conversation.model import InboundMessage, Job, Segment, SegmentState, ThreadId
from conversation.ports import Content

HOLED = "def f():\n\t<FILL_ME>\n\treturn x\n"
FILLED = "def f():\n\tx = 1\n\treturn x\n"
MAX = 1000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text(HOLED)
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class TestReading:
    def test_files_keep_their_order_and_names(self, tmp_path: Path) -> None:
        """Those of the same name are told apart by their folders; a pipe has no name."""
        paths = [tmp_path / "x" / "a.py", tmp_path / "y" / "a.py", tmp_path / "b.ts"]
        for path in paths:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(f"\t# {path.parent.name}\r\n".encode("utf-16"))
        read = read_files([*paths, STDIN], io.BytesIO(b"piped\n"), MAX)
        assert [one.name for one in read] == ["x/a.py", "y/a.py", "b.ts", ""]
        assert [one.text for one in read][1:] == ["\t# y\r\n", f"\t# {tmp_path.name}\r\n", "piped\n"]
        assert [one.language.tag if one.language else "" for one in read] == ["python", "python", "typescript", ""]

    def test_a_pipe_may_be_empty(self) -> None:
        """Then nothing is given."""
        assert read_files([STDIN], io.BytesIO(b" \n"), MAX) == ()

    def test_what_cannot_be_read_is_said(self, tmp_path: Path) -> None:
        """A file that is not there, a folder, and what is no text."""
        (tmp_path / "cat.py").write_bytes(b"\x89PNG\r\n\x1a\n")
        for path, sentence in [
            (tmp_path / "none.py", "No such file or directory."),
            (tmp_path, "Is a directory. Name the files in it."),
            (tmp_path / "cat.py", "cat.py is a picture, and I read only text and code. Paste the text in it."),
        ]:
            with pytest.raises(PromptError) as caught:
                read_files([path], io.BytesIO(), MAX)
            assert caught.value.user_notice.endswith(sentence)

    @pytest.mark.parametrize("length", [MAX + 1, 2 * MAX, most_bytes(MAX) + 1, 1_000_000])
    def test_too_much_is_refused_with_the_limit(self, tmp_path: Path, length: int) -> None:
        """Of a file, of a pipe, and of all together; no more is read than tells that."""
        path = tmp_path / "a.py"
        path.write_text("x" * length)
        pipe = io.BytesIO(b"x" * length)
        for given in [path], [STDIN]:
            with pytest.raises(MessageTooLong) as caught:
                read_files(given, pipe, MAX)
            assert "up to 1,000" in caught.value.user_notice
        assert pipe.tell() <= most_bytes(MAX) + 1
        path.write_text("x" * (MAX // 2 + 1))
        with pytest.raises(MessageTooLong):
            read_files([path, path], io.BytesIO(), MAX)


class TestWritingBack:
    def test_the_hole_is_filled_and_the_old_file_stays_beside(self, file: Path) -> None:
        """Both with the mode that the file had, and nothing else is left."""
        file.chmod(0o751)
        original = Original.read(file, MAX)
        backup = original.write(original.filled("x = 1"))
        assert backup == file.with_name("a.py.bak")
        assert files(file.parent) == {"a.py": FILLED.encode(), "a.py.bak": HOLED.encode()}
        assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o751}

    def test_a_file_with_several_names_is_refused(self, file: Path) -> None:
        """One name would have the new text, the others the old."""
        file.with_name("b.py").hardlink_to(file)
        with pytest.raises(PromptError) as caught:
            Original.read(file, MAX)
        assert "other names (hard links)" in caught.value.user_notice

    def test_what_else_the_system_keeps_of_a_file_stays(self, file: Path) -> None:
        """Access lists are such attributes; the backup has them, too."""
        try:
            os.setxattr(file, "user.corral", b"kept")
        except OSError:
            pytest.skip("this file system has no attributes")
        original = Original.read(file, MAX)
        backup = original.write(original.filled("x = 1"))
        assert [os.getxattr(path, "user.corral") for path in (file, backup)] == [b"kept", b"kept"]

    def test_an_older_backup_is_never_written_over(self, file: Path) -> None:
        """The next one gets a number."""
        for number, name in enumerate(["a.py.bak", "a.py.bak2", "a.py.bak3"]):
            file.write_text(f"{number}<FILL_ME>")
            original = Original.read(file, MAX)
            assert original.write(original.filled("!")).name == name
            assert file.read_text() == f"{number}!"
            assert file.with_name(name).read_text() == f"{number}<FILL_ME>"
        assert file.with_name("a.py.bak").read_text() == "0<FILL_ME>"

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
    def test_encoding_and_line_ends_stay(self, file: Path, encoding: str) -> None:
        """What is filled in gets them too."""
        text = "# größe\r\ndef f():\r\n\t<FILL_ME>\r\n"
        file.write_bytes(text.encode(encoding))
        original = Original.read(file, MAX)
        original.write(original.filled("x = 1\n\ty = 'é'"))
        assert file.read_bytes() == text.replace("<FILL_ME>", "x = 1\r\n\ty = 'é'").encode(encoding)

    def test_mixed_line_ends_stay_mixed(self, file: Path) -> None:
        """Nobody knows which are meant."""
        file.write_bytes(b"a\r\n<FILL_ME>\nb")
        original = Original.read(file, MAX)
        assert original.filled("x\ny") == "a\r\nx\ny\nb"

    def test_a_file_that_changed_meanwhile_is_left_alone(self, file: Path) -> None:
        """Whoever saved it did not know of us."""
        original = Original.read(file, MAX)
        file.write_text("theirs")
        with pytest.raises(NotWritten, match="changed meanwhile"):
            original.write("ours")
        assert files(file.parent) == {"a.py": b"theirs"}

    def test_a_file_that_changes_while_it_is_written_is_left_alone(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Looked at once more when all else is done; no backup is left of what did not happen."""
        original, fsync = Original.read(file, MAX), os.fsync

        def slow_disk(handle: int) -> None:
            fsync(handle)
            file.write_text("theirs")

        monkeypatch.setattr(os, "fsync", slow_disk)
        with pytest.raises(NotWritten, match="changed meanwhile"):
            original.write("ours")
        assert files(file.parent) == {"a.py": b"theirs"}

    def test_a_file_that_is_gone_stays_gone(self, file: Path) -> None:
        """The system's words say so."""
        original = Original.read(file, MAX)
        file.unlink()
        with pytest.raises(NotWritten, match="No such file"):
            original.write("ours")
        assert files(file.parent) == {}

    @pytest.mark.parametrize("broken", ["fchmod", "fsync", "replace"])
    def test_a_disk_that_fails_leaves_everything_as_it_was(
        self, file: Path, monkeypatch: pytest.MonkeyPatch, broken: str
    ) -> None:
        """At whichever step: no half file, no backup."""
        original = Original.read(file, MAX)

        def fail(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path if broken == "replace" else os, broken, fail)
        with pytest.raises(NotWritten, match="No space left"):
            original.write("ours")
        assert files(file.parent) == {"a.py": HOLED.encode()}

    def test_a_link_stays_a_link(self, file: Path, tmp_path: Path) -> None:
        """What it leads to is filled."""
        link = tmp_path / "link.py"
        link.symlink_to(file)
        original = Original.read(link, MAX)
        assert original.write(original.filled("x = 1")) == file.with_name("a.py.bak")
        assert link.is_symlink()
        assert file.read_text() == FILLED

    def test_a_letter_that_its_encoding_lacks_changes_nothing(self, file: Path) -> None:
        """And is named."""
        file.write_bytes("# größe\n<FILL_ME>".encode("cp1252"))
        original = Original.read(file, MAX)
        with pytest.raises(NotWritten, match="'→', which cp1252 cannot write"):
            original.write(original.filled("→"))
        assert list(files(file.parent)) == ["a.py"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything: run the tests as another user")
    def test_what_may_not_be_written_is_not_asked_about(self, file: Path) -> None:
        """The person hears of it before the model does."""
        file.chmod(0o444)
        with pytest.raises(PromptError) as caught:
            Original.read(file, MAX)
        assert "may not write" in caught.value.user_notice

    def test_what_is_no_file_is_not_written(self) -> None:
        """A device, say."""
        with pytest.raises(PromptError):
            Original.read(Path("/dev/null"), MAX)


class Screens:
    """A screen that remembers its texts."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def put(self, conversation_id: str, message_id: str, record: Any) -> None:
        self.texts.append(record["text"])

    async def delete(self, conversation_id: str, message_id: str) -> None: ...

    async def read(self, conversation_id: str) -> list[dict[str, Any]]:
        return []

    async def follow(self, conversation_id: str) -> Any:
        yield {}


async def test_a_growing_block_is_shown_open() -> None:
    """What a pipe was given cannot be taken back: every text is the beginning of the next."""
    screen = Screens()
    replies = TerminalReplies(screen)
    message = InboundMessage(ThreadId("terminal", "local", "ada", "t"), "1", "ada", "Ada", "?", 0.0)
    job, segment = Job("j", "c", (message,), 0.0), Segment("j:0", 0, SegmentState.SENT)
    await replies.edit(job, segment, Content("```py\nx\n```", closer="\n```"))
    await replies.edit(job, segment, Content("```py\nx = 1\n```", closer="```"))
    await replies.edit(job, segment, Content("```py\nx = 1\n```", closer="```", final=True))
    assert screen.texts == ["```py\nx", "```py\nx = 1\n", "```py\nx = 1\n```"]
