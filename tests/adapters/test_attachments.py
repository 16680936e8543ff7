"""Files that people attach: what is text, in which encoding, and what is said of the rest."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.attachments import MAX_BYTES, MAX_NAME, decode, harmless_name, read_file
from conversation.skills import CodeFile

CODE = "if x:\n\tprint('é')  # naïve\r\n"


def zipped(name: str = "a.py") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(name, "print(1)")
    return data.getvalue()


def tarred() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.py"))
    return data.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"]
)
def test_every_usual_encoding_is_read(encoding: str) -> None:
    """With and without the mark that tells it; tabs and line ends stay, the mark goes."""
    read = read_file("a.py", CODE.encode(encoding))
    assert isinstance(read, CodeFile)
    assert (read.text, read.name) == (CODE, "a.py")
    assert read.language is not None
    assert read.language.tag == "python"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "# Это комментарий к функции\nprint('Привет, мир')\n"),
        ("koi8-r", "# Это комментарий к функции\nprint('Привет, мир')\n"),
        ("shift_jis", "# 日本語のコメント\nprint('こんにちは')\n"),
        ("gb18030", "# 这是一个注释\nprint('你好世界')\n"),
        ("euc_kr", "# 한국어 주석입니다\nprint('안녕하세요')\n"),
        ("cp1250", "# Příliš žluťoučký kůň\nx = 1\n"),
        ("cp1253", "# Καλημέρα κόσμε\nprint('γειά')\n"),
    ],
)
def test_older_encodings_are_found_out(encoding: str, text: str) -> None:
    """Of other scripts."""
    read = read_file("a.py", text.encode(encoding))
    assert isinstance(read, CodeFile)
    assert read.text == text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "shift_jis"])
def test_a_file_can_be_written_as_it_was(encoding: str) -> None:
    """The same bytes come of its text, mark included."""
    data = ("x = 'あ'\r\n" if encoding == "shift_jis" else CODE).encode(encoding)
    decoded = decode(data)
    assert decoded is not None
    assert decoded.encode(decoded.text) == data


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (zipped(), "a ZIP archive"),
        (zipped("word/document.xml"), "an Office document"),
        (tarred(), "a tar archive"),
        (gzip.compress(b"print(1)", mtime=0), "packed with gzip"),
        (bz2.compress(b"print(1)"), "packed with bzip2"),
        (lzma.compress(b"print(1)"), "packed with xz"),
        (b"%PDF-1.7\nall of it text", "a PDF"),
        (b"{\\rtf1 hello}", "a rich-text document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "a picture"),
        (b"\x7fELF" + bytes(20), "a program"),
        (b"MZ\x90\x00" + bytes(20), "a program"),
        (b"SQLite format 3\x00", "a database"),
        (bytes(range(256)) * 4, "not a text file"),
        (b"\x00" * 100, "not a text file"),
        (b"\x01\x02\x03\x04 abc" * 9, "not a text file"),
    ],
)
def test_what_is_no_text_is_named_with_a_way_out(data: bytes, what: str) -> None:
    """Whatever it is called."""
    read = read_file("code.py", data)
    assert isinstance(read, str)
    assert read.startswith(f"code.py is {what}, and I read only text and code. ")
    assert read.endswith(".")
    assert len(read.split(". ")) == 2


@pytest.mark.parametrize("data", [b"BZh is a prefix", b"RIFF = 1", b"MZ = 2", b"ID3 tags", b"\x1b[31mred\x1b[0m\n"])
def test_text_that_looks_like_something_else_is_text(data: bytes) -> None:
    """Also under a name of a picture or an archive."""
    read = read_file("a.zip", data)
    assert isinstance(read, CodeFile)
    assert read.text == data.decode()


def test_what_is_empty_or_too_large_is_said() -> None:
    """The cap is inclusive, and named."""
    assert read_file("a.py", b" \n") == "a.py is empty."
    assert isinstance(read_file("a.py", b"x" * MAX_BYTES), CodeFile)
    assert read_file("a.py", b"x" * (MAX_BYTES + 1)) == (
        "a.py is larger than 64 KiB. Send the part of it that matters."
    )


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("a.py", "a.py"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\a.ts", "a.ts"),
        ("[id].tsx", "[id].tsx"),
        (".env", ".env"),
        ("a\nb\x1b[2J.py", "ab[2J.py"),
        ("evil\u202eyp.exe", "evilyp.exe"),
        ("<@U123> `x`.py", "_@U123_ _x_.py"),
        ("", "file"),
        ("..", "file"),
        ("x/", "file"),
        ("größe.py", "größe.py"),
        ("n" * 300 + ".py", "n" * (MAX_NAME - 3) + ".py"),
    ],
)
def test_a_name_is_made_harmless(name: str, harmless: str) -> None:
    """It may be shown and sent to the model, and keeps its ending."""
    assert harmless_name(name) == harmless


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_a_sentence(data: bytes) -> None:
    """Nothing raises, and text has no character that nothing can show or store."""
    read = read_file("a", data)
    if isinstance(read, CodeFile):
        assert "\x00" not in read.text
        read.text.encode()
    else:
        assert read.startswith("a is ")


@given(st.text(max_size=300))
def test_any_name_is_short_and_on_one_line(name: str) -> None:
    """Whatever it was."""
    shown = harmless_name(name)
    assert 0 < len(shown) <= MAX_NAME
    assert shown.isprintable() or " " in shown
    assert not set("\n\r`<>/\\") & set(shown)
