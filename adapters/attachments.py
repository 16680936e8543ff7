"""Files that people attach: text and code in any encoding, judged by what is in them. Pure.

Magic numbers: https://www.garykessler.net/library/file_sigs.html and the formats' own pages.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from charset_normalizer import from_bytes

from adapters.languages import language_of_code, language_of_file
from conversation.skills import CodeFile

MAX_BYTES = 64 * 1024
MAX_NAME = 80  # characters

_UNPACK = "Attach the files in it that I am to read, each by itself."
_AS_TEXT = "Attach it as plain text, or paste what I am to read."
_PASTE = "Paste the text in it."

# What begins so is no text. The longer ones come first where one begins with another.
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", _UNPACK),
    (b"\x1f\x8b", "packed with gzip", _UNPACK),
    (b"BZh", "packed with bzip2", _UNPACK),
    (b"\xfd7zXZ\x00", "packed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"%PDF-", "a PDF", _PASTE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", _AS_TEXT),
    (b"{\\rtf", "a rich-text document", _AS_TEXT),
    (b"\x89PNG\r\n\x1a\n", "a picture", _PASTE),
    (b"\xff\xd8\xff", "a picture", _PASTE),
    (b"GIF87a", "a picture", _PASTE),
    (b"GIF89a", "a picture", _PASTE),
    (b"RIFF", "a picture or a recording", _PASTE),
    (b"II*\x00", "a picture", _PASTE),
    (b"MM\x00*", "a picture", _PASTE),
    (b"ID3", "a recording", _PASTE),
    (b"OggS", "a recording", _PASTE),
    (b"\x7fELF", "a program", "Attach its source."),
    (b"\xca\xfe\xba\xbe", "a program", "Attach its source."),
    (b"\xcf\xfa\xed\xfe", "a program", "Attach its source."),
    (b"MZ", "a program", "Attach its source."),
    (b"\x00asm", "a program", "Attach its source."),
    (b"SQLite format 3\x00", "a database", "Paste its schema, or the rows that matter."),
)
# Text may begin so too: only with bytes that no text has it is what it looks like.
_ALSO_TEXT = frozenset({b"BZh", b"RIFF", b"ID3", b"OggS", b"MZ"})
_OFFICE = (b"word/", b"xl/", b"ppt/", b"mimetypeapplication/vnd.oasis")

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What code is written in where it is not UTF-8, the likeliest first. Of all that Python knows some would fit any bytes.
_LEGACY = ["cp1252", "cp932", "gb18030", "cp1251", "cp949", "big5", "euc_jp", "cp1250", "koi8_r", "cp1253", "cp1254"]
# Tabs, line ends, form feeds and the escapes of colours in a log are text.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9f]")
_ANY_CONTROL_SHARE = 0.001

_UNSAFE = re.compile(r'[<>:"|?*`\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text, and how the same bytes come of it again: `bom + text.encode(encoding)`."""

    text: str
    encoding: str
    bom: bytes = b""

    def encode(self, text: str) -> bytes:
        """Another text, as the file was written. Raises UnicodeEncodeError."""
        return self.bom + text.encode(self.encoding)


def read_file(name: str, data: bytes, *, max_bytes: int = MAX_BYTES) -> CodeFile | str:
    """The file as text, or a sentence for the person: why it is not read, and what to do. `data` may end right after
    `max_bytes`. Takes milliseconds per 100 KB where the encoding is not known: not for an event loop."""
    shown = harmless_name(name)
    if len(data) > max_bytes:
        return too_large(shown, max_bytes)
    decoded = decode(data)
    if decoded is None:
        what, remedy = _kind(data)
        return f"{shown} is {what}, and I read only text and code. {remedy}"
    if not decoded.text.strip():
        return f"{shown} is empty."
    return CodeFile(decoded.text, shown, language_of_file(shown) or language_of_code(decoded.text))


def too_large(name: str, max_bytes: int = MAX_BYTES) -> str:
    """The sentence for a file that is not even fetched."""
    return f"{harmless_name(name)} is larger than {max_bytes // 1024} KiB. Send the part of it that matters."


def decode(data: bytes) -> Decoded | None:
    """The text in a file, line ends as they are; None when there is none in it."""
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return _checked(_decoded(data[len(bom) :], encoding, bom))
    if _has_magic(data):
        return None
    for encoding in ("utf-8", _utf_16(data)):
        if encoding and (decoded := _checked(_decoded(data, encoding))) is not None:
            return decoded
    return None if b"\x00" in data else _checked(_decoded(data, _legacy(data)))


def harmless_name(name: str) -> str:
    """A file's name without folders, and without what could act where it is shown: controls, turned writing, markup
    of mentions and code."""
    last = re.split(r"[/\\]", name.strip())[-1]
    shown = "".join(
        letter for letter in last if unicodedata.category(letter)[0] != "C" and letter not in "\u2028\u2029"
    )
    shown = " ".join(_UNSAFE.sub("_", shown).split())
    ending = PurePosixPath(shown).suffix[:20]
    shown = shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - len(ending)]}{ending}"
    return shown if shown.strip("._ ") else "file"


def _decoded(data: bytes, encoding: str, bom: bytes = b"") -> Decoded | None:
    try:
        return Decoded(data.decode(encoding), encoding, bom) if encoding else None
    except UnicodeDecodeError:
        return None


def _checked(decoded: Decoded | None) -> Decoded | None:
    """Nothing where there are controls that no text has. A few are in logs."""
    if decoded is None or "\x00" in decoded.text:
        return None
    controls = len(_CONTROLS.findall(decoded.text))
    return decoded if controls <= _ANY_CONTROL_SHARE * len(decoded.text) else None


def _utf_16(data: bytes) -> str:
    """UTF-16 without its mark, where every other byte of a mostly English text is zero."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    half = len(data) // 2
    if len(data) % 2 or not half:
        return ""
    if odd > half * 0.4 and not even:
        return "utf-16-le"
    return "utf-16-be" if even > half * 0.4 and not odd else ""


def _legacy(data: bytes) -> str:
    names = [
        (match.chaos, -match.coherence, _LEGACY.index(name))
        for match in from_bytes(data, cp_isolation=_LEGACY)
        for name in match.could_be_from_charset
        if name in _LEGACY
    ]
    return _LEGACY[min(names)[2]] if names else ""


def _has_magic(data: bytes) -> bool:
    return any(data.startswith(magic) for magic, _, _ in _MAGIC if magic not in _ALSO_TEXT) or data[257:262] == b"ustar"


def _kind(data: bytes) -> tuple[str, str]:
    """What a file that is no text is, and what its person can do."""
    if data.startswith(b"PK\x03\x04") and any(part in data for part in _OFFICE):
        return "an Office document", _AS_TEXT
    if data[257:262] == b"ustar":
        return "a tar archive", _UNPACK
    if data[4:8] == b"ftyp":
        return "a recording", _PASTE
    for magic, what, remedy in _MAGIC:
        if data.startswith(magic):
            return what, remedy
    return "not a text file", _AS_TEXT
