"""What a GGUF file says of its model, read without loading the model.

Source of the format: ggml's docs/gguf.md (versions 2 and 3, little-endian).
"""

from __future__ import annotations

import hashlib
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_CONTROL, _USER_DEFINED = 3, 4  # llama.cpp's token types; both are matched in a text whose special tokens are parsed
_SMALLEST_BYTES = 24  # its header; an empty file could not even be mapped
_ENTRIES_LIMIT = 1 << 24  # a damaged length must not be believed

_Value = bool | int | float | str | list["_Value"]


class NotGguf(ValueError):
    """The file is no GGUF of a known version, or is damaged."""


@dataclass(frozen=True, slots=True)
class GgufModel:
    """The model's own description."""

    name: str
    context_tokens: int  # it was trained with
    chat_template: str  # Jinja; empty when the file has none
    bos_token: str
    eos_token: str
    add_bos: bool  # its tokenizer begins every text with BOS
    special_tokens: tuple[str, ...]  # every text that can become a control token: the whole vocabulary was looked at
    vocabulary: str  # digest of tokens, their types and merges


def read_gguf(path: Path) -> GgufModel:
    """Read the file's metadata; for a 50,000-token vocabulary a tenth of a second. Raises NotGguf and OSError."""
    if path.stat().st_size < _SMALLEST_BYTES:
        raise NotGguf(f"{path.name} is empty, or nearly")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            return _describe(*_Reader(data).metadata())
        except (struct.error, KeyError, IndexError, TypeError, UnicodeDecodeError) as exc:
            raise NotGguf(f"{path.name}: {exc!r}") from exc


def _describe(values: dict[str, _Value], digest: str) -> GgufModel:
    tokens, types = values["tokenizer.ggml.tokens"], values.get("tokenizer.ggml.token_type", [])
    if not isinstance(tokens, list) or not isinstance(types, list):
        raise NotGguf("no vocabulary")

    def token(key: str) -> str:
        number = values.get(f"tokenizer.ggml.{key}_token_id")
        return str(tokens[number]) if isinstance(number, int) and 0 <= number < len(tokens) else ""

    context = values[f"{values['general.architecture']}.context_length"]
    special = [str(text) for text, kind in zip(tokens, types, strict=False) if kind in {_CONTROL, _USER_DEFINED}]
    return GgufModel(
        name=str(values.get("general.name", "")),
        context_tokens=int(context) if isinstance(context, int) else 0,
        chat_template=str(values.get("tokenizer.chat_template", "")),
        bos_token=token("bos"),
        eos_token=token("eos"),
        # Without the key it depends on the kind of vocabulary: sentencepiece's adds it (llama.cpp, llama-vocab.cpp).
        add_bos=bool(values.get("tokenizer.ggml.add_bos_token", values.get("tokenizer.ggml.model") == "llama")),
        special_tokens=tuple(text for text in special if text.strip()),
        vocabulary=digest,
    )


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 0

    def metadata(self) -> tuple[dict[str, _Value], str]:
        """Every key's value, and a digest of what decides how a text becomes ids."""
        if self._data[:4] != b"GGUF":
            raise NotGguf("it does not begin with GGUF")
        self._at = 4
        version = self._number("<I")
        if version not in {2, 3}:
            raise NotGguf(f"GGUF version {version} is not known")
        self._number("<Q")  # how many tensors
        values: dict[str, _Value] = {}
        digest = hashlib.sha256()
        for _ in range(self._length()):
            start = self._at
            key = self._string()
            values[key] = self._value(self._number("<I"))
            if key.startswith("tokenizer.ggml."):
                digest.update(self._data[start : self._at])
        return values, digest.hexdigest()

    def _value(self, kind: int) -> _Value:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            of, count = self._number("<I"), self._length()
            if of in _SCALARS:
                layout = _SCALARS[of][0] + str(count) + _SCALARS[of][1]
                found = struct.unpack_from(layout, self._data, self._at)
                self._at += struct.calcsize(layout)
                return list(found)
            return [self._value(of) for _ in range(count)]
        found = struct.unpack_from(_SCALARS[kind], self._data, self._at)
        self._at += struct.calcsize(_SCALARS[kind])
        value: bool | int | float = found[0]
        return value

    def _string(self) -> str:
        length = self._length()
        self._at += length
        if self._at > len(self._data):
            raise NotGguf("it breaks off")
        return self._data[self._at - length : self._at].decode()

    def _length(self) -> int:
        length = self._number("<Q")
        if length > _ENTRIES_LIMIT:
            raise NotGguf(f"a length of {length}")
        return length

    def _number(self, layout: str) -> int:
        number: int = struct.unpack_from(layout, self._data, self._at)[0]
        self._at += struct.calcsize(layout)
        return number
